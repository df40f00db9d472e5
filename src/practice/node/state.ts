import type { K3sEvent, K3sState, Lineage, NodeRecord } from '../k3s/ports.js';
import type { Disk } from './inode.js';
import type { Script } from './replay.js';

/** A line of a node's journal. */
export interface JournalEntry {
  readonly seq: number;
  /** Microseconds since the epoch. */
  readonly at: number;
  readonly unit: string;
  readonly identifier: string;
  readonly pid: number;
  readonly priority: number;
  readonly message: string;
  readonly boot: string;
}

/** A process a node shows in `ps`. */
export interface Proc {
  readonly pid: number;
  readonly ppid: number;
  readonly user: string;
  readonly args: string;
  /** The unit whose main process or child it is. */
  readonly unit: string | undefined;
  k3s?: K3sState;
  /** What a K3s process has said to the shell above it. */
  readonly heard?: string[];
  /** Of a unit's main process that is a shell. */
  readonly script?: Script;
}

/** How a K3s process ended that a shell waits for. */
export interface Exit {
  readonly code: number;
  readonly signal?: number;
  readonly heard: readonly string[];
}

/** A unit definition as read at the last daemon-reload. */
export interface UnitDef {
  readonly description: string;
  readonly fragment: string;
  readonly dropIns: readonly string[];
  readonly type: 'notify' | 'simple' | 'exec' | 'oneshot';
  readonly execStart: readonly string[];
  readonly environmentFiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Names of UnsetEnvironment=, which beat every other source. */
  readonly unsetEnvironment: readonly string[];
  readonly restart: boolean;
  readonly restartMs: number;
  readonly remain: boolean;
  readonly transient: boolean;
  readonly collect: boolean;
  readonly killMode: string;
  /** Paths of AssertPathExists=, with their `!`. */
  readonly asserts: readonly string[];
  readonly workingDirectory: string | undefined;
  /** SyslogIdentifier=, where it is set. */
  readonly identifier: string | undefined;
}

export interface Unit {
  readonly name: string;
  def: UnitDef;
  active: 'inactive' | 'activating' | 'active' | 'deactivating' | 'failed';
  sub: string;
  result: string;
  mainPid: number;
  restarts: number;
  execStartAt: number;
  execExitAt: number;
  execCode: number;
  execStatus: number;
  changedAt: number;
  inactiveExitAt: number;
  activeEnterAt: number;
  invocation: string;
  assertResult: 'yes' | 'no';
  /** Counts starts, so that a blocking `systemctl start` knows its own. */
  jobs: number;
  /** How the last start job ended. */
  jobResult: 'pending' | 'done' | 'failed' | 'assert' | 'canceled';
  /** `systemctl restart --no-block`: it is started again as soon as it has stopped. */
  again?: boolean;
}

/** A container that runs, with the shim that holds it. */
export interface Container {
  /** `namespace/name` of its pod. */
  readonly pod: string;
  readonly name: string;
  readonly id: string;
  /** Of its shim. */
  readonly pid: number;
  /** Of its pod. */
  readonly uid: string;
  /** The kubelet does not get rid of it. */
  readonly stuck: boolean;
}

/** What can be said about a machine besides its files. */
export interface NodeState {
  readonly name: string;
  readonly ip: string;
  readonly role: 'server' | 'agent';
  readonly disk: Disk;
  readonly units: Map<string, Unit>;
  readonly procs: Map<number, Proc>;
  readonly exits: Map<number, Exit>;
  /** Lines K3s already put into a unit's journal while it ran below a shell, with how often. */
  readonly journalled: Map<string, Map<string, number>>;
  journal: JournalEntry[];
  journalSeq: number;
  nextPid: number;
  bootId: string;
  readonly machineId: string;
  bootedAt: number;
  power: 'on' | 'off' | 'hung';
  /** Multiplies how long K3s takes here. */
  pace: number;
  /** Multiplies how long writing to disk takes here; 0 = no time. */
  diskDelayMs: number;
  sudo: 'nopasswd' | 'password' | 'denied';
  init: 'systemd' | 'openrc';
  /** How many resets are still to be killed in the middle here. */
  killResets: number;
  /** K3s here is the recorded v1.32.1 by name; it behaves as the one model does. */
  olderK3s: boolean;
  containers: Container[];
  /** Addresses besides its own, with their prefix length. */
  readonly further: readonly string[];
  /** Users who may log in besides root. */
  readonly users: string[];
}

/** Something that will happen. Plain data, so that a cluster can be copied. */
export type WorldEvent = { readonly at: number; readonly seq: number; readonly node: string } & (
  | { readonly kind: 'k3s'; readonly pid: number; readonly event: K3sEvent }
  | { readonly kind: 'unit'; readonly unit: string; readonly op: 'spawn' | 'restart'; readonly job: number }
  | { readonly kind: 'act'; readonly act: 'power-on' | 'peer-start' | 'review'; readonly lineage?: string }
);

/** Everything a practice cluster is. Plain data. */
export interface World {
  readonly nodes: Map<string, NodeState>;
  readonly lineages: Map<string, Lineage>;
  events: WorldEvent[];
  seq: number;
  /** State of the generator of names and ids. */
  random: number;
  readonly speed: number;
  /** Nodes that every history knows and that no host is behind. */
  readonly gone: readonly NodeRecord[];
}

/** A deep copy; byte arrays are shared, they are never written into. */
export function copyPlain<T>(value: T, seen = new Map<unknown, unknown>()): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const known = seen.get(value);
  if (known !== undefined) return known as T;
  if (value instanceof Date) return new Date(value) as T;
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, one] of value) copy.set(key, copyPlain(one, seen));
    return copy as T;
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    seen.set(value, copy);
    for (const one of value) copy.push(copyPlain(one, seen));
    return copy as T;
  }
  const copy: Record<string, unknown> = {};
  seen.set(value, copy);
  for (const [key, one] of Object.entries(value)) copy[key] = copyPlain(one, seen);
  return copy as T;
}
