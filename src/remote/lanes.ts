import type { Lane } from './host.js';

/** OpenSSH's default for MaxSessions. */
const SESSIONS = 10;
const RESERVED = 3;

interface Waiting {
  readonly lane: Lane;
  go(): void;
}

/**
 * Shares the sessions of one connection: `watch` (probes, journals) leaves some to `runner`, whose commands go first. A server
 * that allows fewer sessions is believed when it refuses one.
 */
export class Lanes {
  #limit: number;
  #used = 0;
  #watching = 0;
  #queue: Waiting[] = [];

  constructor(limit = SESSIONS) {
    this.#limit = limit;
  }

  /** Sessions in use. */
  get used(): number {
    return this.#used;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a session and returns how to give it back. Rejects with the signal's reason. */
  acquire(lane: Lane, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = (): void => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        lane,
        go: () => {
          signal.removeEventListener('abort', stop);
          resolve(this.#take(lane));
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#queue.push(waiting);
      this.#advance();
    });
  }

  /** The server refused a session while `open` others were in use: no more than these from now on. */
  lower(open: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, open));
  }

  #take(lane: Lane): () => void {
    this.#used++;
    if (lane === 'watch') this.#watching++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#used--;
      if (lane === 'watch') this.#watching--;
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
    const reserved = Math.min(RESERVED, this.#limit - 1);
    return lane === 'runner' || this.#watching < this.#limit - reserved;
  }
}
