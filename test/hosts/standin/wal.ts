import { readdirSync, readFileSync } from 'node:fs';
import type { WalRecord } from '../../../src/practice/k3s/ports.js';

/** Numbers of a protobuf message by field; only varints are kept. */
function varints(bytes: Buffer): Map<number, bigint> {
  const found = new Map<number, bigint>();
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(next());
    if ((tag & 7) === 0) found.set(tag >> 3, next());
    else if ((tag & 7) === 2) at += Number(next());
    else break;
  }
  return found;
}

/** Member and cluster id in the head of etcd's write-ahead log: its second record is the metadata. */
export function readWal(dir: string): WalRecord | undefined {
  let name: string | undefined;
  try {
    name = readdirSync(`${dir}/member/wal`)
      .filter((one) => one.endsWith('.wal'))
      .sort()[0];
  } catch {
    return undefined;
  }
  if (name === undefined) return undefined;
  const log = readFileSync(`${dir}/member/wal/${name}`).subarray(0, 4096);
  for (let at = 0, records = 0; at + 8 < log.length && records < 4; records++) {
    const frame = log.readBigUInt64LE(at);
    const padding = frame >> 63n === 1n ? Number((frame >> 56n) & 7n) : 0;
    const length = Number(frame & 0x00ffffffffffffffn);
    const record = log.subarray(at + 8, at + 8 + length);
    at += 8 + length + padding;
    if (varints(record).get(1) !== 1n) continue;
    // Field 3 of the record is the metadata's bytes: tag 0x1a, length, message.
    const data = record.indexOf(0x1a);
    if (data < 0) return undefined;
    const ids = varints(record.subarray(data + 2));
    const hex = (value: bigint | undefined): string => (value ?? 0n).toString(16).padStart(16, '0');
    return { lineage: hex(ids.get(2)), member: hex(ids.get(1)) };
  }
  return undefined;
}

interface StoredMember {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly learner: boolean;
}

/** The members a database image speaks of, the last word on each. */
export function membersInImage(image: Uint8Array): StoredMember[] {
  const text = Buffer.from(image.buffer, image.byteOffset, image.byteLength).toString('latin1');
  const found = new Map<string, StoredMember>();
  for (const match of text.matchAll(
    /\{"id":(\d+),"peerURLs":\["https?:\/\/([^"]+):2380"\](?:,"isLearner":(true|false))?(?:,"name":"([^"]*)")?/g,
  )) {
    const id = BigInt(match[1] ?? 0)
      .toString(16)
      .padStart(16, '0');
    found.set(id, { id, ip: match[2] ?? '', learner: match[3] === 'true', name: match[4] ?? '' });
  }
  return [...found.values()];
}
