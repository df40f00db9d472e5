import { createWriteStream } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise } from 'yauzl';
import { ProblemError } from '../base/problem.js';
import { looksLikeBoltHead } from './bolt-meta.js';
import type { Finding } from './findings.js';

/** Above etcd's largest recommended database (8 GB) there is no real snapshot. */
const LARGEST = 16 * 1024 ** 3;
/** Deflate cannot do better than this; a claim above it is a lie. */
const BEST_RATIO = 1100;
/** Left free on the disk that is unpacked to, bytes. */
const RESERVE = 64 * 1024 * 1024;

/**
 * Unpacks K3s' `.zip` snapshot (one deflated entry, facts 2.4) to `target`, mode 0600, with bounds: one entry, a size that is
 * possible and fits on the disk, content that begins as a database. Answers a fatal finding for a file that is not such a zip;
 * throws {@link ProblemError} for a full disk.
 */
export async function unzipSnapshot(
  source: string,
  target: string,
  signal: AbortSignal | undefined,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<Finding | undefined> {
  try {
    const zip = await openPromise(source, { lazyEntries: true, autoClose: false });
    try {
      const entries: Entry[] = [];
      for await (const entry of zip.eachEntry()) {
        entries.push(entry);
        if (entries.length > 1) break;
      }
      const [entry] = entries;
      if (entry === undefined || entries.length > 1)
        return damaged(`it has ${entry === undefined ? 'no entry' : 'several entries'}, K3s writes exactly one`);
      if (entry.isEncrypted()) return damaged('its content is encrypted, which K3s does not do');
      const size = entry.uncompressedSize;
      if (size > LARGEST || size > entry.compressedSize * BEST_RATIO + 1024)
        return damaged(`it claims to unpack to ${size} bytes, which cannot be true`);
      await roomFor(dirname(target), size);
      const stream = await zip.openReadStreamPromise(entry);
      await pipeline(stream, bounded(size, onBytes), createWriteStream(target, { flags: 'wx', mode: 0o600 }), {
        signal,
      });
      return undefined;
    } finally {
      zip.close();
    }
  } catch (thrown) {
    signal?.throwIfAborted();
    if (thrown instanceof ProblemError) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw full(dirname(target));
    if (code !== undefined && /^E[A-Z]+$/.test(code)) throw thrown;
    return damaged(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Counts, and stops at the first bytes what is no database: a bomb of zeros ends here. */
function bounded(total: number, onBytes: (done: number, total: number) => void): Transform {
  let done = 0;
  let head: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      if (head !== undefined) {
        head = Buffer.concat([head, chunk.subarray(0, 70_000)]);
        if (head.length >= Math.min(70_000, total)) {
          if (!looksLikeBoltHead(head)) return next(new Error('its content is no etcd snapshot'));
          head = undefined;
        }
      }
      if (done > total) return next(new Error('its content is longer than it claims'));
      onBytes(done, total);
      next(null, chunk);
    },
  });
}

async function roomFor(directory: string, size: number): Promise<void> {
  const disk = await statfs(directory);
  if (disk.bavail * disk.bsize < size + RESERVE) throw full(directory, size);
}

function full(directory: string, size?: number): ProblemError {
  return new ProblemError({
    id: 'disk-full',
    what:
      size === undefined
        ? 'The disk filled up while the snapshot was unpacked.'
        : `There is no room to unpack the snapshot: ${Math.ceil(size / 1e6)} MB are needed.`,
    where: directory,
    left: 'What was unpacked so far is removed.',
    next: 'Free space there, or choose another spool directory.',
  });
}

function damaged(reason: string): Finding {
  return {
    id: 'zip-damaged',
    severity: 'fatal',
    message: `The zip file cannot be unpacked as a K3s snapshot: ${reason}.`,
    remedy: 'Fetch it again; if it stays so, choose another snapshot.',
  };
}
