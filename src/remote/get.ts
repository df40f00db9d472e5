import { createHash } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Clock } from '../base/clock.js';
import { inertLine } from '../base/inert.js';
import { EXIT, ProblemError } from '../base/problem.js';
import type { Ended, RunningCommand } from './channel.js';
import type { ExecRequest, ExecResult, GetRequest, Got } from './host.js';
import { isNetworkProblem } from './problems.js';
import { requireAbsolute } from './runner.js';

/** A command whose output goes somewhere else than into memory. */
export interface PipeCommand {
  readonly argv: readonly string[];
  readonly root: boolean;
  readonly signal: AbortSignal;
  /** Called with the command once it runs, for pausing its output. */
  onStart(running: RunningCommand): void;
  onStdout(chunk: Buffer): void;
}

/** What getting a file needs of a host. */
export interface GetPort {
  readonly host: string;
  readonly clock: Clock;
  exec(request: ExecRequest): Promise<ExecResult>;
  /** Runs a command, as root where asked; gives its exit and what it said on standard error. */
  pipe(command: PipeCommand): Promise<Ended & { readonly stderr: string }>;
}

/** Tries after a lost connection that brought nothing new; each waits for the reconnect. */
const TRIES = 8;
/** For sha256sum and stat on the host, milliseconds: a large file on a slow disk. */
const PATIENCE = 600_000;

/**
 * Copies a file of a host to this machine, through sudo where asked. The content goes over standard output of a `dd`, straight into
 * the local file (0600, must not exist yet), and is compared with the host's own sha256sum. A drop in the middle is resumed from the
 * last byte that arrived. Nothing is changed on the host; the local file is removed when anything fails.
 *
 * @throws ProblemError `get-failed`, `get-changed`, `file-unwritable`, and those of `exec`
 */
export async function getFile(port: GetPort, request: GetRequest): Promise<Got> {
  requireAbsolute(request.path);
  const total = await sizeOf(port, request);
  const into = await Local.open(request.file);
  try {
    await receive(port, request, into, total);
    const got = await into.end();
    if (request.verify !== false && request.untilZeros === undefined) await compare(port, request, got, total);
    return got;
  } catch (thrown) {
    await into.discard();
    throw thrown;
  }
}

/** The local file: written in order, hashed on the way; a write that fails ends the transfer. */
class Local {
  readonly #hash = createHash('sha256');
  readonly failed = new AbortController();
  bytes = 0;
  /** How many zeros what was written ends with. */
  zeros = 0;
  #channel: RunningCommand['channel'] | undefined;

  private constructor(
    readonly path: string,
    readonly stream: WriteStream,
  ) {
    stream.on('error', (cause) => this.failed.abort(unwritable(path, cause)));
    stream.on('drain', () => this.#channel?.resume());
  }

  static async open(path: string): Promise<Local> {
    const stream = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 1024 * 1024 });
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (cause) => reject(unwritable(path, cause)));
    });
    return new Local(path, stream);
  }

  /** From now on this command is held back while the disk is slower than the network. */
  follow(running: RunningCommand): void {
    this.#channel = running.channel;
    if (this.stream.writableNeedDrain) running.channel.pause();
  }

  write(chunk: Buffer): void {
    this.bytes += chunk.length;
    let at = chunk.length;
    while (at > 0 && chunk[at - 1] === 0) at--;
    this.zeros = at === 0 ? this.zeros + chunk.length : chunk.length - at;
    this.#hash.update(chunk);
    if (!this.stream.write(chunk)) this.#channel?.pause();
  }

  async end(): Promise<Got> {
    this.stream.end();
    await finished(this.stream).catch((cause: unknown) => {
      throw unwritable(this.path, cause);
    });
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }

  async discard(): Promise<void> {
    this.stream.destroy();
    await rm(this.path, { force: true });
  }
}

