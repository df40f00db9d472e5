import { basename } from 'node:path';
import { Breath } from './breathe.js';
import { type DiffEntry, entryOf } from './diff.js';
import { INTERNAL, isNoise, parseKey } from './objects.js';
import { field, fields, type Span } from './protobuf.js';
import { type RaftWork, readRequest } from './raft-request.js';
import { RandomReader } from './reader.js';
import { WAL, WalFile, type WalRecord } from './wal-records.js';

/** What lies in the log beyond what the database has taken over, and what etcd would do with it. */
export interface WalBeyond {
  /** Entries known to be committed: etcd applies them at its next start, also after a reset of membership. */
  readonly entries: number;
  /** Entries beyond those: a reset of membership discards them, a start with the other members may keep them. */
  readonly uncommitted: number;
  /** What the committed entries write and delete, where their conditions hold; the rest is leases, compactions and bookkeeping. */
  readonly puts: number;
  readonly deletes: number;
  readonly other: number;
  /** Objects the committed entries write or delete, at most {@link MOST_OBJECTS}; Events and Leases are left out. */
  readonly objects: readonly DiffEntry[];
  /** Objects beyond those, counted only. */
  readonly unlisted: number;
  /** The first entry of the log is not the one that follows the database: entries between them are nowhere. */
  readonly gap: boolean;
}

/** What a member's write-ahead log says. Indexes and terms are raft's own. */
export interface WalReading {
  /** Names of the files read, in order. */
  readonly files: readonly string[];
  /** Of the entries read; `null` when there was none. */
  readonly firstIndex: number | null;
  readonly lastIndex: number | null;
  readonly lastTerm: number | null;
  /** The highest index this member knew to be committed, and the term it was in. */
  readonly commit: number | null;
  readonly term: number | null;
  /** `ok`; `torn`: the last record was being written when it stopped, which etcd repairs by itself; `damaged`: etcd refuses to start with it. */
  readonly state: 'ok' | 'torn' | 'damaged';
  readonly damage: { readonly file: string; readonly offset: number; readonly reason: string } | null;
  /** `null` where the database's own index is not known, or the log holds no entry. */
  readonly beyond: WalBeyond | null;
}

export interface WalOptions {
  /** The database's `consistent_index`: the last entry it has taken over ({@link Proof.consistentIndex}). */
  readonly consistentIndex?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const MOST_OBJECTS = 200;
/** etcd writes to its database at the latest after 10,000 entries; more than this many are counted without being looked into. */
const MOST_ENTRIES = 50_000;

/** Index of the first entry a log file was made for, from its name (`<sequence>-<index>.wal`); `undefined` for other files, `0.tmp` among them. */
export function walStart(name: string): number | undefined {
  const hex = /^[0-9a-f]{16}-([0-9a-f]{16})\.wal$/.exec(name)?.[1];
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}

/**
 * Which files of `member/wal` tell what follows an index, in order: from the last that begins at or before it. Each is 64 MB, so those before
 * are better not fetched. All of them where the index is not known.
 */
export function walsAfter(names: readonly string[], index: number | undefined): string[] {
  const all = names.filter((name) => walStart(name) !== undefined).sort();
  if (index === undefined) return all;
  const from = all.findLastIndex((name) => (walStart(name) ?? 0) <= index + 1);
  return all.slice(Math.max(0, from));
}

/**
 * Reads a copy of a member's write-ahead log: `paths` are its files in order. Damage is an answer ({@link WalReading.state}), and what
 * stands before it is read; only a file out of reach throws ({@link ProblemError}).
 */
export async function readWal(paths: readonly string[], options: WalOptions = {}): Promise<WalReading> {
  const log = new Log(options.consistentIndex);
  const breath = new Breath(options.signal);
  let crc = 0;
  let damage: WalReading['damage'] = null;
  let state: WalReading['state'] = 'ok';
  for (const [index, path] of paths.entries()) {
    const reader = await RandomReader.open(path);
    try {
      const file = new WalFile(reader, crc, index === paths.length - 1);
      let step = file.next();
      for (; step.kind === 'record'; step = file.next()) {
        if (breath.due()) await breath.take();
        log.take(step);
      }
      crc = file.crc;
      if (step.kind !== 'end') {
        state = step.kind;
        damage = { file: basename(path), offset: step.offset, reason: step.reason };
        break;
      }
    } finally {
      await reader.close();
    }
  }
  return { files: paths.map((path) => basename(path)), ...log.told(), state, damage };
}

/** Follows the entries: one that comes again, with its index, replaces everything from there on, as raft does. */
class Log {
  #first: number | null = null;
  #last: number | null = null;
  #lastTerm: number | null = null;
  #commit: number | null = null;
  #term: number | null = null;
  readonly #after: number | undefined;
  /** What the entries beyond the database do, by index. */
  readonly #work = new Map<number, RaftWork>();

