import type { Entry } from './bolt-walk.js';
import { type Hash, hashBytes, LiveTable } from './live-table.js';
import type { Revision } from './mvcc.js';

/**
 * For every key of a file: whether it lives, a 64-bit hash of its value, and where the key stands. About 40 bytes a key, none of
 * them the key's text; hashes are seeded per process and so comparable between two tables.
 */
export class StateTable {
  readonly #table = new LiveTable();
  readonly #hash: Hash = { a: 0, b: 0 };
  /** Numbered from 1, so that the table's 0 means new. Columns grow together. */
  #count = 0;
  #keyA = new Uint32Array(4096);
  #keyB = new Uint32Array(4096);
  #valueA = new Uint32Array(4096);
  #valueB = new Uint32Array(4096);
  #keyAt = new Float64Array(4096);
  #keyLength = new Uint32Array(4096);
  /** There were more keys than fit. */
  full = false;

  /** Takes the next revision of a file; they come in order. */
  take(entry: Entry, revision: Revision): void {
    hashBytes(entry.bytes, revision.key, revision.keyEnd, this.#hash);
    const slot = this.#table.slot(this.#hash);
    if (slot < 0) {
      this.full = true;
      return;
    }
    let row = this.#table.get(slot);
    if (row === 0) {
      row = ++this.#count;
      if (row >= this.#keyA.length) this.#grow();
      this.#table.set(slot, row);
      this.#keyA[row] = this.#hash.a;
      this.#keyB[row] = this.#hash.b;
    }
    this.#keyAt[row] = entry.fileOffset + (revision.key - entry.key);
    this.#keyLength[row] = revision.keyEnd - revision.key;
    // A value's hash is never 0 in its first half, so 0 can mean deleted.
    if (revision.tombstone) this.#valueA[row] = 0;
    else {
      hashBytes(entry.bytes, revision.value, revision.valueEnd, this.#hash);
      this.#valueA[row] = this.#hash.a;
      this.#valueB[row] = this.#hash.b;
    }
  }

  /** Rows of the keys that live. */
  *live(): Generator<number> {
    for (let row = 1; row <= this.#count; row++) if (this.#valueA[row] !== 0) yield row;
  }

  /** The live row here for the key of another table's row, or -1. */
  find(other: StateTable, row: number): number {
    this.#hash.a = other.#keyA[row] as number;
    this.#hash.b = other.#keyB[row] as number;
    const slot = this.#table.find(this.#hash);
    const own = slot < 0 ? 0 : this.#table.get(slot);
    return own === 0 || this.#valueA[own] === 0 ? -1 : own;
  }

  sameContent(own: number, other: StateTable, row: number): boolean {
    return this.#valueA[own] === other.#valueA[row] && this.#valueB[own] === other.#valueB[row];
  }

  /** Where the row's key stands in its file. */
  place(row: number): { key: number; keyLength: number } {
    return { key: this.#keyAt[row] as number, keyLength: this.#keyLength[row] as number };
  }

  #grow(): void {
    const length = this.#keyA.length * 2;
    const wider = (from: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const to = new Uint32Array(length);
      to.set(from);
      return to;
    };
    this.#keyA = wider(this.#keyA);
    this.#keyB = wider(this.#keyB);
    this.#valueA = wider(this.#valueA);
    this.#valueB = wider(this.#valueB);
    this.#keyLength = wider(this.#keyLength);
    const at = new Float64Array(length);
    at.set(this.#keyAt);
    this.#keyAt = at;
  }
}
