import type { Lane } from './host.js';

/** OpenSSH's default for MaxSessions. */
const SESSIONS = 10;
const RESERVED = 3;
/** After a refusal one session more is tried after this long, and twice as long after each further one, milliseconds. */
const FIRST_RAISE_MS = 2_000;
const LAST_RAISE_MS = 60_000;
/** Between two that went well. */
const NEXT_RAISE_MS = 1_000;

interface Waiting {
  readonly lane: Lane;
  readonly lasting: boolean;
  go(): void;
}

/**
 * Shares the sessions of one connection: `watch` (probes, journals) leaves some to `runner`, whose commands go first. A server
 * that refuses one is believed for a while only: sshd counts sessions that have just ended, so it may refuse although it allows more, and
 * a connection with too few of them would look like a host that does not answer.
 */
export class Lanes {
  #limit: number;
  #used = 0;
  #watching = 0;
  #queue: Waiting[] = [];
  /** How each session without an end is asked to give its place up. */
  readonly #lasting = new Set<() => void>();
  #raiseAt = 0;
  #raiseAfter = FIRST_RAISE_MS;

  /**
   * @param mono milliseconds of a clock that never goes back
   * @param most sessions in use at once
   */
  constructor(
    private readonly mono: () => number,
    private readonly most = SESSIONS,
  ) {
    this.#limit = most;
  }

  /** Sessions in use. */
  get used(): number {
    return this.#used;
  }

  get limit(): number {
    return this.#limit;
  }

  /**
   * Waits for a session and returns how to give it back. Rejects with the signal's reason.
   *
   * @param yields of a session without an end: called where it is the only one there is, and another is wanted
   */
  acquire(lane: Lane, signal: AbortSignal, yields?: () => void): Promise<() => void> {
    this.#raise();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = (): void => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        lane,
        lasting: yields !== undefined,
        go: () => {
          signal.removeEventListener('abort', stop);
          resolve(this.#take(lane, yields));
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#queue.push(waiting);
      this.#advance();
      this.#makeRoom();
    });
  }

  /** The server refused a session while `open` others were in use: no more than these for now. */
  lower(open: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, open));
    this.#raiseAt = this.mono() + this.#raiseAfter;
    this.#raiseAfter = Math.min(this.#raiseAfter * 2, LAST_RAISE_MS);
    this.#makeRoom();
  }

  #raise(): void {
    if (this.#limit >= this.most || this.mono() < this.#raiseAt) return;
    this.#limit++;
    this.#raiseAt = this.mono() + NEXT_RAISE_MS;
    if (this.#limit === this.most) this.#raiseAfter = FIRST_RAISE_MS;
    this.#advance();
  }

  /** A server that allows one session only: whatever has no end makes way. */
  #makeRoom(): void {
    if (this.#used < this.#limit || this.#used > this.#lasting.size) return;
    if (!this.#queue.some((one) => !one.lasting)) return;
    const [first] = this.#lasting;
    first?.();
  }

  #take(lane: Lane, yields: (() => void) | undefined): () => void {
    this.#used++;
    if (lane === 'watch') this.#watching++;
    if (yields !== undefined) this.#lasting.add(yields);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#used--;
      if (lane === 'watch') this.#watching--;
      if (yields !== undefined) this.#lasting.delete(yields);
      this.#raise();
      this.#advance();
    };
  }

  #advance(): void {
    for (;;) {
      const next =
        this.#queue.find((one) => one.lane === 'runner' && this.#free('runner')) ??
        this.#queue.find((one) => one.lane === 'watch' && this.#free('watch'));
      if (next === undefined) return;
      this.#queue = this.#queue.filter((other) => other !== next);
      next.go();
    }
  }

  #free(lane: Lane): boolean {
    if (this.#used >= this.#limit) return false;
    // Of few sessions a journal takes one for good: another is left to probes.
    const reserved = Math.min(RESERVED, Math.max(0, this.#limit - 2));
    return lane === 'runner' || this.#watching < this.#limit - reserved;
  }
}
