import type { Options } from './options.js';

/** One member in etcd's member list. Ids are 16 hex digits: they exceed 2^53 (R28). */
export interface Member {
  readonly id: string;
  /** `<node>-<8 hex>`; empty until a joiner has started (R28). */
  name: string;
  readonly ip: string;
  learner: boolean;
  /** When it became a voter, for the lagging `EtcdIsVoter` condition (R32). */
  promotedAt: number;
}

/** A Node as the API keeps it. */
export interface NodeRecord {
  readonly name: string;
  readonly ip: string;
  readonly role: 'server' | 'agent';
  /** Last time its kubelet was seen by this cluster; it shows Ready for a minute after (R18). */
  seen: number;
  readonly created: number;
  annotations: Record<string, string>;
}

/** A pod made with `kubectl run`. */
export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly node: string;
  readonly created: number;
  readonly runs: boolean;
  /** It runs until it is deleted, as a Deployment's. */
  readonly keeps?: true;
}

/**
 * One history of an etcd cluster: what a set of members agrees on. A restore or a reset begins a new one, so two
 * members with the same ids can belong to different histories (R20, R23).
 */
export interface Lineage {
  readonly id: string;
  readonly clusterId: string;
  members: Member[];
  /** Ids of members that were dropped: they are told so when they come back (R22). */
  removed: string[];
  /** Which password the bootstrap data is encrypted with: 12 hex (R39). */
  tokenHash: string;
  /** The database image it began with. */
  readonly image: Uint8Array;
  /** The CA that a server hands to one that joins, where its database is not at hand. */
  readonly serverCa?: string;
  /** `resource namespace/name`, without nodes. */
  objects: string[];
  nodes: NodeRecord[];
  /** Passwords of nodes that registered since; of the others what they were installed with. */
  passwords?: Record<string, string>;
  pods: PodRecord[];
  revision: number;
  /** Since when it has a leader; 0 = none. */
  leaderSince: number;
  /** Since when it has none although members run; 0 = it has one or nobody runs. */
  lostSince: number;
  /** When an apiserver over it first became ready; 0 = not yet. */
  apiSince: number;
}

/** What a member's write-ahead log says it belongs to. */
export interface WalRecord {
  readonly lineage: string;
  readonly member: string;
}

/** The supervisor of another server as a joiner sees it on port 6443. */
export interface Supervisor {
  readonly node: string;
  readonly lineage: string;
  readonly member: Member;
  readonly leading: boolean;
}

/** etcd as K3s embeds it: data directories on disk, and members that find each other. */
export interface EtcdPort {
  /** What the data directory's WAL says; undefined without one. */
  read(dir: string): WalRecord | undefined;
  lineage(id: string): Lineage;
  /** Begins a history with one member and writes its data directory. */
  begin(dir: string, member: Pick<Member, 'name' | 'ip'>, from: BeginFrom): WalRecord;
  /** Adds a learner to a history and writes its data directory; the name is known once it has started. */
  join(dir: string, name: string, ip: string, lineage: string): WalRecord;
  /** Called after this process's member came up or went down, so that leaders are found or lost. */
  review(lineage: string): void;
  /** The server that answers at an address, if one does. */
  supervisor(ip: string): Supervisor | undefined;
  /** Whether this process's member leads its history. */
  leads(wal: WalRecord): boolean;
  /** Voters besides this process's own that run, and how many of them are not about to stop. */
  heirs(wal: WalRecord): { readonly running: number; readonly staying: number };
  /** Histories that have a leader right now. */
  leading(): Lineage[];
}

export type BeginFrom =
  | { readonly kind: 'new'; readonly tokenHash: string }
  | { readonly kind: 'restore'; readonly image: Uint8Array; readonly tokenHash: string }
  | { readonly kind: 'force'; readonly wal: WalRecord };

/** What the model is told by time, by peers, and by whoever started it. Plain data: a running K3s can be copied. */
export type K3sEvent =
  | { readonly kind: 'say'; readonly script: string; readonly from: number; readonly to: number }
  | { readonly kind: 'phase'; readonly phase: string; readonly round?: number }
  | { readonly kind: 'leader' }
  | { readonly kind: 'leaderless' };

/** A running K3s process. Plain data. */
export interface K3sState {
  readonly pid: number;
  readonly options: Options;
  readonly startedAt: number;
  /** What fills the «NAMES» of recorded lines. */
  readonly vars: Record<string, string>;
  phase: string;
  /** `address:port` this process listens on. */
  listening: string[];
  wal?: WalRecord;
  etcdUp: boolean;
  /** etcd answers and has a leader, as seen from here. */
  led: boolean;
  api: 'down' | 'starting' | 'ready';
  /** 6443 answers `/ping`. */
  supervisor: 'down' | 'starting' | 'up';
  kubelet: boolean;
  /** This member was told it is no longer one (R22, R36). */
  removed: boolean;
  /** etcd runs on data that was never verified: it answers, but nothing on top of it does (R13). */
  hollow: boolean;
  /** Counts losses of the leader, so that late events of an earlier one are ignored. */
  round: number;
  ready: boolean;
  /** Set while it stops: it leads, and there was a voter that could lead after it. */
  handsOver?: boolean;
}

/** Everything the model needs of the machine it runs on. */
export interface K3sPorts {
  readonly node: string;
  readonly ip: string;
  readonly files: ModelFiles;
  readonly etcd: EtcdPort;
  now(): number;
  /** Random hex digits. */
  hex(digits: number): string;
  after(ms: number, event: K3sEvent): void;
  line(text: string): void;
  /** sd_notify READY=1. */
  ready(): void;
  exit(code: number): void;
  /** Whether another process listens on a port. */
  taken(port: number): boolean;
}

/** The part of a file system the model uses; every call may throw as the system call would. */
export interface ModelFiles {
  exists(path: string): boolean;
  isDirectory(path: string): boolean;
  read(path: string): Uint8Array;
  text(path: string): string;
  write(path: string, content: Uint8Array | string, mode?: number, size?: number): void;
  list(path: string): string[];
  mkdir(path: string, options?: { parents?: boolean; mode?: number }): void;
  rename(from: string, to: string): void;
  remove(path: string, options?: { recursive?: boolean }): void;
  copy(from: string, to: string): void;
  symlink(target: string, path: string): void;
}
