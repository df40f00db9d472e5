import type { Proof } from './proof.js';
import { type ProveOptions, prove } from './prove.js';
import { readWal, type WalReading } from './wal.js';

/** A member's own data, read from a copy: its database, and what its write-ahead log holds beyond it. */
export interface Survivor {
  readonly proof: Proof;
  /** `null` where no log was given. */
  readonly wal: WalReading | null;
  /** The last entry known to be committed, in database or log; `null` where neither could be read. */
  readonly raftIndex: number | null;
  /** The last entry there is, and its term: what raft itself compares when it elects. */
  readonly lastIndex: number | null;
  readonly lastTerm: number | null;
  /** etcd would start with this data: the database is whole, the log is not damaged, and nothing is missing between them. */
  readonly startable: boolean;
}

/** Where a copy of a member lies: its database, and the log files that follow an index (see {@link walsAfter}), fetched when they are asked for. */
export interface MemberCopy {
  readonly db: string;
  wals(after: number | undefined): Promise<readonly string[]>;
}

/**
 * Reads a copy of `member/snap/db` and of the log that goes on from it. Only a file out of reach throws ({@link ProblemError}); damage is
 * an answer.
 */
export async function readSurvivor(copy: MemberCopy, options: Omit<ProveOptions, 'as'> = {}): Promise<Survivor> {
  const proof = await prove(copy.db, { name: 'db', ...options, as: 'survivor' });
  const consistentIndex = indexOf(proof.consistentIndex);
  const wals = await copy.wals(consistentIndex);
  const wal = wals.length === 0 ? null : await readWal(wals, { consistentIndex, signal: options.signal });
  const highest = (...all: (number | null | undefined)[]): number | null => {
    const known = all.filter((one) => one !== null && one !== undefined);
    return known.length === 0 ? null : Math.max(...known);
  };
  const committed = wal === null ? null : Math.min(wal.commit ?? 0, wal.lastIndex ?? wal.commit ?? 0);
  return {
    proof,
    wal,
    raftIndex: highest(consistentIndex, committed),
    lastIndex: highest(consistentIndex, wal?.lastIndex),
    lastTerm: highest(indexOf(proof.term), wal?.lastTerm),
    startable: proof.ok && wal?.state !== 'damaged' && wal?.beyond?.gap !== true,
  };
}

/**
 * Which of two survivors to go on from, best first when sorted: one that etcd starts with, then by raft's own rule (the higher term of the last
 * entry, then the longer log), then by revision.
 */
export function compareSurvivors(a: Survivor, b: Survivor): number {
  return (
    Number(b.startable) - Number(a.startable) ||
    (b.lastTerm ?? 0) - (a.lastTerm ?? 0) ||
    (b.lastIndex ?? 0) - (a.lastIndex ?? 0) ||
    (b.proof.revision ?? 0) - (a.proof.revision ?? 0)
  );
}

const indexOf = (value: number | string | null): number | undefined => (typeof value === 'number' ? value : undefined);
