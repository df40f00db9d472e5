import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { shortTime } from '../../../src/practice/k3s/speak.js';
import type { PracticeNode } from '../../../src/practice/node/node.js';
import { k3s } from '../../../src/practice/programs/k3s.js';
import type { Run } from '../../../src/practice/programs/run.js';
import { ALIVE_MS, type History } from './history.js';
import type { StandIn } from './process.js';

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `k3s kubectl`, `crictl` and `etcd-snapshot` are the practice cluster's own programs, over this server's history. */
export async function runInServer(standIn: StandIn, argv: readonly string[]): Promise<Said> {
  const { history } = standIn.etcd;
  if (argv[0] === 'etcd-snapshot' && (argv[1] === 'save' || argv[1] === undefined)) return saveSnapshot(standIn, argv);
  if (history !== undefined && standIn.state.led) await history.refresh(standIn.etcd.gateway(), standIn.name);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const run = {
    argv: ['k3s', ...argv],
    env: {},
    cwd: '/',
    user: 'root',
    stdin: (async function* () {})(),
    output: {
      out: (chunk: Uint8Array | string) => void stdout.push(Buffer.from(chunk)),
      err: (chunk: Uint8Array | string) => void stderr.push(Buffer.from(chunk)),
    },
    signal: AbortSignal.timeout(30_000),
    unit: undefined,
    pid: process.pid,
  } as unknown as Run;
  const code = await k3s(asNode(standIn, history), run);
  if (history !== undefined && standIn.state.led) await history.push(standIn.etcd.gateway(), standIn.name);
  return { code, stdout: Buffer.concat(stdout).toString('utf8'), stderr: Buffer.concat(stderr).toString('utf8') };
}

/** What those programs look at of a practice node: its files, its K3s process, and which kubelets are alive. */
function asNode(standIn: StandIn, history: History | undefined): PracticeNode {
  const own = { pid: process.pid, ppid: 1, user: 'root', args: 'k3s server', unit: undefined, k3s: standIn.state };
  const hosts = new Map<string, unknown>();
  for (const record of history?.nodes ?? []) {
    const alive = Date.now() - record.seen < ALIVE_MS;
    const kubelet = { kubelet: alive, options: { command: 'agent' }, vars: { LINEAGE: history?.id } };
    hosts.set(record.name, { power: 'on', procs: new Map([[1, { k3s: kubelet }]]) });
  }
  return {
    name: standIn.name,
    files: () => standIn.files,
    now: () => Date.now(),
    changed: () => undefined,
    state: { procs: new Map([[own.pid, own]]), ip: standIn.ip },
    etcd: standIn.etcd,
    time: {
      world: { nodes: hosts, speed: 10 },
      clock: { mono: () => performance.now() },
      sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
      wait: () => new Promise(() => undefined),
    },
  } as unknown as PracticeNode;
}

/** `k3s etcd-snapshot save`: a snapshot of the real etcd under K3s' name for it. */
function saveSnapshot(standIn: StandIn, argv: readonly string[]): Said {
  const named = argv.indexOf('--name');
  const seconds = Math.floor(Date.now() / 1000);
  const name = `${named < 0 ? 'on-demand' : argv[named + 1]}-${standIn.name}-${seconds}`;
  const dir = `${standIn.state.options.dataDir}/server/db/snapshots`;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const saved = spawnSync(
    '/opt/lab/etcdctl',
    ['--endpoints', 'http://127.0.0.1:2379', 'snapshot', 'save', `${dir}/${name}`],
    {
      encoding: 'utf8',
      env: { ...process.env, ETCDCTL_API: '3' },
    },
  );
  const now = shortTime(Date.now());
  if (saved.status !== 0)
    return {
      code: 1,
      stdout: '',
      stderr: `time="${now}" level=fatal msg="Error: see server log for details: ${saved.stderr.trim()}"\n`,
    };
  return { code: 0, stdout: '', stderr: `time="${now}" level=info msg="Snapshot ${name} saved."\n` };
}
