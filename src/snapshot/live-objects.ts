import type { Entry } from './bolt-walk.js';
import { type Hash, hashBytes, LiveTable } from './live-table.js';
import type { Revision } from './mvcc.js';
import { INTERNAL, parseKey } from './objects.js';

/** Where a live object's key and value stand in the file, for reading it again when the walk is over. */
export interface Place {
  readonly key: number;
  readonly keyLength: number;
  readonly value: number;
  readonly valueLength: number;
  readonly revision: number;
}

/** Which objects are worth reading again. */
export type Interest = (kind: string, namespace: string, name: string) => boolean;

interface Group {
  readonly kind: string;
  readonly namespace: string;
  /** Some objects of this kind are of interest: the name decides. */
  readonly watched: boolean;
  live: number;
}

/** A file made of a million namespaces must not take the memory: beyond this, groups are counted as one. */
const MOST_GROUPS = 50_000;
const MOST_PLACES = 20_000;
/** How many of the last writes are looked at for the time the snapshot was taken. */
const RECENT = 48;

/**
 * Replays revisions in order and knows at the end which objects live (facts 7.6), counted by kind and namespace, and where those
 * of interest stand. Keys are kept as hashes only.
 */
export class LiveObjects {
  readonly #table = new LiveTable();
  readonly #groups: Group[] = [];
  readonly #byPrefix = new Map<string, number>();
  readonly #places = new Map<number, Place>();
  readonly #recent: Place[] = [];
  readonly #watchedKinds: (kind: string) => boolean;
  readonly #interest: Interest;
  readonly #hash: Hash = { a: 0, b: 0 };
  #live = 0;
  #writes = 0;
  #full = false;

  constructor(watchedKinds: (kind: string) => boolean, interest: Interest) {
    this.#watchedKinds = watchedKinds;
    this.#interest = interest;
  }

  /** Live keys, or `undefined` when there were more than can be told apart. */
  get keys(): number | undefined {
    return this.#full ? undefined : this.#live;
  }

  /** Places of the live objects of interest. */
  places(): Place[] {
    return [...this.#places.values()];
  }

  /** Places of the last values written, oldest first. */
  recent(): Place[] {
    const from = this.#writes % RECENT;
    return this.#writes < RECENT ? [...this.#recent] : [...this.#recent.slice(from), ...this.#recent.slice(0, from)];
  }

  /** Live objects by kind, and by namespace; internal keys left out. */
  counts(): { byKind: Record<string, number>; byNamespace: Record<string, number> } {
    const kinds = new Map<string, number>();
    const namespaces = new Map<string, number>();
    for (const { kind, namespace, live } of this.#groups) {
      if (live === 0 || kind === INTERNAL) continue;
      kinds.set(kind, (kinds.get(kind) ?? 0) + live);
      if (namespace !== '') namespaces.set(namespace, (namespaces.get(namespace) ?? 0) + live);
    }
    return { byKind: sorted(kinds), byNamespace: sorted(namespaces) };
  }

  /** Takes the next revision; they must come in order. */
  take(entry: Entry, revision: Revision): void {
    const { bytes } = entry;
    hashBytes(bytes, revision.key, revision.keyEnd, this.#hash);
    const slot = this.#table.slot(this.#hash);
    if (slot < 0) {
      this.#full = true;
      return;
    }
    let data = this.#table.get(slot);
    if (data === 0) data = (this.#groupOf(bytes, revision.key, revision.keyEnd) + 1) * 2;
    const group = this.#groups[(data >>> 1) - 1];
    if (group === undefined) return;
    const lived = data & 1;
    const lives = revision.tombstone ? 0 : 1;
    group.live += lives - lived;
    this.#live += lives - lived;
    this.#table.set(slot, (data & ~1) | lives);
    if (lives === 1) this.#recent[this.#writes++ % RECENT] = placeOf(entry, revision);
    if (group.watched) this.#watch(this.#key(), entry, revision, group);
  }

  /** The hash stands for the key also where a slot's number would not: slots move when the table grows. */
  #key(): number {
    return this.#hash.a * 0x200000 + (this.#hash.b & 0x1fffff);
  }

  #watch(id: number, entry: Entry, revision: Revision, group: Group): void {
    if (revision.tombstone) {
      this.#places.delete(id);
      return;
    }
    const key = entry.bytes.toString('latin1', revision.key, revision.keyEnd);
    const name = group.kind === INTERNAL ? key : key.slice(key.lastIndexOf('/') + 1);
    if (!this.#interest(group.kind, group.namespace, name)) return;
    if (this.#places.size < MOST_PLACES || this.#places.has(id)) this.#places.set(id, placeOf(entry, revision));
  }

  #groupOf(bytes: Buffer, start: number, end: number): number {
    let slash = end - 1;
    while (slash >= start && bytes[slash] !== 0x2f) slash--;
    const prefix = bytes.toString('utf8', start, Math.min(slash + 1, start + 600));
    const known = this.#byPrefix.get(prefix);
    if (known !== undefined) return known;
    const full = this.#groups.length >= MOST_GROUPS;
    const index = full ? MOST_GROUPS : this.#groups.length;
    if (full) {
      this.#groups[index] ??= { kind: INTERNAL, namespace: '', watched: false, live: 0 };
    } else {
      // Kind and namespace depend on the prefix alone; any name completes it.
      const { kind, namespace } = parseKey(`${prefix}x`);
      this.#groups.push({ kind, namespace, watched: this.#watchedKinds(kind), live: 0 });
      this.#byPrefix.set(prefix, index);
    }
    return index;
  }
}

function placeOf(entry: Entry, revision: Revision): Place {
  const shift = entry.fileOffset - entry.key;
  return {
    key: revision.key + shift,
    keyLength: revision.keyEnd - revision.key,
    value: revision.value + shift,
    valueLength: revision.valueEnd - revision.value,
    revision: revision.main,
  };
}

function sorted(counts: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
