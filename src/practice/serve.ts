import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PASSPHRASE } from './bucket/encrypt.js';
import { ACCESS_KEY, SECRET_KEY } from './bucket/signature.js';
import type { PracticeCluster } from './cluster.js';
import { inventoryText } from './inventory-file.js';
import { loadedCopy } from './loaded.js';
import { TOKEN } from './node/layout.js';
import { SUDO_PASSWORD } from './programs/sudo.js';
import { S3Server } from './s3-server.js';
import { makeKey, SshServer } from './ssh-server.js';

/** A cluster that listens: SSH per node, S3, and the files a console needs to reach it. */
export interface Serving {
  readonly inventory: string;
  readonly ports: ReadonlyMap<string, number>;
  readonly endpoint: string;
  readonly privateKey: string;
  /** Open SSH connections right now. */
  connections(): number;
  close(): Promise<void>;
}

/** Opens the ports of a cluster on loopback and writes inventory, keys and secrets into `dir` (made 0700). */
export async function serve(
  cluster: PracticeCluster,
  dir: string,
  onConnections?: (count: number) => void,
  rehearsal = false,
): Promise<Serving> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { faults } = cluster;
  const client = makeKey('practice-operator');
  const servers = new Map<string, SshServer>();
  const connections = (): number => [...servers.values()].reduce((sum, one) => sum + one.connections, 0);
  const known: string[] = [];
  for (const node of cluster.nodes.values()) {
    const host = makeKey(node.name);
    const server = await SshServer.listen(node, {
      hostKey: host.privateKey,
      clientPublicKey: client.publicKey,
      users: ['root', 'ops'],
      onConnections: () => onConnections?.(connections()),
      ...(faults.has('dropped-connections') && node.state.role === 'server' ? { cutAfterMs: 20_000 } : {}),
    });
    servers.set(node.name, server);
    known.push(`[127.0.0.1]:${server.port} ${host.publicKey.split(' ').slice(0, 2).join(' ')}`);
  }
  const following = new AbortController();
  void followPower(cluster, servers, following.signal);
  const s3 = await S3Server.listen(cluster.bucket);
  const write = (name: string, text: string): void => writeFileSync(join(dir, name), text, { mode: 0o600 });
  const ops = faults.has('sudo-password') || faults.has('sudo-denied') || faults.has('sudo-nopassword');
  const sudo = !ops ? 'none' : faults.has('sudo-nopassword') ? 'passwordless' : 'password';
  const hosts = [...servers].map(([name, server]) => ({
    name,
    role: cluster.node(name).state.role,
    port: server.port,
  }));
  write('known_hosts', `${known.join('\n')}\n`);
  write('id_ed25519', client.privateKey);
  write('passphrase', `${faults.has('wrong-passphrase') ? 'not-the-right-passphrase' : PASSPHRASE}\n`);
  write('token', `${faults.has('wrong-token') ? 'not-the-right-token' : (loadedCopy()?.password ?? TOKEN)}\n`);
  write('s3-access-key', `${ACCESS_KEY}\n`);
  write('s3-secret-key', `${faults.has('wrong-key') ? 'practice/secret/key/of-somebody-else' : SECRET_KEY}\n`);
  write('sudo-password', `${SUDO_PASSWORD}\n`);
  write('cluster.yaml', inventoryText(hosts, s3.endpoint, cluster.dataDir, ops ? 'ops' : 'root', sudo, rehearsal));
  return {
    inventory: join(dir, 'cluster.yaml'),
    ports: new Map(hosts.map((host) => [host.name, host.port])),
    endpoint: s3.endpoint,
    privateKey: client.privateKey,
    connections,
    close: async () => {
      following.abort();
      await Promise.all([...servers.values()].map((server) => server.close()));
      await s3.close();
      cluster.close();
    },
  };
}

/** Opens and closes a node's port as its power comes and goes. */
async function followPower(
  cluster: PracticeCluster,
  servers: ReadonlyMap<string, SshServer>,
  signal: AbortSignal,
): Promise<void> {
  const powers = (): string => [...cluster.nodes.values()].map((node) => node.state.power).join();
  while (!signal.aborted) {
    const before = powers();
    for (const server of servers.values()) await server.follow();
    await cluster.time.wait(() => (powers() === before ? undefined : true), signal).catch(() => undefined);
  }
}