  constructor(after: number | undefined) {
    this.#after = after;
  }

  take({ type, data }: WalRecord): void {
    if (type === WAL.entry) this.#entry(data);
    else if (type === WAL.state) {
      // HardState: 1 term, 2 vote, 3 commit.
      this.#term = field(data, 1)?.value ?? this.#term;
      this.#commit = field(data, 3)?.value ?? this.#commit;
    }
  }

  /** raftpb.Entry: 1 type, 2 term, 3 index, 4 data. */
  #entry(data: Span): void {
    let [kind, term, index] = [0, 0, 0];
    let request: Span | undefined;
    for (const one of fields(data)) {
      if (one.number === 1) kind = one.value;
      else if (one.number === 2) term = one.value;
      else if (one.number === 3) index = one.value;
      else if (one.number === 4) request = one.span;
    }
    if (this.#last !== null && index <= this.#last) {
      for (const gone of [...this.#work.keys()]) if (gone >= index) this.#work.delete(gone);
    }
    this.#first = this.#first === null ? index : Math.min(this.#first, index);
    this.#last = index;
    this.#lastTerm = term;
    if (this.#after === undefined || index <= this.#after || this.#work.size >= MOST_ENTRIES) return;
    const work: RaftWork = { puts: 0, deletes: 0, other: 0, keys: [] };
    // A new leader's first entry is empty, and a change of membership is no request.
    if (kind === 0 && request !== undefined) readRequest(request, work);
    else work.other++;
    this.#work.set(index, work);
  }

  told(): Pick<WalReading, 'firstIndex' | 'lastIndex' | 'lastTerm' | 'commit' | 'term' | 'beyond'> {
    const told = {
      firstIndex: this.#first,
      lastIndex: this.#last,
      lastTerm: this.#lastTerm,
      commit: this.#commit,
      term: this.#term,
    };
    if (this.#after === undefined || this.#last === null || this.#first === null) return { ...told, beyond: null };
    const committed = Math.min(this.#last, this.#commit ?? this.#after);
    return { ...told, beyond: this.#beyond(this.#after, this.#first, this.#last, Math.max(committed, this.#after)) };
  }

  #beyond(after: number, first: number, last: number, committed: number): WalBeyond {
    const sum = { puts: 0, deletes: 0, other: 0 };
    const keys = new Set<string>();
    for (const [index, work] of this.#work) {
      if (index > committed) continue;
      sum.puts += work.puts;
      sum.deletes += work.deletes;
      sum.other += work.other;
      for (const key of work.keys) keys.add(key);
    }
    const objects = [...keys].filter((key) => {
      const { kind } = parseKey(key);
      return kind !== INTERNAL && isNoise(kind) === undefined;
    });
    return {
      ...sum,
      entries: committed - after,
      uncommitted: Math.max(0, last - Math.max(committed, after)),
      objects: objects.slice(0, MOST_OBJECTS).map(entryOf),
      unlisted: Math.max(0, objects.length - MOST_OBJECTS),
      gap: first > after + 1,
    };
  }
}
