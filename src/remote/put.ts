import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.js';
import { inertLine } from '../base/inert.js';
import { EXIT, ProblemError } from '../base/problem.js';
import type { RunningCommand } from './channel.js';
import type { ExecRequest, ExecResult, PutRequest } from './host.js';
import { Kept } from './output.js';
import { isNetworkProblem } from './problems.js';
import { putBeside, putStaged, SMALL_BYTES, stagingFolder } from './put-small.js';
import { type CommandRunner, requireAbsolute } from './runner.js';

/** What putting a file needs of a host. */
export interface PutPort {
  readonly host: string;
  readonly runner: CommandRunner;
  readonly clock: Clock;
  exec(request: ExecRequest): Promise<ExecResult>;
  /** User id of the login user. */
  uid(): Promise<number>;
}

/** Tries after a lost connection that brought nothing new; each waits for the reconnect. */
const TRIES = 8;

/**
 * Writes a file on a host. A small one goes with one command (through sudo: two), see `put-small.ts`. The data of others goes over
 * standard input of a `dd` that the login user runs, never of a sudo: into a private staging folder when it is to belong to root,
 * from where a second command moves it into place; else straight beside its final name. A drop in the middle is resumed where the
 * node's copy ends.
 *
 * @throws ProblemError `put-failed`, `file-unreadable`, and those of `exec`
 */
export async function putFile(port: PutPort, request: PutRequest): Promise<{ readonly bytes: number }> {
  requireAbsolute(request.path);
  const total = await sizeOf(request);
  const part = `${request.path}.part`;
  const uid = await port.uid();
  const signal = request.signal === undefined ? {} : { signal: request.signal };
  // Each of these can be repeated: lost in the middle, it is sent again.
  const run = (argv: string[], root = false): Promise<ExecResult> =>
    again(port, request.signal, () => check(port, { argv, root, lane: 'runner', ...signal }));
  const intoPlace = async (root: boolean): Promise<void> => {
    let lost = false;
    await again(port, request.signal, async () => {
      // One whose answer was lost may have moved it: then there is nothing left to move.
      if (lost && (await port.exec({ argv: ['stat', '-c', '%s', part], root, lane: 'runner', ...signal })).code !== 0)
        return;
      lost = true;
      await check(port, { argv: ['mv', '-T', part, request.path], root, lane: 'runner', ...signal });
    });
  };
  const mode = request.mode.toString(8).padStart(4, '0');
  const escalated = request.root === true && uid !== 0;
  try {
    await bring();
    return { bytes: total };
  } catch (error) {
    // What came of it may be what fills the disk. Behind a lost connection it stays: the next try goes over it.
    if (!(error instanceof ProblemError) || !isNetworkProblem(error.problem))
      await port.exec({ argv: ['rm', '-f', part], root: escalated, timeoutMs: 10_000 }).catch(() => undefined);
    throw error;
  }

  async function bring(): Promise<void> {
    if ('bytes' in request.source && total <= SMALL_BYTES) return bringSmall(request.source.bytes);
    if (!escalated) return beside();

    const folder = await stagingFolder((one) => check(port, one, '.blackstart-stage'), uid, request.signal);
    const staging = `${folder}/${randomBytes(8).toString('hex')}`;
    try {
      await create(run, staging, []);
      await send(port, request, staging, total);
      await run(['install', '-D', '-m', mode, '-o', 'root', '-g', 'root', staging, part], true);
      await intoPlace(true);
    } finally {
      // Also after a failure: what was staged may be a snapshot's worth of disk.
      await port.exec({ argv: ['rm', '-f', staging], timeoutMs: 10_000 }).catch(() => undefined);
    }
  }

  async function bringSmall(bytes: Uint8Array): Promise<void> {
    const small = { path: request.path, bytes, mode, ...signal };
    const sent = (one: ExecRequest): Promise<ExecResult> => check(port, one, request.path);
    const repeated = <T>(act: () => Promise<T>): Promise<T> => again(port, request.signal, act);
    if (escalated) await putStaged(sent, repeated, uid, small);
    else await repeated(() => putBeside(sent, small));
    request.onProgress?.(total, total);
  }

  async function beside(): Promise<void> {
    await create(run, part, uid === 0 && request.root ? ['-D', '-o', 'root', '-g', 'root'] : ['-D']);
    await send(port, request, part, total);
    await run(['chmod', mode, part]);
    await intoPlace(false);
  }
}

/** Does something again after the connection was lost, each time a little later. */
async function again<T>(port: PutPort, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ProblemError) || !isNetworkProblem(error.problem) || tries > TRIES) throw error;
      await port.clock.sleep(250 * 2 ** (tries - 1), signal);
    }
  }
}

