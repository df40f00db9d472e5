/** A copy of a real cluster's backup that the practice cluster is loaded with, in place of the recorded snapshots. */
export interface Loaded {
  /** The snapshot with its trailer. */
  readonly file: Uint8Array;
  readonly image: Uint8Array;
  /** `resource namespace/name`, with nodes. */
  readonly objects: readonly string[];
  readonly revision: number;
  /** Raft index of the last entry it took over. */
  readonly index: number;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly servers: readonly string[];
  /** The password of the token that opens it, and the CA it holds. */
  readonly password: string;
  readonly serverCa: string;
}

let loaded: Loaded | undefined;

/** What the databases of this process may hold besides the recorded snapshots: one copy, since a process serves one cluster. */
export const loadedCopy = (): Loaded | undefined => loaded;

export function load(copy: Loaded): void {
  loaded = copy;
}
