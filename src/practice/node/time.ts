import type { Clock } from '../../base/clock.js';
import type { World, WorldEvent } from './state.js';

type Coming = WorldEvent extends infer E ? (E extends WorldEvent ? Omit<E, 'at' | 'seq'> : never) : never;

interface Waiter {
  check(): boolean;
}

/** Lets a world's events happen at their time, and wakes those who wait for a change. */
export class Timeline {
  #sleeping: { until: number; stop: AbortController } | undefined;
  #waiters = new Set<Waiter>();
  #closed = false;

  constructor(
    readonly world: World,
    readonly clock: Clock,
    private readonly happen: (event: WorldEvent) => void,
  ) {}

  now(): number {
    return this.clock.now();
  }

  /** Plans an event; `ms` is scaled by the cluster's speed. */
  after(ms: number, event: Coming): void {
    const { world } = this;
    const at = this.now() + ms / world.speed;
    const planned = { ...event, at, seq: world.seq++ } as WorldEvent;
    let low = 0;
    let high = world.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((world.events[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    world.events.splice(low, 0, planned);
    this.arm();
  }

  /** Forgets planned events. */
  cancel(which: (event: WorldEvent) => boolean): void {
    this.world.events = this.world.events.filter((event) => !which(event));
  }

  /** Sleeps for model time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(ms / this.world.speed, signal);
  }

  /** Resolves with the first answer of `check` that is not undefined; it is asked again after every change. */
  wait<T>(check: () => T | undefined, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const first = check();
      if (first !== undefined) return resolve(first);
      const stop = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        check: () => {
          const answer = check();
          if (answer === undefined) return false;
          signal?.removeEventListener('abort', stop);
          resolve(answer);
          return true;
        },
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Says that something changed. */
  changed(): void {
    for (const waiter of [...this.#waiters]) if (waiter.check()) this.#waiters.delete(waiter);
  }

  /** Goes to sleep until the next event, if it does not already. */
  arm(): void {
    const next = this.world.events[0];
    if (next === undefined || this.#closed) return;
    if (this.#sleeping !== undefined && this.#sleeping.until <= next.at) return;
    this.#sleeping?.stop.abort();
    const stop = new AbortController();
    const sleeping = { until: next.at, stop };
    this.#sleeping = sleeping;
    this.clock.sleep(Math.max(0, next.at - this.now()), stop.signal).then(
      () => {
        if (this.#sleeping === sleeping) this.#sleeping = undefined;
        this.#run();
      },
      () => undefined,
    );
  }

  #run(): void {
    const now = this.now();
    for (;;) {
      const next = this.world.events[0];
      if (next === undefined || next.at > now || this.#closed) break;
      this.world.events.shift();
      this.happen(next);
    }
    this.changed();
    this.arm();
  }

  close(): void {
    this.#closed = true;
    this.#sleeping?.stop.abort();
    this.#waiters.clear();
  }
}
