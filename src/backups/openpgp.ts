import { createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflate, createInflateRaw } from 'node:zlib';
import { EXIT, type Problem, ProblemError } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import { HEAD_BYTES, type Head, isArmoured, PREFIX, prefixRepeats, readHead } from './openpgp-head.js';
import { ByteSource, type Chunks, CutOff, coalesce, readBody, readHeader, TAG } from './packets.js';

/** The end of the plaintext: a packet header `d3 14` and the SHA-1 over everything before the digest (RFC 9580, 5.13.1). */
const MDC = 22;
const INFLATED = 256 * 1024;

/**
 * Decrypts an OpenPGP file to the bytes inside it. **Nothing of it may be used as final before the iteration ended**: the integrity
 * check comes last, and throws. {@link ProblemError}: `wrong-passphrase`, `not-openpgp`, `public-key`, `backup-damaged`.
 *
 * What gpg 2.2 makes (password, AES, modification detection) is transformed by Node's own AES, SHA-1 and inflate, which is four
 * times as fast as streams of 8 KiB; everything else goes through `openpgp` whole.
 */
export async function* decrypt(encrypted: Chunks, passphrase: Secret): Chunks {
  const raw = new ByteSource(encrypted);
  try {
    const start = await beginning(raw);
    const binary = isArmoured(start) ? new ByteSource(unarmour(start, raw)) : undefined;
    const head = binary === undefined ? start : await beginning(binary);
    const found = await readHead(head, passphrase);
    const whole = join(head, binary ?? raw);
    if (found.kind === 'fast') yield* fast(whole, found);
    else if (found.kind === 'other') yield* slow(whole, passphrase);
    else throw refused(found.kind);
  } catch (thrown) {
    if (thrown instanceof ProblemError) throw thrown;
    throw foreign(thrown) ? thrown : damaged(thrown);
  } finally {
    await raw.close();
  }
}

async function beginning(source: ByteSource): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let have = 0;
  while (have < HEAD_BYTES) {
    const piece = await source.some(HEAD_BYTES - have);
    if (piece === undefined) break;
    pieces.push(piece);
    have += piece.length;
  }
  return Buffer.concat(pieces);
}

async function* join(head: Buffer, rest: ByteSource): Chunks {
  if (head.length > 0) yield head;
  yield* rest.rest();
}

async function* unarmour(head: Buffer, rest: ByteSource): Chunks {
  const openpgp = await import('openpgp');
  // Its types know only whole strings; streams of text are taken as everywhere in openpgp.
  const text = toWeb(join(head, rest), (chunk) => chunk.toString('latin1')) as unknown as string;
  const { data } = await openpgp.unarmor(text);
  for await (const chunk of data as unknown as AsyncIterable<Uint8Array>) yield Buffer.from(chunk);
}

async function* fast(whole: Chunks, head: Extract<Head, { kind: 'fast' }>): Chunks {
  const source = new ByteSource(whole);
  await skip(source, head.offset);
  const header = await readHeader(source);
  if (header === undefined) throw new CutOff('the data ends before its content');
  const check = { passed: false };
  yield* content(new ByteSource(plaintext(readBody(source, header), head, check)));
  // The content may end before the packet around it: only its end tells that nothing was changed.
  if (!check.passed) throw new CutOff('the integrity check at the end was not reached');
}

async function skip(source: ByteSource, count: number): Promise<void> {
  for (let left = count; left > 0; ) left -= (await source.some(left))?.length ?? left;
}

/** AES-CFB over the whole packet, SHA-1 over all but the digest itself; the last 22 bytes are held back and checked. */
async function* plaintext(body: Chunks, head: { algorithm: string; key: Buffer }, check: { passed: boolean }): Chunks {
  const cipher = createDecipheriv(head.algorithm, head.key, Buffer.alloc(16));
  const hash = createHash('sha1');
  let held: Buffer = Buffer.alloc(0);
  let version = true;
  let prefix = true;
  for await (const piece of coalesce(body)) {
    const plain = cipher.update(version ? piece.subarray(1) : piece);
    version = false;
    const have = held.length === 0 ? plain : Buffer.concat([held, plain]);
    const ready = have.length - MDC;
    if (ready < PREFIX && prefix) {
      held = have;
      continue;
    }
    if (prefix && !prefixRepeats(have)) throw refused('wrong-passphrase');
    hash.update(have.subarray(0, ready));
    if (ready > 0) yield have.subarray(prefix ? PREFIX : 0, ready);
    held = Buffer.from(have.subarray(ready));
    prefix = false;
  }
  if (prefix || held.length !== MDC || held[0] !== 0xd3 || held[1] !== 0x14) throw new CutOff('its end is missing');
  hash.update(held.subarray(0, 2));
  if (!timingSafeEqual(hash.digest(), held.subarray(2))) throw new CutOff('its content was changed');
  check.passed = true;
}

