import type { Member } from './etcd-scan.js';
import type { Finding } from './findings.js';
import type { Format } from './form.js';
import type { Wake } from './wakes.js';

export type Verdict = 'restorable' | 'restorable-with-warnings' | 'not-restorable';
export type IdentityVerdict = 'this-cluster' | 'cannot-tell' | 'another-cluster';

/** Whose snapshot it is, with what speaks for it. */
export interface Identity {
  readonly verdict: IdentityVerdict;
  readonly evidence: readonly string[];
}

/** What one given token did. */
export interface TokenTry {
  /** The caller's name for it: where it was found. */
  readonly name: string;
  /** Its 12 hex digits; `null` when it cannot be a server token. */
  readonly hash: string | null;
  readonly opens: boolean;
  /** Why it does not open, in words; empty when it does. */
  readonly reason: string;
}

/** The token part of a proof: `checked` says whether any token was given. */
export interface TokenProof {
  readonly checked: boolean;
  readonly opens: boolean;
  /** The 12 hex digits the snapshot's bootstrap data is filed under (facts 8.2); `null` when there is none. */
  readonly expectedHash: string | null;
  /** Name of the token that opens it. */
  readonly candidate: string | null;
  readonly tried: readonly TokenTry[];
}

/** A restore for trial with etcd's own tool, into a directory that was removed afterwards. */
export interface Trial {
  /** `etcdutl` or `etcdctl`, and its version. */
  readonly tool: string;
  readonly version: string;
  readonly ok: boolean;
  /** Why it failed, in the tool's words; empty when it did not. */
  readonly message: string;
}

/**
 * Everything a proof found, as plain data: it goes through a worker's messages and into `verify --json` as it is.
 * Numbers above 2^53 are given as text.
 */
export interface Proof {
  readonly ok: boolean;
  readonly verdict: Verdict;
  readonly source: string;
  /** Size of the file, bytes. */
  readonly bytes: number;
  readonly format: Format;
  /** What was inside, for `zip`. */
  readonly inner: Format | null;
  /** The image against its trailer; `expected` is `null` where a form has no trailer. */
  readonly sha256: { readonly expected: string | null; readonly actual: string | null; readonly ok: boolean };
  /** SHA-256 of the whole file as `sha256sum` prints it, for checking a copy elsewhere (for `zip`: of the unpacked file). */
  readonly fileSha256: string | null;
  /** Pages of the image and bytes of each. */
  readonly pages: number;
  readonly pageSize: number;
  /** `totalSize` of etcdctl: pages × page size, bytes. */
  readonly totalSize: number;
  readonly revision: number | null;
  /** Live keys: what etcd 3.6 counts. */
  readonly keys: number | null;
  /** Entries of all buckets: what etcd up to 3.5 counts. */
  readonly totalKeys: number | null;
  readonly hash: string | null;
  readonly etcdVersion: string | null;
  readonly clusterVersion: string | null;
  readonly storageVersion: string | null;
  readonly consistentIndex: number | string | null;
  readonly term: number | string | null;
  readonly leases: number;
  readonly members: readonly Member[];
  /** `args`: what K3s was started with there, its config file included, secrets masked; `null` where the Node does not say. */
  readonly nodes: readonly {
    readonly name: string;
    readonly kubeletVersion: string | null;
    readonly args: readonly string[] | null;
  }[];
  /** The highest version any Node ran. */
  readonly k3sVersion: string | null;
  readonly objects: Readonly<Record<string, number>>;
  readonly objectsByNamespace: Readonly<Record<string, number>>;
  /** UID of namespace kube-system: K3s' own id of the cluster. */
  readonly clusterUid: string | null;
  /** At most {@link MOST_WAKES}; `wakeCounts` has them all by cause. */
  readonly wakes: readonly Wake[];
  readonly wakeCounts: Readonly<Record<string, number>>;
  /** ISO time, and where it is known from. */
  readonly takenAt: string | null;
  readonly takenAtFrom: 'name' | 'content' | 'mtime' | null;
  readonly token: TokenProof;
  readonly caHash: string | null;
  /** Where the CA hash is known from: the opened bootstrap data, or the CA published in every namespace. */
  readonly caHashFrom: 'bootstrap' | 'kube-root-ca' | null;
  readonly caExpiry: string | null;
  readonly secretsEncryption: boolean | null;
  readonly identity: Identity;
  /** kine's revision, for `sqlite`. */
  readonly kineRevision: number | null;
  /** `null` where no tool was at hand for one: proven by structure. */
  readonly trial: Trial | null;
  readonly problems: readonly Finding[];
  readonly seconds: number;
}

export const MOST_WAKES = 500;

/** The verdict findings lead to. */
export function verdictOf(problems: readonly Finding[]): Verdict {
  if (problems.some((one) => one.severity === 'fatal')) return 'not-restorable';
  return problems.some((one) => one.severity === 'warning') ? 'restorable-with-warnings' : 'restorable';
}
