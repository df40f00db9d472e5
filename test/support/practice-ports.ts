import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import type { VirtualClock } from '../../src/base/clock.js';
import { Secret } from '../../src/base/secret.js';
import { hostsPort } from '../../src/cli/hosts-port.js';
import { InstallDesk } from '../../src/cli/install-desk.js';
import { SecretBook } from '../../src/cli/secret-book.js';
import { SurvivorDesk } from '../../src/cli/survivor-desk.js';
import { tasksOf } from '../../src/cli/tasks.js';
import type { Cluster } from '../../src/incident/cluster.js';
import type { Json } from '../../src/incident/json.js';
import type { Loss } from '../../src/incident/loss.js';
import { createPracticeCluster, type PracticeCluster } from '../../src/practice/cluster.js';
import { dataText, snapshot } from '../../src/practice/data.js';
import { HOSTS } from '../../src/practice/node/hosts.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import type { Ports, RecordPort } from '../../src/runner/ports.js';
import { prove } from '../../src/snapshot/index.js';
import { type Cut, PracticeHost } from './practice-host.js';

export const BACKUP = 'snapshot-weekly-20261122020000.db.gpg';

export const practiceCluster: Cluster = {
  name: 'practice',
  drill: true,
  contacts: [],
  hosts: HOSTS.map(({ name, ip, role }) => ({
    name,
    role,
    address: ip,
    nodeName: name,
    dataDir: '/var/lib/rancher/k3s',
    service: role === 'server' ? 'k3s' : 'k3s-agent',
  })),
};

let spoolFolder: string | undefined;

/** One folder a process, for copies of survivors' data. */
function spool(): string {
  if (spoolFolder === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'blackstart-spool-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    spoolFolder = folder;
  }
  return spoolFolder;
}

/** What a comparison with the servers' own data would say: nothing is copied from practice nodes in this process. */
export const LOSS: Loss = {
  host: 'node-2',
  revision: 4_000,
  gone: {
    count: 2,
    byKind: [['deployments.apps', 2]],
    names: ['deployments.apps shop/web', 'deployments.apps shop/cart'],
  },
  older: { count: 1, byKind: [['secrets', 1]], names: ['secrets shop/key'] },
  back: { count: 0, byKind: [], names: [] },
  folded: 7,
  inLog: 0,
  sameCluster: true,
  remarks: ['node-1: its data is damaged and was not compared'],
};

/** The practice cluster as one that may be overwritten with another one's backup. */
export const rehearsalCluster: Cluster = {
  ...practiceCluster,
  rehearsal: { of: 'production', unreachable: ['192.0.2.11:6443'] },
};

/** What a look at a practice server tells of its CA. */
const PRACTICE_CA = createHash('sha256').update(dataText('server-ca.crt')).digest('hex');

const proven = new Map<string, Promise<ProvenBackup>>();

/** The newest backup of the practice bucket, really proven, once per process; or that of another cluster. */
export function provenSnapshot(which: 's2' | 'foreign' = 's2'): Promise<ProvenBackup> {
  const known = proven.get(which) ?? proveOnce(which);
  proven.set(which, known);
  return known;
}

