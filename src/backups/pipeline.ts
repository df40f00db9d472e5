import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ProblemError } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import { looksLikeOpenPgp, type Proof, type ProveOptions, prove, unzipSnapshot } from '../snapshot/index.js';
import { openSource, type Source, sourceName } from './fetch.js';
import { decrypt } from './openpgp.js';
import { ByteSource, type Chunks } from './packets.js';
import { Meter, type PipelineProgress } from './progress.js';
import { Spool, spoolProblem } from './spool.js';

/** What to fetch and what to prove it against. */
export interface FetchRequest {
  readonly source: Source;
  readonly passphrase?: Secret;
  /** The spool directory. */
  readonly spool: string;
  readonly prove?: Omit<ProveOptions, 'name' | 'scratch' | 'onProgress' | 'signal'>;
}

/** The proof, and the file it is about when it may be restored (else `undefined`: it was removed). */
export interface Fetched {
  readonly proof: Proof;
  readonly file: string | undefined;
  /** What was fetched, bytes. */
  readonly fetchedBytes: number;
}

export interface FetchHooks {
  readonly onProgress?: (progress: PipelineProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches a backup, decrypts it, spools and proves it, all at once where one feeds the other. The file keeps its `.part` until the proof
 * allows a restore, and is removed when anything fails, also when aborted. Throws {@link ProblemError}; a snapshot that is not restorable is
 * an answer, not an error.
 */
export async function fetchAndProveHere(request: FetchRequest, hooks: FetchHooks = {}): Promise<Fetched> {
  const { signal } = hooks;
  const meter = new Meter(hooks.onProgress ?? (() => {}));
  const spool = await Spool.open(request.spool);
  const name = sourceName(request.source).replace(/\.(gpg|pgp|asc)$/, '');
  let part = await spool.begin(name);
  const opened = await openSource(request.source, signal);
  try {
    // Whether it is encrypted or zipped decides how much it grows; twice the size is the least either needs.
    await spool.room(opened.size * (/\.(gpg|pgp|asc|zip)$/.test(sourceName(request.source)) ? 2 : 1));
    const counted = count(opened.chunks, (done) => meter.report('fetch', done, opened.size));
    await write(unwrap(counted, request.passphrase), part, signal);
    if (part.endsWith('.zip.part')) part = await unpack(spool, part, name, meter, signal);
    const proof = await prove(part, {
      ...request.prove,
      name: name.replace(/\.zip$/, ''),
      scratch: spool.directory,
      onProgress: ({ done, total }) => meter.report('prove', done, total),
      ...(signal === undefined ? {} : { signal }),
    });
    if (proof.ok) return { proof, file: await spool.finish(part), fetchedBytes: opened.size };
    await spool.remove(part);
    return { proof, file: undefined, fetchedBytes: opened.size };
  } catch (thrown) {
    await spool.remove(part);
    signal?.throwIfAborted();
    throw spoolProblem(thrown, spool.directory);
  } finally {
    opened.close();
  }
}

async function write(chunks: Chunks, path: string, signal: AbortSignal | undefined): Promise<void> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 1024 * 1024 });
  await pipeline(
    Readable.from(chunks, { objectMode: false, highWaterMark: 512 * 1024 }),
    file,
    signal === undefined ? {} : { signal },
  );
}

async function* count(chunks: Chunks, onBytes: (done: number) => void): Chunks {
  let done = 0;
  for await (const piece of chunks) {
    done += piece.length;
    onBytes(done);
    yield piece;
  }
}

/** Decrypts what is encrypted, by its first bytes and not by its name; everything else passes through. */
async function* unwrap(chunks: Chunks, passphrase: Secret | undefined): Chunks {
  const source = new ByteSource(chunks);
  const head = await source.some(64 * 1024);
  if (head === undefined) return;
  const whole = (async function* (): Chunks {
    yield head;
    yield* source.rest();
  })();
  if (!looksLikeOpenPgp(head)) yield* whole;
  else if (passphrase !== undefined) yield* decrypt(whole, passphrase);
  else {
    throw new ProblemError({
      id: 'passphrase-missing',
      what: 'The backup is encrypted and no passphrase was given.',
      left: 'Nothing was kept.',
      next: 'Give a source for the passphrase in the inventory (env:, file:, command: or prompt).',
    });
  }
}

/** K3s' zip becomes the snapshot in it; a file that is none stays as it is, for the proof to name. */
async function unpack(
  spool: Spool,
  zip: string,
  name: string,
  meter: Meter,
  signal: AbortSignal | undefined,
): Promise<string> {
  const part = await spool.begin(name.replace(/\.zip$/, ''));
  try {
    const damaged = await unzipSnapshot(zip, part, signal, (done, total) => meter.report('unzip', done, total));
    await spool.remove(damaged === undefined ? zip : part);
    return damaged === undefined ? part : zip;
  } catch (thrown) {
    await spool.remove(part);
    await spool.remove(zip);
    throw thrown;
  }
}
