import { crc32c } from '../base/crc32c.js';
import { field, type Span } from './protobuf.js';
import type { RandomReader } from './reader.js';

/** Record types of etcd's write-ahead log (etcd `server/storage/wal/wal.go`). */
export const WAL = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

/** A record's data; its bytes stand in a buffer that the next record overwrites. */
export interface WalRecord {
  readonly kind: 'record';
  readonly type: number;
  readonly data: Span;
}

/** Why a log cannot be read on. `torn`: the record was being written when the machine stopped, which etcd repairs by itself at its start. */
export interface WalDamage {
  readonly kind: 'torn' | 'damaged';
  /** Byte offset of the record in its file. */
  readonly offset: number;
  readonly reason: string;
}

export type WalStep = WalRecord | WalDamage | { readonly kind: 'end' };

const FRAME = 8;
/** Sectors are what a disk writes whole: one of zeros inside a record was never written (etcd `isTornEntry`). */
const SECTOR = 512;
const WINDOW = 1024 * 1024;
/** etcd takes no request above 10 MB; a larger record is a lie, and must not take the memory. */
const LARGEST = 64 * 1024 * 1024;
const END: WalStep = { kind: 'end' };

/**
 * Reads the records of one file of the log in order, checking the running CRC-32C that goes through all files. Each record is a length of
 * eight bytes little-endian (its top byte holds the padding), then the message {1 type, 2 crc, 3 data}, padded to eight bytes; zeros follow
 * the last one, for the file is made 64 MB long at once (etcd `wal/decoder.go`, `wal/encoder.go`).
 */
export class WalFile {
  #at = 0;
  #window = Buffer.alloc(0);
  #base = 0;
  #filled = 0;
  readonly #span: { bytes: Buffer; start: number; end: number } = { bytes: this.#window, start: 0, end: 0 };

  constructor(
    readonly reader: RandomReader,
    /** The CRC the file before ended with; 0 where this is the first one read. */
    public crc: number,
    /** Only the newest file may end in a torn record. */
    readonly last: boolean,
  ) {}

  next(): WalStep {
    const offset = this.#at;
    if (offset >= this.reader.size) return END;
    const head = this.#fetch(offset, FRAME);
    if (head < 0) return this.#stop(offset, 'the file ends inside a record', true);
    const low = this.#window.readUInt32LE(head);
    const high = this.#window.readUInt32LE(head + 4);
    if (low === 0 && high === 0) return END;
    const length = low + (high & 0xffffff) * 0x100000000;
    const padding = high >>> 31 === 1 ? (high >>> 24) & 7 : 0;
    const rest = this.reader.size - offset - FRAME;
    if (length > rest) return this.#stop(offset, `a record of ${length} bytes goes beyond the end of the file`, true);
    if (length > LARGEST) return this.#stop(offset, `a record claims ${length} bytes`, false);
    const start = this.#fetch(offset + FRAME, length);
    // It was long enough when it was opened.
    if (start < 0) return this.#stop(offset, 'the file ends inside a record', true);
    const span = this.#span;
    span.bytes = this.#window;
    span.start = start;
    span.end = start + length;
    const type = field(span, 1)?.value;
    const crc = field(span, 2)?.value ?? 0;
    const data = field(span, 3)?.span;
    const torn = (): boolean => isTorn(span.bytes, start, start + length, offset + FRAME);
    if (type === undefined || !(type >= 1 && type <= 5)) {
      return this.#stop(offset, 'a record cannot be read', torn());
    }
    if (type === WAL.crc) {
      // Each file begins with the sum the one before ended with.
      if (this.crc !== 0 && this.crc >>> 0 !== crc) {
        return this.#stop(offset, 'the file does not follow on the one before: its checksum is another', false);
      }
      this.crc = crc;
    } else {
      const sum = data === undefined ? this.crc : crc32c(this.crc, data.bytes, data.start, data.end);
      if (sum >>> 0 !== crc) return this.#stop(offset, 'a record does not fit its checksum', torn());
      this.crc = sum;
    }
    this.#at = offset + FRAME + length + padding;
    return { kind: 'record', type, data: data ?? { bytes: span.bytes, start, end: start } };
  }

  #stop(offset: number, reason: string, torn: boolean): WalDamage {
    return { kind: torn && this.last ? 'torn' : 'damaged', offset, reason };
  }

  /** Makes bytes of the file stand in the window and answers where, or -1 when the file ends before. */
  #fetch(offset: number, length: number): number {
    const within = offset - this.#base;
    if (within >= 0 && within + length <= this.#filled) return within;
    const wanted = Math.max(length, WINDOW);
    if (this.#window.length < wanted) this.#window = Buffer.allocUnsafeSlow(wanted);
    this.#base = offset;
    this.#filled = this.reader.readSync(this.#window, offset, wanted);
    return this.#filled < length ? -1 : 0;
  }
}

/** Whether a sector of the message holds nothing but zeros. `fileOffset` is where the record's message begins in the file. */
function isTorn(bytes: Buffer, start: number, end: number, fileOffset: number): boolean {
  let offset = fileOffset;
  for (let at = start; at < end; ) {
    const length = Math.min(SECTOR - (offset % SECTOR), end - at);
    let zero = true;
    for (let i = at; i < at + length && zero; i++) zero = bytes[i] === 0;
    if (zero) return true;
    at += length;
    offset += length;
  }
  return false;
}