/** The literal data in a sequence of packets, through at most one compression. Reads the sequence to its end. */
async function* content(source: ByteSource, depth = 0): Chunks {
  let found = false;
  for (let header = await readHeader(source); header !== undefined; header = await readHeader(source)) {
    const body = readBody(source, header);
    if (header.tag === TAG.literal && !found) {
      found = true;
      const inner = new ByteSource(body);
      const name = (await inner.take(2))[1] as number;
      await inner.take(name + 4);
      yield* inner.rest();
    } else if (header.tag === TAG.compressed && !found && depth < 2) {
      found = true;
      const inner = new ByteSource(body);
      const algorithm = (await inner.take(1))[0] as number;
      yield* content(new ByteSource(inflated(inner, algorithm)), depth + 1);
    } else for await (const piece of body) if (piece.length === 0) break;
  }
  if (!found) throw new CutOff('there is no data in it');
}

/** 0 is stored, 1 raw deflate, 2 zlib; bzip2 never comes here. */
async function* inflated(source: ByteSource, algorithm: number): Chunks {
  if (algorithm === 0) {
    yield* source.rest();
    return;
  }
  if (algorithm !== 1 && algorithm !== 2) throw new CutOff(`its compression ${algorithm} is unknown`);
  const inflate = algorithm === 1 ? createInflateRaw({ chunkSize: INFLATED }) : createInflate({ chunkSize: INFLATED });
  const running = pipeline(Readable.from(source.rest(), { objectMode: false, highWaterMark: INFLATED }), inflate);
  running.catch(() => {});
  yield* inflate as AsyncIterable<Buffer>;
  await running;
}

/** Everything the fast way does not take. Unauthenticated streaming is allowed because the end is waited for, as everywhere here. */
async function* slow(whole: Chunks, passphrase: Secret): Chunks {
  const openpgp = await import('openpgp');
  const message = await openpgp.readMessage({ binaryMessage: toWeb(whole, (chunk) => new Uint8Array(chunk)) });
  const decrypted = await openpgp
    .decrypt({
      message,
      passwords: passphrase.reveal(),
      format: 'binary',
      config: { allowUnauthenticatedStream: true },
    })
    .catch((thrown: unknown) => {
      throw foreign(thrown) ? thrown : refusedBy(thrown);
    });
  for await (const chunk of decrypted.data as unknown as AsyncIterable<Uint8Array>)
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}

function toWeb<T>(chunks: Chunks, as: (chunk: Buffer) => T): ReadableStream<T> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<T>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(as(next.value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

/** Errors of the disk, the network or an abort are told as they are, not as damage. */
function foreign(thrown: unknown): boolean {
  if (thrown instanceof ProblemError || (thrown instanceof Error && thrown.name === 'AbortError')) return true;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' && /^E[A-Z]+$/.test(code);
}

function refusedBy(thrown: unknown): ProblemError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return /session key|password|modification/i.test(text) ? refused('wrong-passphrase') : damaged(thrown);
}

function refused(kind: 'wrong-passphrase' | 'not-openpgp' | 'public-key' | 'unsupported'): ProblemError {
  const left = 'Nothing decrypted was kept.';
  // An answer about this backup with what is at hand, like a wrong token: not something that could not be reached.
  const no = (problem: Problem): ProblemError => new ProblemError(problem, EXIT.no);
  switch (kind) {
    case 'wrong-passphrase':
      return no({
        id: kind,
        what: 'The passphrase does not open this backup.',
        left,
        next: 'Give the passphrase that was in use when the backup was made; an older one may still be in your password store.',
      });
    case 'public-key':
      return no({
        id: kind,
        what: 'This backup is encrypted to a key, not with a passphrase.',
        left,
        next: 'Decrypt it with gpg where the private key is, then give the decrypted file.',
      });
    case 'unsupported':
      return no({
        id: 'openpgp-unsupported',
        what: 'This backup is encrypted with a cipher this program does not have.',
        left,
        next: 'Decrypt it with gpg --decrypt, then give the decrypted file.',
      });
    default:
      return no({
        id: kind,
        what: 'This is no OpenPGP file.',
        left,
        next: 'Check that the right file was chosen; if it is not encrypted, give it without .gpg in its name.',
      });
  }
}

function damaged(thrown: unknown): ProblemError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new ProblemError(
    {
      id: 'backup-damaged',
      what: `The encrypted backup was changed or cut off: ${reason.split('\n')[0]}.`,
      left: 'Nothing decrypted was kept.',
      next: 'Fetch it again; if it stays so, choose another backup.',
    },
    EXIT.no,
    { cause: thrown },
  );
}
