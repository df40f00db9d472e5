/** How long one stretch of work may hold its thread, milliseconds: progress and cancellation get in between. */
const STRETCH = 40;

/**
 * Lets the event loop run now and then inside long work, and ends the work when it was cancelled.
 * Call {@link Breath.due} often (it is cheap) and await {@link Breath.take} when it says so.
 */
export class Breath {
  #last = performance.now();
  #calls = 0;

  constructor(
    private readonly signal: AbortSignal | undefined,
    private readonly tick: () => void = () => {},
  ) {}

  /** True about every {@link STRETCH} milliseconds; looks at the clock only every 64th time. */
  due(): boolean {
    return (++this.#calls & 63) === 0 && performance.now() - this.#last > STRETCH;
  }

  /** Yields to the event loop; throws the signal's reason when it was aborted. */
  async take(): Promise<void> {
    this.tick();
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.signal?.throwIfAborted();
    this.#last = performance.now();
  }
}
