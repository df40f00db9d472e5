import { checkLeaf, compareBytes, readBranch } from './bolt-elements.js';
import { type Meta, u64 } from './bolt-meta.js';
import { type Bounds, Pages, type Region } from './bolt-pages.js';
import type { Breath } from './breathe.js';
import type { Findings } from './findings.js';
import type { RandomReader } from './reader.js';

/**
 * One leaf entry, as positions in a buffer that is reused for the next page: copy what must be kept.
 * The value stands right behind the key; `fileOffset` is where the key stands in the file.
 */
export interface Entry {
  bytes: Buffer;
  key: number;
  keyLength: number;
  value: number;
  valueLength: number;
  fileOffset: number;
  /** The value is a bucket header, not data. */
  isBucket: boolean;
}

/** What is told about a bucket's content, in key order. */
export type EntrySink = (entry: Entry) => void;

/** Deeper than any tree bbolt makes: with its fan-out of dozens a level, eight levels hold more than any disk. */
const DEEPEST = 24;
/** A bucket kept inside its parent is at most a quarter of a page (bbolt, `inlineable`), and pages are at most 64 KiB. */
const LARGEST_INLINE = 16 * 1024 + 32;
/** A walk through a file that is this broken adds nothing more. */
const ENOUGH = 100;

interface Child {
  readonly name: Buffer;
  readonly value: Buffer;
  readonly fileOffset: number;
}

/**
 * Walks a bbolt image and checks what bbolt's own checker checks, and the bounds it takes on trust: every page reached once and
 * inside the image, its number equal to its place, its kind and counts, elements inside their page, keys in order within and
 * between pages, nested and inline buckets (facts 7.2–7.4). Damage is added to the findings and that subtree left out; nothing
 * is thrown for what the file holds.
 */
