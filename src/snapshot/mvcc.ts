import type { Entry } from './bolt-walk.js';
import { type At, varint } from './protobuf.js';

/**
 * One entry of etcd's bucket `key`, as positions in the walker's buffer (facts 7.6). The same object is filled again for each.
 */
export interface Revision {
  /** Main revision; exact up to 2^53, and a larger one is damage. */
  main: number;
  /** The object was deleted at this revision. */
  tombstone: boolean;
  key: number;
  keyEnd: number;
  /** 0 for tombstones. */
  modRevision: number;
  value: number;
  valueEnd: number;
}

const where: At = { at: 0 };

/** A fresh object for {@link readRevision} to fill. */
export function emptyRevision(): Revision {
  return { main: 0, tombstone: false, key: 0, keyEnd: 0, modRevision: 0, value: 0, valueEnd: 0 };
}

/** Fills `into` from a leaf entry; answers what is wrong with it, in words, or `undefined`. */
export function readRevision(entry: Entry, into: Revision): string | undefined {
  const { bytes, key, keyLength } = entry;
  if (entry.isBucket) return 'a bucket stands where a revision belongs';
  if ((keyLength !== 17 && keyLength !== 18) || bytes[key + 8] !== 0x5f) return 'its key is no revision';
  if (keyLength === 18 && bytes[key + 17] !== 0x74) return 'its key is no revision';
  into.main = bytes.readUInt32BE(key) * 0x100000000 + bytes.readUInt32BE(key + 4);
  if (into.main > Number.MAX_SAFE_INTEGER || into.main === 0) return `its revision ${into.main} is impossible`;
  into.tombstone = keyLength === 18;
  return readKeyValue(bytes, entry.value, entry.value + entry.valueLength, into);
}

/** mvccpb.KeyValue: 1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value, 6 lease. */
function readKeyValue(bytes: Buffer, start: number, end: number, into: Revision): string | undefined {
  into.key = into.keyEnd = into.value = into.valueEnd = start;
  into.modRevision = 0;
  where.at = start;
  while (where.at < end) {
    const tag = bytes[where.at++] as number;
    if (tag === 0x0a || tag === 0x2a) {
      const length = varint(bytes, where, end);
      if (length < 0 || where.at + length > end) return 'its value is cut off';
      if (tag === 0x0a) {
        into.key = where.at;
        into.keyEnd = where.at + length;
      } else {
        into.value = where.at;
        into.valueEnd = where.at + length;
      }
      where.at += length;
    } else if (tag === 0x10 || tag === 0x18 || tag === 0x20 || tag === 0x30) {
      const value = varint(bytes, where, end);
      if (value < 0) return 'its value is cut off';
      if (tag === 0x18) into.modRevision = value;
    } else return 'its value is no key-value message';
  }
  // `etcdutl snapshot restore --bump-revision` leaves an empty value, which etcd reads past: so does the caller.
  return into.keyEnd === into.key && end > start ? 'it names no key' : undefined;
}
