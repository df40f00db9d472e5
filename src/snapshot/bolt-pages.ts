import { HEADER, type Meta, PAGE, u64 } from './bolt-meta.js';
import type { Findings } from './findings.js';
import type { RandomReader } from './reader.js';

/** Keys of a subtree are `>= from` and `< below`, where those are known. */
export interface Bounds {
  readonly from: Buffer | undefined;
  readonly below: Buffer | undefined;
}

/** A leaf or branch page in memory (for an inline bucket: a part of its parent's value). */
export interface Region {
  readonly bytes: Buffer;
  /** Where its 16-byte header begins in `bytes`, and where it ends with its overflow pages. */
  readonly start: number;
  readonly end: number;
  readonly leaf: boolean;
  readonly count: number;
  readonly page: number;
  /** Where the header stands in the file. */
  readonly fileOffset: number;
}

/**
 * The most bytes one page with its overflow may have. etcd refuses requests above 1.5 MB and bbolt keeps two such values in one
 * page at most, so 32 MiB leaves room for raised limits while a hostile length cannot fill memory.
 */
const LARGEST = 32 * 1024 * 1024;
/** Branch pages are held while their children are walked, one per level; etcd's never need a second page. */
const LARGEST_BRANCH = 128 * 1024;
/** The file is read in blocks of this size, and as many of them kept: 12 MB save most of a read per page. */
const BLOCK = 128 * 1024;
const BLOCKS = 96;

/** Loads pages by number, once each, and refuses what lies outside the image. */
export class Pages {
  readonly #reader: RandomReader;
  readonly #meta: Meta;
  readonly #findings: Findings;
  readonly #seen: Uint8Array;
  /** The part of the file the last page stands in: one of the blocks, or what lies across two of them. */
  #buffer: Buffer = Buffer.alloc(0);
  #across: Buffer = Buffer.alloc(0);
  readonly #blocks: ({ block: number; bytes: Buffer; length: number } | undefined)[] = [];
  reached = 2;

  constructor(reader: RandomReader, meta: Meta, findings: Findings) {
    this.#reader = reader;
    this.#meta = meta;
    this.#findings = findings;
    this.#seen = new Uint8Array(Math.ceil(meta.pages / 8));
    this.#mark(0);
    this.#mark(1);
  }