export class BoltWalk {
  readonly #pages: Pages;
  readonly #findings: Findings;
  readonly #breath: Breath;
  readonly #entry: Entry = {
    bytes: Buffer.alloc(0),
    key: 0,
    keyLength: 0,
    value: 0,
    valueLength: 0,
    fileOffset: 0,
    isBucket: false,
  };
  /** The last key of the bucket so far: keys must go on rising from page to page. */
  #last = Buffer.alloc(0);

  constructor(reader: RandomReader, meta: Meta, findings: Findings, breath: Breath) {
    this.#pages = new Pages(reader, meta, findings);
    this.#findings = findings;
    this.#breath = breath;
  }

  /** Pages reached so far, for progress. */
  get reached(): number {
    return this.#pages.reached;
  }

  /** Ends the account of pages: checks the list of free pages where the file has one. */
  finish(): void {
    this.#pages.checkFreelist();
  }

  /** The buckets at the top, in order; `open` walks one of them into a sink. Anything that is no bucket there is damage. */
  async top(root: number): Promise<{ name: Buffer; open: (sink: EntrySink) => Promise<void> }[]> {
    const children: Child[] = [];
    await this.#tree(root, (entry) => {
      if (!entry.isBucket) {
        this.#findings.damage('top-not-bucket', 'The top level of the database holds an entry that is no bucket.', {
          offset: entry.fileOffset,
        });
      } else this.#keep(entry, children);
    });
    return children.map((child) => ({ name: child.name, open: (sink) => this.#bucket(child, sink, 1) }));
  }

  #keep(entry: Entry, children: Child[]): void {
    if (children.length >= 1000) {
      if (children.length === 1000)
        this.#findings.damage('too-many-buckets', 'The database claims more than 1,000 buckets; etcd makes about ten.');
      return;
    }
    const { bytes, key, keyLength, value, valueLength } = entry;
    if (valueLength > LARGEST_INLINE) {
      this.#findings.damage('bucket-header', 'A bucket header is larger than any real one.', {
        offset: entry.fileOffset,
      });
      return;
    }
    children.push({
      name: Buffer.from(bytes.subarray(key, key + keyLength)),
      value: Buffer.from(bytes.subarray(value, value + valueLength)),
      fileOffset: entry.fileOffset + keyLength,
    });
  }

  /** A bucket's header is its root page and a sequence; root 0 means that a small leaf follows in the value itself. */
  async #bucket(child: Child, sink: EntrySink, depth: number): Promise<void> {
    const name = JSON.stringify(child.name.toString('latin1').slice(0, 60));
    if (child.value.length < 16) {
      this.#findings.damage('bucket-header', `The header of bucket ${name} is cut off.`, {
        offset: child.fileOffset,
      });
      return;
    }
    if (depth > 8) {
      this.#findings.damage('bucket-depth', 'Buckets are nested deeper than etcd ever does.', {
        offset: child.fileOffset,
      });
      return;
    }
    const nested: Child[] = [];
    const through: EntrySink = (entry) => {
      if (entry.isBucket) this.#keep(entry, nested);
      sink(entry);
    };
    const root = u64(child.value, 0);
    if (root !== 0) await this.#tree(root, through);
    else {
      const region = this.#pages.inline(child.value, 16, child.fileOffset + 16, name);
      this.#last = Buffer.alloc(0);
      if (region !== undefined) this.#leaf(region, { from: undefined, below: undefined }, through);
    }
    // What stands inside a nested bucket does not count into etcd's hash or keys: only its pages are checked.
    for (const inner of nested) await this.#bucket(inner, () => {}, depth + 1);
  }

  async #tree(root: number, sink: EntrySink): Promise<void> {
    this.#last = Buffer.alloc(0);
    await this.#page(root, undefined, { from: undefined, below: undefined }, sink, 0);
  }

  async #page(id: number, parent: number | undefined, bounds: Bounds, sink: EntrySink, depth: number): Promise<void> {
    if (this.#findings.fatal > ENOUGH) return;
    if (depth > DEEPEST) {
      this.#findings.damage('tree-depth', 'The tree of pages is deeper than any real one.', { page: id });
      return;
    }
    if (this.#breath.due()) await this.#breath.take();
    const region = this.#pages.load(id, parent);
    if (region === undefined) return;
    if (region.leaf) {
      this.#leaf(region, bounds, sink);
      return;
    }
    const children = readBranch(region, bounds, this.#findings);
    for (let i = 0; i < children.length; i++) {
      const child = children[i];
      if (child === undefined) break;
      await this.#page(
        child.page,
        id,
        { from: child.key, below: children[i + 1]?.key ?? bounds.below },
        sink,
        depth + 1,
      );
    }
  }

  #leaf(region: Region, bounds: Bounds, sink: EntrySink): void {
    if (!checkLeaf(region, this.#findings)) return;
    const entry = this.#entry;
    const { bytes, start } = region;
    entry.bytes = bytes;
    let before: Buffer = this.#last;
    let beforeAt = 0;
    let beforeLength = before.length;
    for (let i = 0; i < region.count; i++) {
      const at = start + 16 + i * 16;
      entry.isBucket = (bytes.readUInt32LE(at) & 1) !== 0;
      entry.key = at + bytes.readUInt32LE(at + 4);
      entry.keyLength = bytes.readUInt32LE(at + 8);
      entry.value = entry.key + entry.keyLength;
      entry.valueLength = bytes.readUInt32LE(at + 12);
      entry.fileOffset = region.fileOffset + (entry.key - start);
      if (
        (beforeLength > 0 || i > 0) &&
        compareBytes(before, beforeAt, beforeLength, bytes, entry.key, entry.keyLength) >= 0
      ) {
        this.#findings.damage('key-order', 'Keys are out of order: a page holds content that belongs elsewhere.', {
          page: region.page,
          offset: entry.fileOffset,
        });
        return;
      }
      before = bytes;
      beforeAt = entry.key;
      beforeLength = entry.keyLength;
      if (
        i === 0 &&
        bounds.from !== undefined &&
        compareBytes(bounds.from, 0, bounds.from.length, bytes, beforeAt, beforeLength) > 0
      ) {
        this.#outside(region);
        return;
      }
      sink(entry);
    }
    if (region.count === 0) return;
    if (
      bounds.below !== undefined &&
      compareBytes(bytes, beforeAt, beforeLength, bounds.below, 0, bounds.below.length) >= 0
    ) {
      this.#outside(region);
      return;
    }
    this.#last = Buffer.from(bytes.subarray(beforeAt, beforeAt + beforeLength));
  }

  #outside(region: Region): void {
    this.#findings.damage(
      'key-range',
      'A page holds keys outside the range its parent gives it: pages were exchanged or damaged.',
      {
        page: region.page,
        offset: region.fileOffset,
      },
    );
  }
}
