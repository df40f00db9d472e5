import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.js';
import { ProblemError } from '../base/problem.js';
import type { Ended } from './channel.js';
import { type Forward, listenForward } from './forward.js';
import { getFile, type PipeCommand } from './get.js';
import type {
  Connection,
  ExecRequest,
  ExecResult,
  GetRequest,
  Got,
  Host,
  Lane,
  PutRequest,
  StreamRequest,
} from './host.js';
import type { Keeper } from './keeper.js';
import { Kept, LineCutter } from './output.js';
import { forwardRefused } from './problems.js';
import { putFile } from './put.js';
import { openForward } from './route.js';
import { CommandRunner } from './runner.js';
import { allowsAnything, cannotList, type Sudo, type SudoPlan, stdinRefused } from './sudo.js';

/** A few of the sessions that one connection has. */
const ASKED_AT_ONCE = 4;
const TIMEOUT_MS = 30_000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface SshHostOptions {
  readonly name: string;
  /** Name of the login user, as far as it is known without asking the host. */
  readonly user: string;
  readonly keeper: Keeper;
  readonly sudo: Sudo;
  readonly clock: Clock;
}

/** A host reached over SSH. Made by `openHosts`. */
export class SshHost implements Host {
  readonly name: string;
  readonly #options: SshHostOptions;
  readonly #runner: CommandRunner;
  #uid: Promise<number> | undefined;

  constructor(options: SshHostOptions) {
    this.name = options.name;
    this.#options = options;
    this.#runner = new CommandRunner(options.name, options.keeper, options.clock);
  }

  connection(): Connection {
    return this.#options.keeper.connection();
  }

  onConnection(listener: (connection: Connection) => void): () => void {
    return this.#options.keeper.onConnection(listener);
  }

  async exec(request: ExecRequest): Promise<ExecResult> {
    if (!request.root) return this.#exec(request, undefined);
    for (;;) {
      const plan = await this.#plan(request);
      if (plan.password !== undefined && request.stdin !== undefined) throw stdinRefused(this.name);
      const result = await this.#exec(request, plan);
      if (this.#options.sudo.judge(plan, result.code, result.stderr) === 'ran') return result;
    }
  }

  async stream(request: StreamRequest): Promise<number | null> {
    for (;;) {
      const plan = request.root ? await this.#plan({ signal: request.signal, lane: 'watch' }) : undefined;
      const lines = new LineCutter(request.onLine);
      const said = new Kept(64 * 1024);
      const ended = await this.#runner.run({
        argv: [...(plan?.prefix ?? []), ...request.argv],
        lane: 'watch',
        lasting: true,
        signal: request.signal,
        sinks: { stdout: (chunk) => lines.push(chunk), stderr: (chunk) => said.push(chunk) },
        ...feedOf(plan, undefined),
      });
      lines.end();
      if (plan === undefined || this.#options.sudo.judge(plan, ended.code, said.text()) === 'ran') return ended.code;
    }
  }