async function proveOnce(which: 's2' | 'foreign'): Promise<ProvenBackup> {
  const folder = mkdtempSync(join(tmpdir(), 'blackstart-proven-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'snapshot');
  writeFileSync(file, snapshot(which), { mode: 0o600 });
  const proof = await prove(file, {
    name: BACKUP,
    tokens: [{ name: 'the inventory', token: new Secret(TOKEN) }],
    expectedNodes: practiceCluster.hosts.map((host) => host.name),
    ...(which === 'foreign' ? { expectedCaHashes: [PRACTICE_CA], elsewhere: true } : {}),
  });
  if (!proof.ok) throw new Error(`the practice snapshot is not restorable: ${JSON.stringify(proof.problems)}`);
  await warmUpShells();
  return {
    name: BACKUP,
    file,
    bytes: proof.bytes,
    fileSha256: proof.fileSha256 ?? '',
    revision: proof.revision ?? 0,
    takenAt: proof.takenAt === null ? null : Math.floor(Date.parse(proof.takenAt) / 1000),
    tokenHash: proof.token.expectedHash ?? '',
    caHash: proof.caHash,
    identity: which === 'foreign' ? proof.identity.verdict : 'this-cluster',
    identityEvidence: proof.identity.evidence,
    nodes: proof.nodes.map((node) => ({
      name: node.name,
      version: node.kubeletVersion ?? '',
      ...(node.args === null ? {} : { args: node.args }),
    })),
    k3sVersion: proof.k3sVersion,
    objects: proof.objects,
    warnings: [],
    wakes: [],
  };
}

/** The shell library loads its tools when they are first used, in real time; a virtual clock would run away meanwhile. */
async function warmUpShells(): Promise<void> {
  const cluster = createPracticeCluster();
  const script =
    'echo a b | tee /tmp/x | grep -o a | tail -n 1 | cut -d " " -f 1; cat /tmp/x; basename /a/b; dirname /a/b; sed -n p /tmp/x; sort /tmp/x';
  await cluster.node('node-1').exec(`sh -c '${script}'`);
  cluster.close();
}

export interface PracticePorts {
  readonly ports: Ports;
  readonly host: (name: string) => PracticeHost;
  /** Every command, `host: program word word…`, in the order of sending. */
  readonly sent: { readonly host: string; readonly argv: readonly string[] }[];
}

/** The runner's ports over a practice cluster in this process; only fetching is pretended, from a snapshot that was really proven. */
export function practicePorts(
  cluster: PracticeCluster,
  clock: VirtualClock,
  record: RecordPort,
  backup: ProvenBackup,
  fetched: Set<string> = new Set(),
  cut?: (host: string, argv: readonly string[]) => Cut | undefined,
): PracticePorts {
  const sent: { host: string; argv: readonly string[] }[] = [];
  const compared = new Set<string>();
  const hosts = new Map(
    [...cluster.nodes.keys()].map((name) => [
      name,
      new PracticeHost(
        () => cluster.node(name),
        clock,
        (host, argv) => sent.push({ host, argv }),
        cut,
      ),
    ]),
  );
  const host = (name: string): PracticeHost => {
    const found = hosts.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  };
  const book = new SecretBook();
  book.add(new Secret(TOKEN));
  const install = new InstallDesk({
    cluster: practiceCluster,
    spool: spool(),
    hosts: host,
    token: async () => new Secret(TOKEN),
  });
  const ports: Ports = {
    clock,
    record,
    redact: book.redact,
    // What was fetched lies in a spool, and is gone with it.
    holds: (file) => (file === backup.file ? fetched.size > 0 : existsSync(file)),
    hosts: hostsPort({
      host,
      make: (content, signal) => install.make(content, signal),
      token: async () => new Secret(TOKEN),
      mono: () => clock.mono(),
    }),
    tasks: tasksOf({
      k3s: install,
      survivor: new SurvivorDesk({
        hosts: host,
        spool: spool(),
        tokens: async () => [{ name: 'the inventory', token: new Secret(TOKEN) }],
      }),
      backup: {
        run: async (task) => {
          const name = String(task.input.snapshot);
          if (task.task.startsWith('backup.compare')) {
            if (fetched.size === 0) return { ok: false, result: null, text: 'no file to compare with' };
            if (task.task === 'backup.compare') compared.add(name);
            return compared.has(name)
              ? { ok: true, result: LOSS as unknown as Json, text: JSON.stringify(LOSS) }
              : { ok: false, result: null, text: 'not compared yet' };
          }
          if (task.task === 'backup.have' && !fetched.has(name))
            return { ok: false, result: null, text: 'not proven yet' };
          if (task.task === 'backup.fetch') {
            await clock.sleep(300);
            fetched.add(name);
          }
          return { ok: true, result: backup as unknown as Json, text: JSON.stringify(backup) };
        },
      },
    }),
  };
  return { ports, host, sent };
}
