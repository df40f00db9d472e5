import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';

/** Whether a real etcd is installed (Debian: etcd-server); says so once where it is not. */
export function hasEtcd(): boolean {
  const there = spawnSync('etcd', ['--version']).status === 0;
  if (!there)
    process.stderr.write('etcd is not installed: what it leaves is not compared with (apt-get install etcd-server)\n');
  return there;
}

/** A real etcd of one member on loopback. */
export interface RealEtcd {
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  status(): Promise<{ raftIndex: number; raftTerm: number; revision: number }>;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts it on a data directory and waits until it answers. */
export async function startEtcd(directory: string, more: readonly string[]): Promise<RealEtcd> {
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const etcd = spawn(
    'etcd',
    ['--data-dir', directory, '--listen-client-urls', client, '--advertise-client-urls', client]
      .concat([
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `default=${peer}`,
      ])
      .concat(more),
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => etcd.once('exit', () => resolve()));
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${client}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  };
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  for (let tries = 0; ; tries++) {
    if (await post('maintenance/status', {}).catch(() => undefined)) break;
    if (tries > 200 || etcd.exitCode !== null) throw new Error('etcd did not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    put: async (key, value) => {
      await post('kv/txn', { success: [{ requestPut: { key: base64(key), value: base64(value) } }] });
    },
    remove: async (key) => {
      await post('kv/deleterange', { key: base64(key) });
    },
    status: async () => {
      const { raftIndex, raftTerm, header } = await post('maintenance/status', {});
      return {
        raftIndex: Number(raftIndex),
        raftTerm: Number(raftTerm),
        revision: Number((header as { revision?: string }).revision),
      };
    },
    end: async (signal) => {
      etcd.kill(signal);
      await ended;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
