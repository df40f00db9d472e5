import { inertLine } from '../base/inert.js';
import { ProblemError } from '../base/problem.js';
import { readMetas } from './bolt-meta.js';
import { Breath } from './breathe.js';
import { keyAt } from './content.js';
import { TRAILER } from './digest.js';
import { scanEtcd } from './etcd-scan.js';
import { Findings } from './findings.js';
import { shortName } from './form.js';
import { INTERNAL, isNoise, parseKey } from './objects.js';
import { RandomReader } from './reader.js';
import { StateTable } from './state-table.js';

/** One object that differs, or one that lives. */
export interface DiffEntry {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** The etcd key. */
  readonly key: string;
}

/** What happened from the older file to the newer one. */
export interface SnapshotDiff {
  readonly a: string;
  readonly b: string;
  readonly created: readonly DiffEntry[];
  readonly changed: readonly DiffEntry[];
  readonly deleted: readonly DiffEntry[];
  /** How many Events and Leases differ in any way. */
  readonly folded: { readonly events: number; readonly leases: number };
  /** Entries beyond `limit` that were counted and not listed. */
  readonly unlisted: number;
}

export interface DiffOptions {
  readonly signal?: AbortSignal;
  /** The most entries listed in each of the three lists. */
  readonly limit?: number;
}

const LIMIT = 100_000;

/**
 * Compares the objects of two snapshots (or a snapshot and a survivor's data) by content: what was created, changed and deleted
 * from `fileA` to `fileB`. In memory are 40 bytes a key and what differs. Throws {@link ProblemError} `not-comparable` for a file that
 * is no whole etcd database.
 */
export async function diffSnapshots(fileA: string, fileB: string, options: DiffOptions = {}): Promise<SnapshotDiff> {
  const [a, b] = [await State.read(fileA, options.signal), await State.read(fileB, options.signal)];
  try {
    const limit = options.limit ?? LIMIT;
    const folded = { events: 0, leases: 0 };
    let unlisted = 0;
    const put = (list: DiffEntry[], key: string): void => {
      const name = parseKey(key);
      const noise = isNoise(name.kind);
      if (noise !== undefined) folded[noise]++;
      else if (name.kind === INTERNAL) return;
      else if (list.length >= limit) unlisted++;
      else list.push(entryOf(key));
    };
    const created: DiffEntry[] = [];
    const changed: DiffEntry[] = [];
    const deleted: DiffEntry[] = [];
    for (const slot of b.table.live()) {
      const before = a.table.find(b.table, slot);
      if (before < 0) put(created, b.key(slot));
      else if (!a.table.sameContent(before, b.table, slot)) put(changed, b.key(slot));
    }
    for (const slot of a.table.live()) if (b.table.find(a.table, slot) < 0) put(deleted, a.key(slot));
    for (const list of [created, changed, deleted]) list.sort((one, two) => (one.key < two.key ? -1 : 1));
    return { a: shortName(fileA), b: shortName(fileB), created, changed, deleted, folded, unlisted };
  } finally {
    await a.close();
    await b.close();
  }
}

/** Every live object of a file, in key order, internal keys left out. Throws as {@link diffSnapshots} does. */
export async function liveObjects(file: string, signal?: AbortSignal): Promise<DiffEntry[]> {
  const state = await State.read(file, signal);
  try {
    const keys: string[] = [];
    for (const slot of state.table.live()) keys.push(state.key(slot));
    return keys
      .sort()
      .filter((key) => parseKey(key).kind !== INTERNAL)
      .map(entryOf);
  } finally {
    await state.close();
  }
}

/** An etcd key as an entry, made inert. */
export function entryOf(key: string): DiffEntry {
  const { kind, namespace, name } = parseKey(key);
  return {
    kind: inertLine(kind, 300),
    namespace: inertLine(namespace, 300),
    name: inertLine(name, 300),
    key: inertLine(key, 1000),
  };
}

/** The live keys of one file with where they stand, the file still open. */
class State {
  private constructor(
    readonly reader: RandomReader,
    readonly table: StateTable,
  ) {}

  static async read(file: string, signal: AbortSignal | undefined): Promise<State> {
    const reader = await RandomReader.open(file);
    try {
      const findings = new Findings();
      const imageSize = reader.size % 512 === TRAILER ? reader.size - TRAILER : reader.size;
      const meta = readMetas(reader, imageSize, findings);
      const table = new StateTable();
      if (meta !== undefined) await scanEtcd(reader, meta, table, findings, new Breath(signal), () => {});
      if (meta === undefined || findings.fatal > 0 || table.full) throw notComparable(file, findings, table.full);
      return new State(reader, table);
    } catch (thrown) {
      await reader.close();
      throw thrown;
    }
  }

  key(slot: number): string {
    return keyAt(this.reader, this.table.place(slot));
  }

  close(): Promise<void> {
    return this.reader.close();
  }
}

function notComparable(file: string, findings: Findings, full: boolean): ProblemError {
  const reason = full ? 'It holds more keys than can be compared in bounded memory.' : findings.list()[0]?.message;
  return new ProblemError({
    id: 'not-comparable',
    what: `The file cannot be compared: ${reason ?? 'it is no etcd database.'}`,
    where: shortName(file),
    left: 'Nothing was changed.',
    next: 'Verify the file; compare with one that is whole.',
  });
}
