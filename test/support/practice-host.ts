import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../src/base/clock.js';
import { ProblemError } from '../../src/base/problem.js';
import type { ExecOptions, PracticeNode } from '../../src/practice/node/node.js';
import type {
  Connection,
  ExecRequest,
  ExecResult,
  GetRequest,
  Got,
  Host,
  PutRequest,
  StreamRequest,
} from '../../src/remote/host.js';
import { putBeside, SMALL_BYTES } from '../../src/remote/put-small.js';
import { quoteArgv } from '../../src/remote/quote.js';

export type Cut = 'before' | 'during' | 'after';

/** The second implementation of a host: calls a practice node in this process with the very text that would go over SSH. */
export class PracticeHost implements Host {
  constructor(
    private readonly node: () => PracticeNode,
    private readonly clock: Clock,
    /** Every command line, for tests that read what was sent. */
    private readonly sent: (host: string, argv: readonly string[]) => void = () => {},
    /** Where the connection is lost: before the command is sent, while it runs, or before its answer is here. */
    private readonly cut: (host: string, argv: readonly string[]) => Cut | undefined = () => undefined,
  ) {}

  get name(): string {
    return this.node().name;
  }

  connection(): Connection {
    return { state: 'up', since: 0, latencyMs: 1 };
  }

  onConnection(): () => void {
    return () => {};
  }

  async exec(request: ExecRequest): Promise<ExecResult> {
    this.sent(this.name, request.argv);
    return this.#cutting(request.lane === 'runner' ? request.argv : undefined, () => this.#exec(request));
  }

  async #exec(request: ExecRequest): Promise<ExecResult> {
    return this.#run(request.argv, {
      ...(request.stdin === undefined ? {} : { stdin: new Uint8Array(Buffer.from(request.stdin)) }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      timeoutMs: request.timeoutMs ?? 30_000,
    });
  }

  async stream(_request: StreamRequest): Promise<number | null> {
    throw new Error('journals are not followed here');
  }

  async get(request: GetRequest): Promise<Got> {
    this.sent(this.name, ['get', request.path]);
    const node = this.node();
    if (node.state.power !== 'on') throw problem(node.name, 'host-unreachable', `${node.name} does not answer`);
    const bytes = Buffer.from(node.files().read(request.path));
    // A preallocated log is mostly zeros, which need not be written one by one.
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end -= 1;
    writeFileSync(request.file, bytes.subarray(0, end));
    if (request.untilZeros === undefined) truncateSync(request.file, bytes.length);
    return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }

  async close(): Promise<void> {}

  /** The commands of `src/remote/put.ts` for a login as root. */
  async put(request: PutRequest): Promise<{ readonly bytes: number }> {
    this.sent(this.name, ['put', request.path]);
    return this.#cutting(['put', request.path], () => this.#put(request));
  }

  /** @param argv undefined: this one is never cut */
  async #cutting<Answer>(argv: readonly string[] | undefined, act: () => Promise<Answer>): Promise<Answer> {
    const cut = argv === undefined ? undefined : this.cut(this.name, argv);
    if (cut === undefined) return act();
    if (cut === 'before') throw problem(this.name, 'host-unreachable', `${this.name} does not answer`);
    const answer = act();
    if (cut === 'after') await answer;
    else {
      // It goes on over there; nobody here hears of it.
      answer.catch(() => undefined);
      await this.clock.sleep(1);
    }
    throw problem(this.name, 'connection-lost', `the connection to ${this.name} was lost`);
  }

  async #put(request: PutRequest): Promise<{ readonly bytes: number }> {
    const bytes = 'bytes' in request.source ? request.source.bytes : new Uint8Array(readFileSync(request.source.file));
    const signal = request.signal === undefined ? {} : { signal: request.signal };
    const mode = request.mode.toString(8).padStart(4, '0');
    const check = async ({ argv, stdin }: Pick<ExecRequest, 'argv' | 'stdin'>): Promise<ExecResult> => {
      const feed = stdin === undefined ? {} : { stdin: Buffer.from(stdin) };
      const said = await this.#run(argv, { ...signal, ...feed, timeoutMs: 600_000 });
      if (said.code !== 0) throw problem(this.name, 'put-failed', said.stderr);
      return said;
    };
    if (bytes.length <= SMALL_BYTES) {
      await putBeside(check, { path: request.path, bytes, mode, ...signal });
      return { bytes: bytes.length };
    }
    const part = `${request.path}.part`;
    await check({ argv: ['install', '-D', '-o', 'root', '-g', 'root', '-m', '0600', '/dev/null', part] });
    const dd = ['dd', `of=${part}`, 'bs=1M', 'oflag=seek_bytes', 'seek=0', 'conv=notrunc', 'status=none'];
    await check({ argv: dd, stdin: bytes });
    await check({ argv: ['chmod', mode, part] });
    await check({ argv: ['mv', '-T', part, request.path] });
    return { bytes: bytes.length };
  }

  async #run(argv: readonly string[], more: ExecOptions & { timeoutMs: number }): Promise<ExecResult> {
    const node = this.node();
    if (node.state.power !== 'on') {
      await this.clock.sleep(50, more.signal);
      throw problem(node.name, 'host-unreachable', `${node.name} does not answer`);
    }
    const { timeoutMs, signal, ...options } = more;
    const over = new AbortController();
    const late = new AbortController();
    this.clock.sleep(timeoutMs, over.signal).then(
      () => late.abort(new Error('late')),
      () => undefined,
    );
    const stop = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    const from = this.clock.mono();
    try {
      const said = await node.exec(quoteArgv(['env', 'LC_ALL=C', ...argv]), { ...options, signal: stop });
      signal?.throwIfAborted();
      if (late.signal.aborted) throw problem(node.name, 'command-timeout', `${argv[0]} took too long`);
      return {
        code: said.signal === undefined ? said.code : null,
        stdout: said.stdout,
        stderr: said.stderr,
        truncated: false,
        ms: this.clock.mono() - from,
      };
    } finally {
      over.abort();
    }
  }
}

const problem = (host: string, id: string, what: string): ProblemError =>
  new ProblemError({ id, what: what.trim(), where: host, next: 'Look at the host.' });
