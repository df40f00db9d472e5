import { createHash } from 'node:crypto';
import type { RandomReader } from './reader.js';

const CHUNK = 1024 * 1024;
/** Bytes of etcd's trailer: SHA-256 of everything before it (facts 7.1). */
export const TRAILER = 32;

/** SHA-256 of the image (everything before the trailer) and of the whole file, hex. */
export interface Digests {
  readonly image: string;
  readonly file: string;
  /** What the trailer says; empty without one. */
  readonly trailer: string;
}

/** One sequential pass over the file; the next piece is read while one is hashed. `trailer` says whether the file has one. */
export async function digest(
  reader: RandomReader,
  trailer: boolean,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
): Promise<Digests> {
  const hash = createHash('sha256');
  const imageSize = trailer ? reader.size - TRAILER : reader.size;
  let current = Buffer.allocUnsafe(CHUNK);
  let next = Buffer.allocUnsafe(CHUNK);
  let at = 0;
  let pending = reader.read(current, 0, Math.min(CHUNK, imageSize));
  while (at < imageSize) {
    const got = await pending;
    signal?.throwIfAborted();
    if (got === 0) break;
    at += got;
    [current, next] = [next, current];
    if (at < imageSize) pending = reader.read(current, at, Math.min(CHUNK, imageSize - at));
    hash.update(next.subarray(0, got));
    onBytes(at);
  }
  const image = hash.copy().digest('hex');
  const tail = trailer ? reader.slice(imageSize, TRAILER) : Buffer.alloc(0);
  hash.update(tail);
  return { image, file: hash.digest('hex'), trailer: tail.toString('hex') };
}