  put(request: PutRequest): Promise<{ readonly bytes: number }> {
    const { clock } = this.#options;
    const exec = (command: ExecRequest): Promise<ExecResult> => this.exec({ lane: 'runner', ...command });
    return putFile({ host: this.name, exec, runner: this.#runner, clock, uid: () => this.#userId() }, request);
  }

  get(request: GetRequest): Promise<Got> {
    const { clock } = this.#options;
    const exec = (command: ExecRequest): Promise<ExecResult> => this.exec(command);
    return getFile({ host: this.name, clock, exec, pipe: (command) => this.#pipe(command) }, request);
  }

  /**
   * A stream to a host and port as seen from this node, e.g. `127.0.0.1` and 2381.
   *
   * @throws ProblemError `host-unreachable` when nothing answers there, and those of `exec`
   */
  async connectTo(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const link = await this.#options.keeper.link('runner', signal);
    try {
      return await openForward(link.client, host, port);
    } catch (error) {
      const why = error instanceof Error ? error.message.replace('(SSH) Channel open failure: ', '') : String(error);
      throw forwardRefused(this.name, `${host} port ${port}`, why);
    }
  }

  /** Listens on a free port of this machine's loopback and passes connections on to `host:port` as seen from this node. */
  forward(host: string, port: number, signal: AbortSignal): Promise<Forward> {
    return listenForward((stop) => this.connectTo(host, port, stop), signal);
  }

  /**
   * Asks sudo whether it would run these commands, without running them: what the plan will send, before the plan is begun.
   * Returns those it would refuse; empty means all is well.
   *
   * @throws ProblemError `sudo-denied` when this user may not use sudo at all, and those of `exec`
   */
  async refusedByRoot(argvs: readonly (readonly string[])[], signal?: AbortSignal): Promise<(readonly string[])[]> {
    const asked = signal === undefined ? {} : { signal };
    const plan = await this.#plan(asked);
    const [sudo, ...rest] = plan.prefix;
    if (sudo === undefined) return [];
    const listing = [sudo, ...rest.filter((word) => word !== '--'), '-l'];
    const rules = await this.#exec({ argv: [], ...asked }, { ...plan, prefix: listing });
    // Then only a program that is missing is refused: one command of each tells.
    const telling = allowsAnything(rules.stdout) ? [...new Map(argvs.map((argv) => [argv[0], argv])).values()] : argvs;
    const waiting = [...telling];
    const refused = new Set<readonly string[]>();
    const askNext = async (): Promise<void> => {
      for (let argv = waiting.shift(); argv !== undefined; argv = waiting.shift()) {
        const said = await this.#exec({ argv, ...asked }, { ...plan, prefix: [...listing, '--'] });
        if (said.code !== 0 && !cannotList(said.stderr)) refused.add(argv);
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askNext));
    return argvs.filter((argv) => refused.has(argv));
  }

  /** A person asks for another try of whatever was refused here: login, host key, sudo. */
  retry(): void {
    this.#options.sudo.reset();
    this.#uid = undefined;
    this.#options.keeper.retry();
  }

  async close(): Promise<void> {
    this.#options.keeper.close();
  }

  /** Like `exec`, but the output is handed on as it comes and is never kept. */
  async #pipe({ argv, root, signal, onStart, onStdout }: PipeCommand): Promise<Ended & { readonly stderr: string }> {
    for (;;) {
      const plan = root ? await this.#plan({ signal, lane: 'runner' }) : undefined;
      const said = new Kept(16 * 1024);
      const { feed } = feedOf(plan, undefined);
      const ended = await this.#runner.run({
        argv: [...(plan?.prefix ?? []), ...argv],
        lane: 'runner',
        signal,
        sinks: { stdout: onStdout, stderr: (chunk) => said.push(chunk) },
        feed: (running) => {
          onStart(running);
          if (feed === undefined) running.channel.end();
          else feed(running);
        },
      });
      const again = plan !== undefined && this.#options.sudo.judge(plan, ended.code, said.text()) === 'again';
      if (!again) return { ...ended, stderr: said.text() };
    }
  }

  #plan(request: { readonly signal?: AbortSignal; readonly lane?: Lane }): Promise<SudoPlan> {
    const { signal, lane } = request;
    return this.#options.sudo.plan((plan) =>
      this.#exec(
        { argv: ['true'], ...(signal === undefined ? {} : { signal }), ...(lane === undefined ? {} : { lane }) },
        plan,
      ),
    );
  }

  async #exec(request: ExecRequest, plan: SudoPlan | undefined): Promise<ExecResult> {
    const { clock } = this.#options;
    const max = request.maxBytes ?? MAX_BYTES;
    const out = new Kept(max);
    const err = new Kept(max);
    const started = clock.mono();
    const ended = await this.#runner.run({
      argv: [...(plan?.prefix ?? []), ...request.argv],
      lane: request.lane ?? 'watch',
      timeoutMs: request.timeoutMs ?? TIMEOUT_MS,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      sinks: { stdout: (chunk) => out.push(chunk), stderr: (chunk) => err.push(chunk) },
      ...feedOf(plan, request.stdin),
    });
    return {
      ...ended,
      stdout: out.text(),
      stderr: err.text(),
      truncated: out.truncated || err.truncated,
      ms: clock.mono() - started,
    };
  }

  /** User id of the login user; asked for once. */
  #userId(): Promise<number> {
    if (this.#options.user === 'root') return Promise.resolve(0);
    this.#uid ??= this.#askUserId();
    this.#uid.catch(() => {
      this.#uid = undefined;
    });
    return this.#uid;
  }

  async #askUserId(): Promise<number> {
    const { stdout, stderr } = await this.#exec({ argv: ['id', '-u'], lane: 'runner' }, undefined);
    const uid = /^\d+$/.test(stdout.trim()) ? Number(stdout.trim()) : undefined;
    if (uid !== undefined) return uid;
    throw new ProblemError({
      id: 'put-failed',
      what: `${this.name} does not tell its user id: ${stderr.trim() || stdout.trim()}`,
      where: this.name,
      left: 'Nothing was written.',
      next: 'Run `id -u` there as the login user.',
    });
  }
}

/** What goes to standard input: the sudo password and nothing else, or the caller's text. */
function feedOf(
  plan: SudoPlan | undefined,
  stdin: string | Uint8Array | undefined,
): { feed?: (running: { channel: NodeJS.WritableStream }) => void } {
  const secret = plan?.password;
  if (secret !== undefined) {
    return { feed: (running: { channel: NodeJS.WritableStream }) => void running.channel.end(`${secret.reveal()}\n`) };
  }
  if (stdin === undefined) return {};
  const data =
    typeof stdin === 'string' ? Buffer.from(stdin) : Buffer.from(stdin.buffer, stdin.byteOffset, stdin.byteLength);
  return { feed: (running: { channel: NodeJS.WritableStream }) => void running.channel.end(data) };
}
