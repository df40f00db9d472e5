import type { Findings } from './findings.js';
import type { RandomReader } from './reader.js';

/** bbolt's page flags (facts 7.2). */
export const PAGE = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
/** Bytes of a page header, and of one leaf or branch element (facts 7.2, 7.4). */
export const HEADER = 16;
export const ELEMENT = 16;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const META_BYTES = 64;
/** bbolt's own value for "the list of free pages is not in the file": what etcd always writes (facts 7.3). */
const NO_FREELIST = 0xffffffffffffffffn;

/** One of the two metas of a bbolt file, checked (facts 7.3). */
export interface Meta {
  readonly pageSize: number;
  /** Page of the root bucket. */
  readonly root: number;
  /** Page of the free list, where the file has one. */
  readonly freelist: number | undefined;
  /** Pages in the image: the high-water mark. */
  readonly pages: number;
  readonly txid: bigint;
}

/** A 64-bit little-endian number; what does not fit exactly comes out too large for any file, so bounds refuse it. */
export function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 0x100000000 + bytes.readUInt32LE(at);
}

function fnv1a64(bytes: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}

type Judged = { meta: Meta } | { wrong: string };

/** Reads the meta whose page begins at `at`; says in words what is wrong with it otherwise. */
function judge(page: Buffer, id: number): Judged {
  if (page.length < HEADER + META_BYTES) return { wrong: 'the file ends inside it' };
  const m = page.subarray(HEADER, HEADER + META_BYTES);
  if (m.readUInt32LE(0) !== MAGIC) return { wrong: 'its magic number is wrong' };
  if (m.readUInt32LE(4) !== VERSION)
    return { wrong: `it has format version ${m.readUInt32LE(4)} instead of ${VERSION}` };
  if (m.readBigUInt64LE(56) !== fnv1a64(m.subarray(0, 56))) return { wrong: 'its checksum does not fit its content' };
  if (page.readUInt16LE(8) !== PAGE.meta) return { wrong: 'its page is not marked as one' };
  if (u64(page, 0) !== id) return { wrong: 'its page carries another number' };
  const pageSize = m.readUInt32LE(8);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) {
    return { wrong: `it claims a page size of ${pageSize}` };
  }
  const free = m.readBigUInt64LE(32);
  const freelist = free === NO_FREELIST ? undefined : u64(m, 32);
  return { meta: { pageSize, root: u64(m, 16), freelist, pages: u64(m, 40), txid: m.readBigUInt64LE(48) } };
}

/**
 * True when one of the two metas shows a bbolt file, however damaged the rest is: the magic number stands 16 bytes into page
 * 0 and page 1, and page 1 begins at the page size (facts 7.3).
 */
export function looksLikeBolt(reader: RandomReader): boolean {
  return looksLikeBoltHead(reader.slice(0, 70_000));
}

/** As {@link looksLikeBolt}, for the first 70,000 bytes (or all, where there are fewer) of a file still on its way. */
export function looksLikeBoltHead(head: Buffer): boolean {
  return [0, ...pageSizes()].some((at) => head.length >= at + HEADER + 4 && head.readUInt32LE(at + HEADER) === MAGIC);
}

function pageSizes(): number[] {
  return Array.from({ length: 8 }, (_, i) => 512 << i);
}

/** Both metas, judged; the one bbolt would open the file with, or `undefined` with the reasons added as damage. */
export function readMetas(reader: RandomReader, imageSize: number, findings: Findings): Meta | undefined {
  const first = judge(reader.slice(0, HEADER + META_BYTES), 0);
  let second: Judged = { wrong: 'it was not found' };
  // A bad first meta hides the page size, so the second is looked for where each page size would put it.
  for (const size of 'meta' in first ? [first.meta.pageSize] : pageSizes()) {
    const found = judge(reader.slice(size, HEADER + META_BYTES), 1);
    if ('meta' in found && found.meta.pageSize !== size) second = { wrong: 'it claims another page size' };
    else second = found;
    if ('meta' in second) break;
  }
  if (!('meta' in first) && !('meta' in second)) {
    findings.damage(
      'meta-invalid',
      `Both headers of the database are damaged: in the first ${first.wrong}, in the second ${second.wrong}.`,
      {
        page: 0,
      },
    );
    return undefined;
  }
  const bad =
    'wrong' in first
      ? { page: 0, wrong: first.wrong }
      : 'wrong' in second
        ? { page: 1, wrong: second.wrong }
        : undefined;
  if (bad !== undefined) {
    findings.add({
      id: 'meta-one-invalid',
      severity: 'warning',
      message: `One of the two headers of the database is damaged (page ${bad.page}: ${bad.wrong}). The other one is whole and is used, as etcd does.`,
      remedy:
        'Prefer a snapshot without this warning. If this is a copy of a live database, make the copy again with K3s stopped.',
      page: bad.page,
    });
  }
  const meta = newer('meta' in first ? first.meta : undefined, 'meta' in second ? second.meta : undefined);
  return meta === undefined || !fits(meta, imageSize, findings) ? undefined : meta;
}

function newer(a: Meta | undefined, b: Meta | undefined): Meta | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.txid >= b.txid ? a : b;
}

/** A header that claims more pages than there are bytes would make every later bound useless. */
function fits(meta: Meta, imageSize: number, findings: Findings): boolean {
  const claimed = meta.pages * meta.pageSize;
  if (meta.pages < 3 || claimed > imageSize) {
    findings.damage(
      'size-mismatch',
      `The database says it has ${meta.pages} pages of ${meta.pageSize} bytes, the file has room for ${Math.floor(imageSize / meta.pageSize)}: it was cut off or its header is damaged.`,
      { offset: imageSize },
    );
    return false;
  }
  return true;
}
