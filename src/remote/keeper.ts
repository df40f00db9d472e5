import type { Clock } from '../base/clock.js';
import { ProblemError, toProblem } from '../base/problem.js';
import type { Connection, Lane } from './host.js';
import { type Link, rejectOn } from './link.js';
import { isNetworkProblem, unreachable } from './problems.js';

export interface KeeperOptions {
  readonly host: string;
  readonly clock: Clock;
  /** @param reached told how far the connection has come */
  open(signal: AbortSignal, reached: (how: string) => void): Promise<Link>;
  /** 0 to 1, for jitter. */
  random?(): number;
}

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/**
 * Keeps one connection: made when first wanted, made again after a network failure with growing pauses, and left alone after
 * an answer (refused login, host key) until a person asks for another try.
 */
export class Keeper {
  #connection: Connection = { state: 'idle' };
  #link: Link | undefined;
  #attempt: Promise<Link> | undefined;
  #refusal: ProblemError | undefined;
  #reached: string | undefined;
  #failures = 0;
  #pause: AbortController | undefined;
  readonly #life = new AbortController();
  readonly #listeners = new Set<(connection: Connection) => void>();
  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  connection(): Connection {
    return this.#connection;
  }

  /** How far the attempt under way has come, in words; undefined where nothing has answered yet. */
  get reached(): string | undefined {
    return this.#reached;
  }

  onConnection(listener: (connection: Connection) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The connection, made if need be. While the network is down, `watch` fails at once with the last problem (the next try is
   * on its way), `runner` brings that try forward.
   */
  async link(lane: Lane, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    if (this.#life.signal.aborted) throw this.#life.signal.reason;
    if (this.#link !== undefined) return this.#link;
    if (this.#attempt === undefined && this.#refusal !== undefined) {
      if (lane === 'watch' || !isNetworkProblem(this.#refusal.problem)) throw this.#refusal;
    }
    return Promise.race([this.#attempt ?? this.#start(), rejectOn(signal)]);
  }

  /** A person asks for another try: forgets the last answer and connects now, unless it is up. */
  retry(): void {
    if (this.#link !== undefined || this.#attempt !== undefined || this.#life.signal.aborted) return;
    this.#refusal = undefined;
    this.#failures = 0;
    this.#start().catch(() => undefined);
  }

  close(): void {
    const reason = unreachable(this.#options.host, 'the connection was closed by this console', 'Start again.');
    this.#life.abort(reason);
    this.#pause?.abort();
    this.#link?.client.end();
    this.#link = undefined;
    this.#set({ state: 'idle' });
    this.#listeners.clear();
  }

  #start(): Promise<Link> {
    this.#pause?.abort();
    this.#pause = undefined;
    this.#set({ state: 'connecting', since: this.#options.clock.now() });
    const attempt = this.#open();
    this.#attempt = attempt;
    return attempt;
  }

  async #open(): Promise<Link> {
    this.#reached = undefined;
    try {
      const link = await this.#options.open(this.#life.signal, (how) => {
        this.#reached = how;
      });
      if (this.#life.signal.aborted) {
        link.client.end();
        throw this.#life.signal.reason;
      }
      if (link.closed.aborted) throw unreachable(this.#options.host, 'the connection was lost at once');
      this.#attempt = undefined;
      this.#reached = undefined;
      this.#link = link;
      this.#refusal = undefined;
      this.#failures = 0;
      link.closed.addEventListener('abort', () => this.#lost(link), { once: true });
      this.#set({ state: 'up', since: this.#options.clock.now(), latencyMs: link.latencyMs });
      return link;
    } catch (error) {
      this.#attempt = undefined;
      const problem = error instanceof ProblemError ? error : new ProblemError(toProblem(error));
      if (!this.#life.signal.aborted) this.#down(problem);
      throw problem;
    }
  }

  #lost(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#down(unreachable(this.#options.host, 'the connection was lost'));
  }

  #down(problem: ProblemError): void {
    this.#refusal = problem;
    this.#set({ state: 'down', since: this.#options.clock.now(), problem: problem.problem });
    if (!isNetworkProblem(problem.problem)) return;
    const random = (this.#options.random ?? Math.random)();
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++) * (0.5 + random / 2);
    const stop = new AbortController();
    this.#pause = stop;
    this.#options.clock.sleep(pause, stop.signal).then(
      () => this.#start().catch(() => undefined),
      () => undefined,
    );
  }

  #set(connection: Connection): void {
    this.#connection = connection;
    for (const listener of [...this.#listeners]) listener(connection);
  }
}