/** An empty private file: so nobody else can open it while data comes in. */
function create(run: (argv: string[]) => Promise<ExecResult>, path: string, options: string[]): Promise<ExecResult> {
  return run(['install', ...options, '-m', '0600', '/dev/null', path]);
}

/** Sends the data, going on after a drop from what has arrived. */
async function send(port: PutPort, request: PutRequest, path: string, total: number): Promise<void> {
  let from = 0;
  let best = 0;
  for (let tries = 0; ; ) {
    try {
      if (tries > 0) from = await arrived(port, path, request.signal);
      await sendFrom(port, request, path, from, total);
      const size = await arrived(port, path, request.signal);
      if (size !== total) throw failed(port.host, path, `${size} of ${total} bytes arrived`);
      return;
    } catch (error) {
      if (!(error instanceof ProblemError) || !isNetworkProblem(error.problem)) throw error;
      tries = from > best ? 1 : tries + 1;
      best = Math.max(best, from);
      if (tries > TRIES) throw error;
      await port.clock.sleep(250 * 2 ** (tries - 1), request.signal);
    }
  }
}

async function sendFrom(port: PutPort, request: PutRequest, path: string, from: number, total: number): Promise<void> {
  const err = new Kept(16 * 1024);
  request.onProgress?.(from, total);
  const ended = await port.runner.run({
    argv: ['dd', `of=${path}`, 'bs=1M', 'oflag=seek_bytes', `seek=${from}`, 'conv=notrunc', 'status=none'],
    lane: 'runner',
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    sinks: { stdout: () => undefined, stderr: (chunk) => err.push(chunk) },
    feed: (running) => feed(running, request, from, total),
  });
  if (ended.code !== 0) throw failed(port.host, path, err.text());
}

async function feed(running: RunningCommand, request: PutRequest, from: number, total: number): Promise<void> {
  const { channel, ended } = running;
  let closed = false;
  const end = ended.then(() => {
    closed = true;
  });
  let done = from;
  const data = open(request, from, total);
  try {
    for await (const chunk of data) {
      if (closed || request.signal?.aborted) return;
      const room = channel.write(chunk);
      done += chunk.length;
      if (!room) await Promise.race([new Promise((resolve) => channel.once('drain', resolve)), end]);
      if (!closed) request.onProgress?.(done, total);
    }
    if (!closed) channel.end();
  } catch (cause) {
    throw unreadableFile(request, cause);
  } finally {
    data.destroy();
  }
}

function open({ source }: PutRequest, from: number, total: number): Readable {
  if ('bytes' in source) {
    const bytes = Buffer.from(source.bytes.buffer, source.bytes.byteOffset + from, source.bytes.byteLength - from);
    return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: true });
  }
  // Never more than was announced: the file may still grow.
  if (from >= total) return Readable.from([]);
  return createReadStream(source.file, { start: from, end: total - 1, highWaterMark: 256 * 1024 });
}

async function sizeOf({ source }: PutRequest): Promise<number> {
  if ('bytes' in source) return source.bytes.byteLength;
  try {
    return (await stat(source.file)).size;
  } catch (cause) {
    throw unreadableFile({ source }, cause);
  }
}

async function arrived(port: PutPort, path: string, signal: AbortSignal | undefined): Promise<number> {
  const request = { argv: ['stat', '-c', '%s', path], lane: 'runner' as const };
  const { stdout } = await check(port, signal === undefined ? request : { ...request, signal });
  return Number(stdout.trim());
}

async function check(port: PutPort, request: ExecRequest, path = request.argv.at(-1) ?? ''): Promise<ExecResult> {
  const result = await port.exec({ timeoutMs: 600_000, ...request });
  if (result.code !== 0) throw failed(port.host, path, result.stderr || result.stdout);
  return result;
}

function failed(host: string, path: string, said: string): ProblemError {
  const full = /No space left|Disk quota/i.test(said);
  return new ProblemError({
    id: 'put-failed',
    what: `${path} could not be written: ${inertLine(said.trim(), 300) || 'no reason given'}`,
    where: host,
    left: 'The file itself is as it was; what had come of it was removed, where the host still answers.',
    next: full ? 'Make room on that disk, then try again.' : 'Look at the folder on the host, then try again.',
  });
}

function unreadableFile({ source }: Pick<PutRequest, 'source'>, cause: unknown): ProblemError {
  const file = 'file' in source ? source.file : 'the data';
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProblemError(
    {
      id: 'file-unreadable',
      what: `${file} cannot be read: ${why}.`,
      left: 'Nothing took the place of the file on the host.',
      next: 'Try again: what was fetched for it is fetched anew where it is gone.',
    },
    EXIT.unreachable,
    { cause },
  );
}
