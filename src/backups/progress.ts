/** The stages of getting a backup, in order; `unzip` only for K3s' zips. */
export type Stage = 'fetch' | 'unzip' | 'prove';

/** How far a stage is. Bytes; rate over the last seconds; `undefined` where nothing can be said yet. */
export interface PipelineProgress {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

/** At most this many progress events a second: each goes to another thread and onto a screen. */
const EVENTS = 10;
/** The rate is told over about this long, milliseconds. */
const WINDOW = 3000;

/** Turns counts of bytes into progress events with rate and time left, a few per second, and one at each stage's end. */
export class Meter {
  readonly #emit: (progress: PipelineProgress) => void;
  readonly #now: () => number;
  #stage: Stage | undefined;
  #points: { at: number; done: number }[] = [];
  #last = 0;

  constructor(emit: (progress: PipelineProgress) => void, now: () => number = () => performance.now()) {
    this.#emit = emit;
    this.#now = now;
  }

  report(stage: Stage, done: number, total: number): void {
    const at = this.#now();
    if (stage !== this.#stage) {
      this.#stage = stage;
      this.#points = [];
    } else if (at - this.#last < 1000 / EVENTS && done < total) return;
    this.#last = at;
    this.#points.push({ at, done });
    while (this.#points.length > 2 && at - (this.#points[0]?.at ?? at) > WINDOW) this.#points.shift();
    const first = this.#points[0];
    const milliseconds = first === undefined ? 0 : at - first.at;
    const rate = first === undefined || milliseconds < 200 ? undefined : ((done - first.done) / milliseconds) * 1000;
    const left = rate === undefined || rate <= 0 ? undefined : (total - done) / rate;
    this.#emit({ stage, done, total, bytesPerSecond: rate, secondsLeft: done >= total ? 0 : left });
  }
}