  /** The page, in a buffer that the next call overwrites; `undefined` with the damage told when it is not one. */
  load(id: number, parent: number | undefined): Region | undefined {
    const from = parent === undefined ? '' : ` (referred to by page ${parent})`;
    const { pageSize, pages } = this.#meta;
    if (!(id >= 2 && id < pages)) {
      return this.#bad(
        'page-bounds',
        `A reference leads to page ${id}${from}, outside the ${pages} pages of the file.`,
        parent,
      );
    }
    if (this.#isSeen(id)) {
      return this.#bad(
        'page-twice',
        `Page ${id} is referred to twice${from}: the tree has a circle or a doubled page.`,
        id,
      );
    }
    const fileOffset = id * pageSize;
    let start = this.#fetch(fileOffset, pageSize);
    if (start < 0) {
      return this.#bad('page-cut', `The file ends inside page ${id}.`, id);
    }
    const carries = u64(this.#buffer, start);
    if (carries !== id) {
      return this.#bad('page-number', `Page ${id} carries the number ${carries}: its content belongs elsewhere.`, id);
    }
    const flags = this.#buffer.readUInt16LE(start + 8);
    const count = this.#buffer.readUInt16LE(start + 10);
    const overflow = this.#buffer.readUInt32LE(start + 12);
    if (flags !== PAGE.leaf && flags !== PAGE.branch) {
      return this.#bad(
        'page-kind',
        `Page ${id} is marked 0x${flags.toString(16)}; a branch or a leaf was expected${from}.`,
        id,
      );
    }
    if (id + overflow >= pages) {
      return this.#bad('page-overflow', `Page ${id} claims ${overflow} further pages, beyond the end of the file.`, id);
    }
    const length = (overflow + 1) * pageSize;
    if (length > (flags === PAGE.leaf ? LARGEST : LARGEST_BRANCH)) {
      return this.#bad('page-too-large', `Page ${id} claims ${length} bytes; etcd never writes one that large.`, id);
    }
    for (let page = id; page <= id + overflow; page++) {
      if (this.#isSeen(page))
        return this.#bad('page-twice', `Page ${page} is used twice, once as a continuation of page ${id}.`, page);
      this.#mark(page);
    }
    this.reached += overflow + 1;
    if (overflow > 0) start = this.#fetch(fileOffset, length);
    if (start < 0) return this.#bad('page-cut', `The file ends inside page ${id}.`, id);
    const region = {
      bytes: this.#buffer,
      start,
      end: start + length,
      leaf: flags === PAGE.leaf,
      count,
      page: id,
      fileOffset,
    };
    return this.#counted(region) ? region : undefined;
  }

  /** The leaf inside a small bucket's value (facts 7.4). */
  inline(value: Buffer, start: number, fileOffset: number, name: string): Region | undefined {
    if (value.length < start + HEADER || value.readUInt16LE(start + 8) !== PAGE.leaf) {
      return this.#bad('inline-bucket', `The content of bucket ${name} is damaged.`, undefined, fileOffset);
    }
    const page = Math.floor(fileOffset / this.#meta.pageSize);
    const region = {
      bytes: value,
      start,
      end: value.length,
      leaf: true,
      count: value.readUInt16LE(start + 10),
      page,
      fileOffset,
    };
    return this.#counted(region) ? region : undefined;
  }

  /** Free pages listed in the file must be exactly those the tree does not use. etcd's own files have no such list. */
  checkFreelist(): void {
    const id = this.#meta.freelist;
    if (id === undefined || this.#findings.fatal > 0) return;
    const { pageSize, pages } = this.#meta;
    const head = this.#reader.slice(id * pageSize, HEADER + 8);
    if (
      !(id >= 2 && id < pages) ||
      head.length < HEADER + 8 ||
      u64(head, 0) !== id ||
      head.readUInt16LE(8) !== PAGE.freelist
    ) {
      this.#bad('freelist', `The list of free pages (page ${id}) is damaged.`, id);
      return;
    }
    const short = head.readUInt16LE(10);
    const count = short === 0xffff ? u64(head, HEADER) : short;
    const at = id * pageSize + HEADER + (short === 0xffff ? 8 : 0);
    const overflow = head.readUInt32LE(12);
    const room = (overflow + 1) * pageSize - HEADER - 8;
    if (id + overflow >= pages || count * 8 > room + 8) {
      this.#bad(
        'freelist',
        `The list of free pages (page ${id}) claims ${count} entries, more than it has room for.`,
        id,
      );
      return;
    }
    for (let page = id; page <= id + overflow; page++) this.#free(page);
    for (let done = 0; done < count; done += 8192) {
      const chunk = this.#reader.slice(at + done * 8, Math.min(8192, count - done) * 8);
      for (let i = 0; i + 8 <= chunk.length; i += 8) this.#free(u64(chunk, i));
    }
    for (let page = 2; page < pages; page++) {
      if (!this.#isSeen(page)) {
        this.#bad('page-lost', `Page ${page} is neither used nor free.`, page);
        return;
      }
    }
  }

  #free(page: number): void {
    if (!(page >= 2 && page < this.#meta.pages) || this.#isSeen(page)) {
      this.#bad('freelist', `Page ${page} is listed as free but is in use, listed twice, or does not exist.`, page);
    } else this.#mark(page);
  }

  #counted(region: Region): boolean {
    if (HEADER + region.count * 16 <= region.end - region.start && (region.leaf || region.count > 0)) return true;
    this.#bad(
      'page-count',
      `Page ${region.page} claims ${region.count} entries, which it cannot hold.`,
      region.page,
      region.fileOffset,
    );
    return false;
  }

  #bad(id: string, message: string, page: number | undefined, offset?: number): undefined {
    this.#findings.damage(id, message, {
      ...(page === undefined ? {} : { page }),
      ...(offset === undefined ? {} : { offset }),
    });
    return undefined;
  }

  /** Makes `length` bytes of the file stand in the buffer and answers where, or -1 when the file ends before. */
  #fetch(offset: number, length: number): number {
    const block = Math.floor(offset / BLOCK);
    const within = offset - block * BLOCK;
    if (within + length > BLOCK) {
      if (this.#across.length < length) this.#across = Buffer.allocUnsafe(length);
      this.#buffer = this.#across;
      return this.#reader.readSync(this.#buffer, offset, length) < length ? -1 : 0;
    }
    let held = this.#blocks[block % BLOCKS];
    if (held === undefined || held.block !== block) {
      const bytes = held?.bytes ?? Buffer.allocUnsafeSlow(BLOCK);
      held = { block, bytes, length: this.#reader.readSync(bytes, block * BLOCK, BLOCK) };
      this.#blocks[block % BLOCKS] = held;
    }
    this.#buffer = held.bytes;
    return within + length > held.length ? -1 : within;
  }

  #isSeen(page: number): boolean {
    return (((this.#seen[page >>> 3] ?? 0) >>> (page & 7)) & 1) === 1;
  }

  #mark(page: number): void {
    const at = page >>> 3;
    this.#seen[at] = (this.#seen[at] ?? 0) | (1 << (page & 7));
  }
}
