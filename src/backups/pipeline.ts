import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { inertLine } from '../base/inert.js';
import { ProblemError } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import { looksLikeOpenPgp, type Proof, type ProveOptions, prove, unzipSnapshot, verdictOf } from '../snapshot/index.js';
import { type Opened, openSource, type Source, sourceName } from './fetch.js';
import { decrypt } from './openpgp.js';
import { ByteSource, type Chunks } from './packets.js';
import { Meter, type PipelineProgress } from './progress.js';
import { Spool, spoolProblem } from './spool.js';
import { trialFinding, tryRestore } from './trial.js';

const ENCRYPTED = /\.(gpg|pgp|asc)$/;

/** What to fetch and what to prove it against. */
export interface FetchRequest {
  readonly source: Source;
  readonly passphrase?: Secret;
  /** The spool directory. */
  readonly spool: string;
  /** The backup's name, where the source is not called by it. */
  readonly name?: string;
  /** What it is called in the spool, where two backups have one name. */
  readonly as?: string;
  /** Also restores it for trial, where this machine has etcd's tool for that. */
  readonly trial?: boolean;
  /** May come later: it is wanted only once the file is here, and looking for tokens on hosts that hang takes a while. */
  readonly prove?: ProofTerms | Promise<ProofTerms>;
}

/** What a backup is proven against. */
export type ProofTerms = Omit<ProveOptions, 'name' | 'scratch' | 'onProgress' | 'signal'>;

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
  const { source } = request;
  const terms = Promise.resolve(request.prove);
  // Told where it is waited for; until then nobody does.
  terms.catch(() => undefined);
  const meter = new Meter(hooks.onProgress ?? (() => {}));
  const spool = await Spool.open(request.spool);
  const name = request.name ?? sourceName(source);
  const as = (request.as ?? name).replace(ENCRYPTED, '');
  let decrypted = false;
  let part = await spool.begin(as);
  let opened: Opened | undefined;
  try {
    if (source.kind === 'spooled') await rename(source.path, part);
    else {
      opened = await openSource(source, signal);
      const { size, chunks } = opened;
      // Whether it is encrypted or zipped decides how much it grows; twice the size is the least either needs.
      await spool.room(size * (/\.(gpg|pgp|asc|zip)$/.test(sourceName(source)) ? 2 : 1));
      const counted = count(chunks, (done) => meter.report('fetch', done, size));
      const plain = unwrap(counted, request.passphrase, () => {
        decrypted = true;
      });
      await write(plain, part, signal);
    }
    const fetchedBytes = opened?.size ?? (await stat(part)).size;
    if (part.endsWith('.zip.part')) part = await unpack(spool, part, as, meter, signal);
    const proven = await prove(part, {
      ...(await orAborted(terms, signal)),
      // A file that is called .gpg and is none keeps that name, for the proof to say so.
      name: (decrypted ? name.replace(ENCRYPTED, '') : name).replace(/\.zip$/, ''),
      scratch: spool.directory,
      onProgress: ({ done, total }) => meter.report('prove', done, total),
      ...(signal === undefined ? {} : { signal }),
    });
    const proof = request.trial === true ? await withTrial(proven, part, spool, signal) : proven;
    if (proof.ok) return { proof, file: await spool.finish(part), fetchedBytes };
    await spool.remove(part);
    return { proof, file: undefined, fetchedBytes };
  } catch (thrown) {
    await spool.remove(part);
    if (source.kind === 'spooled') await spool.remove(source.path);
    signal?.throwIfAborted();
    throw about(spoolProblem(thrown, spool.directory), name);
  } finally {
    opened?.close();
  }
}

function orAborted<T>(value: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return value;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** The proof with what a trial restore says, where one is worth making. */
async function withTrial(proof: Proof, file: string, spool: Spool, signal: AbortSignal | undefined): Promise<Proof> {
  if (!proof.ok) return proof;
  const trial = await tryRestore(file, proof.totalSize, spool.directory, signal);
  if (trial === undefined) return proof;
  const failed = trialFinding(trial);
  const problems = failed === undefined ? proof.problems : [failed, ...proof.problems];
  return { ...proof, trial, problems, verdict: verdictOf(problems) };
}

/** A problem that does not say where it was, with the backup's name. */
function about(thrown: unknown, name: string): unknown {
  if (!(thrown instanceof ProblemError) || thrown.problem.where !== undefined) return thrown;
  return new ProblemError({ ...thrown.problem, where: inertLine(name, 300) }, thrown.exit, { cause: thrown.cause });
}

/**
 * Brings a file of a server into the spool: `get` is given a path that does not exist yet, and the count to report bytes by. Throws
 * {@link ProblemError} `spool-full` before anything is fetched, and whatever `get` throws.
 */
export async function spoolFromServer(
  request: { readonly spool: string; readonly as: string; readonly size: number },
  get: (file: string, onProgress: (done: number, total: number) => void) => Promise<unknown>,
  onProgress: (progress: PipelineProgress) => void,
): Promise<Source> {
  const meter = new Meter(onProgress);
  const spool = await Spool.open(request.spool);
  await spool.room(request.size * (request.as.endsWith('.zip') ? 2 : 1));
  const path = await spool.begin(`${request.as}.fetched`);
  await get(path, (done, total) => meter.report('fetch', done, total));
  return { kind: 'spooled', path };
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
async function* unwrap(chunks: Chunks, passphrase: Secret | undefined, onDecrypt: () => void): Chunks {
  const source = new ByteSource(chunks);
  const head = await source.some(64 * 1024);
  if (head === undefined) return;
  const whole = (async function* (): Chunks {
    yield head;
    yield* source.rest();
  })();
  if (!looksLikeOpenPgp(head)) yield* whole;
  else if (passphrase !== undefined) {
    onDecrypt();
    yield* decrypt(whole, passphrase);
  } else {
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
