import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { WalRecord } from '../../../src/practice/k3s/ports.js';
import { readMetas } from '../../../src/snapshot/bolt-meta.js';
import { Breath } from '../../../src/snapshot/breathe.js';
import { scanEtcd } from '../../../src/snapshot/etcd-scan.js';
import { Findings } from '../../../src/snapshot/findings.js';
import { RandomReader } from '../../../src/snapshot/reader.js';

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

/** A member as etcd keeps it in its database. */
export interface StoredMember {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly learner: boolean;
}

/** The members in etcd's own bucket for them; those of freed pages, which a search through the bytes would find, are not among them. */
export async function membersStored(database: string): Promise<readonly StoredMember[]> {
  if (!existsSync(database)) return [];
  const reader = await RandomReader.open(database);
  try {
    const findings = new Findings();
    const meta = readMetas(reader, reader.size, findings);
    if (meta === undefined) return [];
    const nobody = { take: (): void => undefined };
    const scan = await scanEtcd(reader, meta, nobody, findings, new Breath(undefined), () => undefined);
    return scan.members.map(({ id, name, peerURLs, learner }) => ({
      id: id.padStart(16, '0'),
      name,
      learner,
      ip: /\/\/(.*):2380/.exec(peerURLs[0] ?? '')?.[1] ?? '',
    }));
  } finally {
    await reader.close();
  }
}
