/**
 * Time as a port. Runner, deadlines and the practice model take one of these, so that tests
 * can run hours of waiting in milliseconds.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  mono(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
    }),
};

interface Sleeper {
  readonly at: number;
  readonly order: number;
  wake(): void;
}

/**
 * A clock that only moves when told to, or, with `runFree`, jumps to the next sleeper as soon as
 * everything else has settled. Sleepers wake in order of their time, then of their asking.
 */
export class VirtualClock implements Clock {
  #now: number;
  readonly #start: number;
  #sleepers: Sleeper[] = [];
  #order = 0;
  #free = false;
  #scheduled = false;

  constructor(start = Date.UTC(2026, 10, 22, 3, 14, 0)) {
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    return this.#now;
  }

  mono(): number {
    return this.#now - this.#start;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper: Sleeper = {
        at: this.#now + Math.max(0, ms),
        order: this.#order++,
        wake: () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      const stop = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#sleepers.push(sleeper);
      if (this.#free) this.#schedule();
    });
  }

  /** Moves time forward and wakes everyone whose time has come. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > until) break;
      this.#wake(next);
      await settle();
    }
    this.#now = until;
    await settle();
  }

  /** From now on time passes by itself whenever nothing else is to be done; returns the switch that ends it. */
  runFree(): () => void {
    this.#free = true;
    this.#schedule();
    return () => {
      this.#free = false;
    };
  }

  #next(): Sleeper | undefined {
    return this.#sleepers.reduce<Sleeper | undefined>(
      (best, one) =>
        best === undefined || one.at < best.at || (one.at === best.at && one.order < best.order) ? one : best,
      undefined,
    );
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    this.#now = Math.max(this.#now, sleeper.at);
    sleeper.wake();
  }

  /** One jump at a time: a second one under way would let time pass while the first one's sleepers still work. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void settle().then(() => {
      this.#scheduled = false;
      const next = this.#free ? this.#next() : undefined;
      if (next === undefined) return;
      this.#wake(next);
      this.#schedule();
    });
  }
}

/** Lets everything that is ready run: promise callbacks and what they scheduled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
