/**
 * The beginning of a member's write-ahead log as etcd writes it (etcd `server/storage/wal`): records with a running CRC-32C, which any
 * reader of such logs understands. The model keeps in it which history the member belongs to, in a field no other reader knows.
 */

export interface WalHead {
  /** The model's own name for the history. */
  readonly lineage: string;
  /** Member and cluster id, 16 hexadecimal digits. */
  readonly member: string;
  readonly clusterId: string;
  /** Raft index and term of the last entry; it is committed. */
  readonly index: number;
  readonly term: number;
}

const TYPE = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;
/** Field number of the history's name in the metadata record; etcd uses 1 and 2. */
const LINEAGE = 15;
/** Entries written before the last one, so that a reader finds the place where the database ends. */
const ENTRIES = 4;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(data: Uint8Array, before: number): number {
  let crc = ~before >>> 0;
  for (const byte of data) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const number = (field: number, value: number | bigint): number[] => [
  ...varint(BigInt(field << 3)),
  ...varint(BigInt(value)),
];
const bytes = (field: number, data: Uint8Array): number[] => [
  ...varint(BigInt((field << 3) | 2)),
  ...varint(BigInt(data.length)),
  ...data,
];

/** A member's log from its first byte to its last record; zeros follow in the preallocated file. */
export function walBytes(head: WalHead): Uint8Array {
  const records: Buffer[] = [];
  let crc = 0;
  const add = (type: number, data: number[]): void => {
    const content = Uint8Array.from(data);
    if (type !== TYPE.crc) crc = crc32c(content, crc);
    const record = Uint8Array.from([
      ...number(1, type),
      ...number(2, crc),
      ...(type === TYPE.crc ? [] : bytes(3, content)),
    ]);
    const padding = (8 - (record.length % 8)) % 8;
    const frame = Buffer.alloc(8 + record.length + padding);
    frame.writeUInt32LE(record.length, 0);
    if (padding > 0) frame.writeUInt32LE(((0x80 | padding) << 24) >>> 0, 4);
    frame.set(record, 8);
    records.push(frame);
  };
  add(TYPE.crc, []);
  add(TYPE.metadata, [
    ...number(1, BigInt(`0x${head.member}`)),
    ...number(2, BigInt(`0x${head.clusterId}`)),
    ...bytes(LINEAGE, Buffer.from(head.lineage)),
  ]);
  add(TYPE.snapshot, [...number(1, 0), ...number(2, 0)]);
  for (let index = Math.max(1, head.index - ENTRIES + 1); index <= head.index; index++)
    add(TYPE.entry, [...number(1, 0), ...number(2, head.term), ...number(3, index)]);
  add(TYPE.state, [...number(1, head.term), ...number(2, BigInt(`0x${head.member}`)), ...number(3, head.index)]);
  return Buffer.concat(records);
}

/** Which history and member a log is of; undefined when these are not bytes of such a log. */
export function walMember(head: Uint8Array): { lineage: string; member: string } | undefined {
  const data = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  for (let at = 0; at + 8 <= data.length; ) {
    const length = data.readUInt32LE(at);
    const padding = (data.readUInt32LE(at + 4) >>> 24) & 7;
    if (length === 0 || at + 8 + length > data.length) return undefined;
    const record = data.subarray(at + 8, at + 8 + length);
    if (record[1] === TYPE.metadata) return metadata(fields(contentOf(record)));
    at += 8 + length + padding;
  }
  return undefined;
}

function metadata(found: ReadonlyMap<number, bigint | Buffer>): { lineage: string; member: string } | undefined {
  const lineage = found.get(LINEAGE);
  const member = found.get(1);
  if (!Buffer.isBuffer(lineage) || typeof member !== 'bigint') return undefined;
  return { lineage: lineage.toString(), member: member.toString(16).padStart(16, '0') };
}

function contentOf(record: Buffer): Buffer {
  const data = fields(record).get(3);
  return Buffer.isBuffer(data) ? data : Buffer.alloc(0);
}

/** Fields of a message by number: varints and length-delimited ones. */
function fields(message: Buffer): Map<number, bigint | Buffer> {
  const found = new Map<number, bigint | Buffer>();
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; at < message.length; shift += 7n) {
      const byte = message[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.length) {
    const key = Number(next());
    if ((key & 7) === 0) found.set(key >> 3, next());
    else {
      const length = Number(next());
      found.set(key >> 3, message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
