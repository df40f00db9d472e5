import { crc32c } from '../../base/crc32c.js';

/** A protobuf field: numbers as varints, the rest as bytes. */
export function pb(number: number, value: number | Buffer | string): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value as Buffer);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

/** A write of one key as Kubernetes makes it: a transaction whose first branch puts. */
export const putting = (key: string, value = 'v'): Buffer =>
  Buffer.concat([pb(1, 7), pb(6, pb(2, pb(2, Buffer.concat([pb(1, key), pb(2, value)]))))]);

export const deleting = (key: string): Buffer => Buffer.concat([pb(1, 7), pb(6, pb(2, pb(3, pb(1, key))))]);

/** Files of a write-ahead log, framed, padded, summed and made long at once, as etcd does it. */
export class WalWriter {
  #crc = 0;
  #records: Buffer[] = [];

  /** Begins a file: the sum so far, and the metadata; `about` goes into it where no reader looks. */
  begin(about = ''): this {
    this.#records = [];
    const crc = Buffer.concat([pb(1, 4), pb(2, this.#crc >>> 0)]);
    this.#records.push(framed(crc));
    return this.#record(1, Buffer.concat([pb(1, 1), pb(2, 2), ...(about === '' ? [] : [pb(15, about)])]));
  }

  entry(index: number, term: number, data: Buffer, type = 0): this {
    return this.#record(2, Buffer.concat([pb(1, type), pb(2, term), pb(3, index), pb(4, data)]));
  }

  state(term: number, commit: number): this {
    return this.#record(3, Buffer.concat([pb(1, term), pb(2, 5), pb(3, commit)]));
  }

  /** The file, with room left for more. */
  file(room = 64 * 1024): Buffer {
    return Buffer.concat([...this.#records, Buffer.alloc(room)]);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#records.reduce((sum, one) => sum + one.length, 0);
  }

  #record(type: number, data: Buffer): this {
    this.#crc = crc32c(this.#crc, data, 0, data.length);
    this.#records.push(framed(Buffer.concat([pb(1, type), pb(2, this.#crc >>> 0), pb(3, data)])));
    return this;
  }
}

function framed(message: Buffer): Buffer {
  const padding = (8 - (message.length % 8)) % 8;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(message.length, 0);
  if (padding > 0) head.writeUInt8(0x80 | padding, 7);
  return Buffer.concat([head, message, Buffer.alloc(padding)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