async function receive(port: GetPort, request: GetRequest, into: Local, total: number): Promise<void> {
  const enough = new AbortController();
  const stop = AbortSignal.any([
    into.failed.signal,
    enough.signal,
    ...(request.signal === undefined ? [] : [request.signal]),
  ]);
  let best = -1;
  for (let tries = 0; ; ) {
    const from = into.bytes;
    try {
      request.onProgress?.(from, total);
      const ended = await port.pipe({
        argv: ['dd', `if=${request.path}`, 'bs=1M', 'iflag=skip_bytes', `skip=${from}`, 'status=none'],
        root: request.root === true,
        signal: stop,
        onStart: (running) => into.follow(running),
        onStdout: (chunk) => {
          if (enough.signal.aborted) return;
          into.write(chunk);
          if (into.zeros >= (request.untilZeros ?? Number.POSITIVE_INFINITY)) enough.abort();
          request.onProgress?.(into.bytes, Math.max(total, into.bytes));
        },
      });
      into.failed.signal.throwIfAborted();
      if (ended.code !== 0) throw failed(port.host, request.path, ended.stderr);
      return;
    } catch (error) {
      into.failed.signal.throwIfAborted();
      if (enough.signal.aborted && request.signal?.aborted !== true) return;
      if (!(error instanceof ProblemError) || !isNetworkProblem(error.problem)) throw error;
      tries = into.bytes > best ? 1 : tries + 1;
      best = Math.max(best, into.bytes);
      if (tries > TRIES) throw error;
      // What arrived before the drop may have been all of it; dd has nothing to say beyond the end.
      if (into.bytes >= total && request.verify !== false) return;
      await port.clock.sleep(250 * 2 ** (tries - 1), request.signal);
    }
  }
}

async function sizeOf(port: GetPort, request: GetRequest): Promise<number> {
  const said = await port.exec({ argv: ['stat', '-L', '-c', '%s %F', request.path], ...asked(request) });
  const [size, ...kind] = said.stdout.trim().split(' ');
  if (said.code !== 0) throw failed(port.host, request.path, said.stderr || said.stdout);
  if (!/^regular/.test(kind.join(' '))) throw failed(port.host, request.path, `it is a ${kind.join(' ')}`);
  return Number(size);
}

async function compare(port: GetPort, request: GetRequest, got: Got, total: number): Promise<void> {
  const said = await port.exec({ argv: ['sha256sum', request.path], ...asked(request) });
  if (said.code !== 0) throw failed(port.host, request.path, said.stderr || said.stdout);
  // A name with a backslash or newline in it makes sha256sum begin the line with a backslash.
  const theirs = /^\\?([0-9a-f]{64})/.exec(said.stdout)?.[1];
  if (theirs === got.sha256) return;
  const sizes = got.bytes === total ? 'its content is another one now' : `${got.bytes} bytes came, it had ${total}`;
  throw new ProblemError({
    id: 'get-changed',
    what: `${request.path} changed while it was fetched: ${sizes}.`,
    where: port.host,
    left: 'Nothing was changed there, and nothing was kept here.',
    next: 'If it is still being written, wait until it is whole and fetch it again; else choose another one.',
  });
}

function asked(request: GetRequest): Omit<ExecRequest, 'argv'> {
  return {
    root: request.root === true,
    lane: 'runner',
    timeoutMs: PATIENCE,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
}

function failed(host: string, path: string, said: string): ProblemError {
  return new ProblemError({
    id: 'get-failed',
    what: `${path} could not be read: ${inertLine(said.trim(), 300) || 'no reason given'}.`,
    where: host,
    left: 'Nothing was changed there, and nothing was kept here.',
    next: /No such file/.test(said)
      ? 'List the snapshots again: it may have been removed meanwhile.'
      : 'Look at the file on the host, then try again.',
  });
}

function unwritable(path: string, cause: unknown): ProblemError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new ProblemError(
    {
      id: full ? 'spool-full' : 'file-unwritable',
      what: full
        ? 'The disk of this machine filled up.'
        : `The file cannot be written here: ${cause instanceof Error ? cause.message : String(cause)}.`,
      where: path,
      left: 'What was written so far is removed.',
      next: full ? 'Free space there, then fetch again.' : 'Check the folder and its permissions.',
    },
    EXIT.unreachable,
    { cause },
  );
}
