/** What was seen of a host. Plain data: recorded when it changes, drawn live. */

export interface UnitFacts {
  readonly load: string;
  readonly active: string;
  readonly sub: string;
  readonly enabled: string;
  readonly restarts: number;
  readonly crashLoop: boolean;
  /** Seconds since the epoch. */
  readonly activeSince: number | null;
}

export interface ServiceFacts {
  /** Absolute path of the program, from the unit. */
  readonly path: string;
  readonly version: string;
  readonly unit: UnitFacts;
  /** Arguments of the unit after `server`/`agent`, without secrets. */
  readonly args: readonly string[];
  readonly serverUrl?: { readonly url: string; readonly from: 'arguments' | 'config' | 'environment' };
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly dataDir?: string;
  /** 12 hexadecimal digits of the token it would start with; never the token. */
  readonly tokenHash?: string;
  /** Where that token comes from, for the operator. */
  readonly tokenFrom?: string;
  readonly clusterInit: boolean;
  readonly etcdS3: boolean;
  readonly clusterReset: boolean;
  readonly configFiles: readonly string[];
  readonly problems: readonly string[];
}

export type Datastore = 'etcd' | 'sqlite' | 'external' | 'none';

export interface DataContent {
  readonly intact: boolean;
  /** Why not. */
  readonly problem?: string;
  readonly revision: number;
  /** Raft index and term of the last entry that etcd would apply. */
  readonly index: number;
  readonly term: number;
  /** UID of kube-system in it: made once per cluster. */
  readonly clusterUid?: string;
}

export interface DataFacts {
  readonly datastore: Datastore;
  /** Size of `member/snap/db` in bytes. */
  readonly dbBytes?: number;
  /** Bytes of everything under `db/etcd`. */
  readonly etcdBytes?: number;
  /** Seconds since the epoch. */
  readonly dbModified?: number;
  /** What a copy of the database says, where it was read: only of a server whose etcd does not run. */
  readonly content?: DataContent;
  readonly resetFlag: boolean;
  readonly tombstone: boolean;
  /** `db/etcd` is a mount point: K3s' own rename would fail. */
  readonly mountPoint: boolean;
  /** Databases moved aside earlier, oldest first. */
  readonly aside: readonly { readonly name: string; readonly time: number }[];
}

export interface HostFacts {
  readonly reachable: boolean;
  /** Why not, or why only partly. */
  readonly problem?: { readonly id: string; readonly what: string; readonly next: string };
  readonly latencyMs?: number;
  readonly hostname?: string;
  readonly machineId?: string;
  readonly os?: string;
  /** Its own IP addresses, the one of its default route first. */
  readonly addresses?: readonly string[];
  readonly init?: 'systemd' | 'other';
  /** Programs the plan needs and this host has not. */
  readonly lacks?: readonly string[];
  /** Host clock minus ours, in milliseconds. */
  readonly clockOffsetMs?: number;
  /** Free bytes where the data directory lies. */
  readonly diskFree?: number;
  readonly diskSize?: number;
  readonly service?: ServiceFacts;
  readonly data?: DataFacts;
  readonly held?: boolean;
  /** Ports of K3s somebody holds, e.g. `6443 (k3s-server, pid 78)`. */
  readonly ports?: readonly string[];
  /** Processes that are a K3s server, `pid user`. */
  readonly processes?: readonly string[];
  readonly etcd?: {
    readonly healthy: boolean;
    readonly reason: string;
    /** What it tells of itself, also without quorum. */
    readonly revision?: number;
    readonly index?: number;
  };
  readonly members?: readonly {
    readonly id: string;
    readonly name: string;
    readonly peer: string;
    readonly learner: boolean;
  }[];
  /** Whether the apiserver said ready. */
  readonly apiReady?: boolean;
  /** With which words K3s gave up its last start, where it starts over and over; or what it waits for in vain. */
  readonly lastFatal?: string;
  /** When its serving certificate expires, seconds since the epoch. */
  readonly certExpires?: number;
  /** Ports of other servers it could not connect to, e.g. `node-2:2380`. */
  readonly cannotReach?: readonly string[];
  /** sha256 of `server-ca.crt`, hexadecimal. */
  readonly caHash?: string;
}

export const unseen: HostFacts = { reachable: false };

/** Problems of a host that was reached over SSH: it could not tell what was asked, but a machine that is off does not take a login. */
const ON_ALL_THE_SAME: readonly string[] = ['host-slow', 'disk-error', 'sudo-denied'];

/** Why a host that tells nothing is known to be on; undefined where it is not. */
export function knownToBeOn(facts: HostFacts | undefined): string | undefined {
  const problem = facts?.reachable === false ? facts.problem : undefined;
  return problem !== undefined && ON_ALL_THE_SAME.includes(problem.id) ? problem.what : undefined;
}
