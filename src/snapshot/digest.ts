import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../base/problem.js';
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

/** Below this a thread of its own costs more than it saves, bytes. */
const WORTH_A_THREAD = 32 * 1024 * 1024;

/**
 * As {@link digest}, in a thread of its own where the file is large and the program is built: the tree is walked meanwhile, and the two
 * take most of a proof. Aborting ends the thread.
 */
export function digestBeside(
  reader: RandomReader,
  trailer: boolean,
  signal: AbortSignal | undefined,
  onBytes: (done: number) => void,
): Promise<Digests> {
  const entry = reader.size < WORTH_A_THREAD ? undefined : builtWorker();
  if (entry === undefined) return digest(reader, trailer, signal, onBytes);
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData: { path: reader.path, trailer }, env: {}, argv: [], execArgv: [] });
    const end = (finish: () => void): void => {
      signal?.removeEventListener('abort', abort);
      finish();
    };
    const abort = (): void => {
      void worker.terminate();
      end(() => reject(signal?.reason));
    };
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) return abort();
    worker.on('message', (message: FromDigest) => {
      if ('done' in message) onBytes(message.done);
      else if ('digests' in message) end(() => resolve(message.digests));
      else end(() => reject(new ProblemError(message.problem)));
    });
    worker.on('error', (thrown) => end(() => reject(thrown)));
    worker.on('exit', () => end(() => reject(new Error('the thread that hashes ended without an answer'))));
  });
}

/** What the thread says: how far it is, the sums, or why it cannot read. */
export type FromDigest = { readonly done: number } | { readonly digests: Digests } | { readonly problem: Problem };

/** The built thread: beside this file, or in `dist` when this file is run as TypeScript by the tests; else none. */
function builtWorker(): URL | undefined {
  const built = import.meta.url.endsWith('.ts')
    ? new URL('../../dist/src/snapshot/digest-worker.js', import.meta.url)
    : new URL('./digest-worker.js', import.meta.url);
  return existsSync(fileURLToPath(built)) ? built : undefined;
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
