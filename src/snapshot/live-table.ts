import { randomBytes } from 'node:crypto';

/**
 * The most distinct keys that are told apart. A K3s at etcd's largest recommended size (8 GB) has far fewer; a file made to
 * hold more must not take the memory.
 */
const MOST_KEYS = 3_700_000;
const NONE = 0;

/** Seeded per process, so that a file cannot be made whose keys collide. */
const [SEED_A, SEED_B] = new Uint32Array(randomBytes(8).buffer.slice(0, 8)) as unknown as [number, number];

/** Two 32-bit hashes of a byte range, together wide enough to stand for the bytes; `a` is never 0. */
export interface Hash {
  a: number;
  b: number;
}

/** Hashes `bytes[start, end)` into `into`: two multiply-and-rotate lanes, four bytes a step. */
export function hashBytes(bytes: Uint8Array, start: number, end: number, into: Hash): void {
  let a = SEED_A ^ (end - start);
  let b = SEED_B;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    a = Math.imul(a ^ word, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    b = Math.imul((b << 13) | (b >>> 19), 0x85ebca6b) ^ Math.imul(word, 0x1b873593);
  }
  let rest = 0;
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] as number) << shift;
  a = Math.imul(a ^ rest, 0xcc9e2d51);
  b = Math.imul((b << 13) | (b >>> 19), 0x85ebca6b) ^ Math.imul(rest, 0x1b873593);
  a = mix(a ^ (b >>> 3));
  b = mix(b ^ a);
  into.a = a >>> 0 || 1;
  into.b = b >>> 0;
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Every key ever seen, by hash, with one number each (12 bytes a slot): which of them live is known without keeping a single
 * key as text. Open addressing, linear probing, grown by doubling.
 */
export class LiveTable {
  #a = new Uint32Array(1 << 12);
  #b = new Uint32Array(1 << 12);
  #data = new Uint32Array(1 << 12);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The key's slot, made with data 0 when it is new; -1 when there is no room for more keys. */
  slot(hash: Hash): number {
    if (this.#size * 10 > this.#a.length * 8 && this.#a.length < MOST_KEYS) this.#grow();
    const mask = this.#a.length - 1;
    let at = (hash.a ^ (hash.b << 7)) & mask;
    for (;;) {
      const a = this.#a[at] as number;
      if (a === hash.a && this.#b[at] === hash.b) return at;
      if (a === NONE) break;
      at = (at + 1) & mask;
    }
    if (this.#size >= MOST_KEYS) return -1;
    this.#size++;
    this.#a[at] = hash.a;
    this.#b[at] = hash.b;
    return at;
  }

  /** The slot of a key that is there, or -1. */
  find(hash: Hash): number {
    const mask = this.#a.length - 1;
    let at = (hash.a ^ (hash.b << 7)) & mask;
    for (;;) {
      const a = this.#a[at] as number;
      if (a === hash.a && this.#b[at] === hash.b) return at;
      if (a === NONE) return -1;
      at = (at + 1) & mask;
    }
  }

  get(slot: number): number {
    return this.#data[slot] as number;
  }

  set(slot: number, data: number): void {
    this.#data[slot] = data;
  }

  #grow(): void {
    const [a, b, data] = [this.#a, this.#b, this.#data];
    const length = a.length * 2;
    const mask = length - 1;
    this.#a = new Uint32Array(length);
    this.#b = new Uint32Array(length);
    this.#data = new Uint32Array(length);
    for (let i = 0; i < a.length; i++) {
      const one = a[i] as number;
      if (one === NONE) continue;
      const two = b[i] as number;
      let at = (one ^ (two << 7)) & mask;
      while (this.#a[at] !== NONE) at = (at + 1) & mask;
      this.#a[at] = one;
      this.#b[at] = two;
      this.#data[at] = data[i] as number;
    }
  }
}
