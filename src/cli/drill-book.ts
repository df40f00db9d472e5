import { join } from 'node:path';
import { z } from 'zod';
import type { AnyEvent } from '../incident/event.js';
import { foldAll } from '../incident/fold.js';
import { scoreOf } from '../incident/score.js';
import { cellSpan, isSettled } from '../incident/state.js';
import { JsonBook } from './json-book.js';

const entrySchema = z.object({
  run: z.string(),
  /** When it ended, milliseconds since the epoch. */
  at: z.number(),
  scenario: z.string(),
  seed: z.number(),
  faults: z.array(z.string()),
  /** Played by the program, not by a person. */
  auto: z.boolean(),
  /** How much faster than real the waits of the practice cluster were: times of others than 1 say nothing of a real restore. */
  speed: z.number(),
  /** On real hosts: a cluster that is there to be overwritten. Absent in drills on the practice cluster. */
  real: z.literal(true).optional(),
  /** The real backup it was played on a copy of. */
  from: z.string().optional(),
  recovered: z.boolean(),
  /** From the beginning of the plan to the end. */
  seconds: z.number(),
  points: z.number(),
  /** Seconds each step worked on its slowest host. */
  steps: z.record(z.string(), z.number()),
});

export type DrillEntry = z.infer<typeof entrySchema>;

const MOST = 300;

/** The history of drills on this machine: times to recovery, in one small file of the state directory. */
export class DrillBook {
  readonly #book: JsonBook<DrillEntry>;

  constructor(state: string) {
    this.#book = new JsonBook(join(state, 'drills.json'), entrySchema, MOST);
  }

  /** Newest first. */
  entries(): DrillEntry[] {
    return this.#book.all();
  }

  add(entry: DrillEntry): void {
    this.#book.add(entry, (other) => other.run === entry.run);
  }

  /** Usual seconds of each step of a scenario: the median of its drills at real speed. */
  estimates(scenario: string): ReadonlyMap<string, number> {
    const drills = this.entries().filter((one) => one.scenario === scenario && one.recovered && one.speed === 1);
    const ids = new Set(drills.flatMap((one) => Object.keys(one.steps)));
    return new Map(
      [...ids].map((id) => {
        const times = drills.flatMap((one) => one.steps[id] ?? []).sort((a, b) => a - b);
        return [id, times[Math.floor(times.length / 2)] ?? 0];
      }),
    );
  }
}

export interface PlayedWith {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly auto: boolean;
  readonly speed: number;
  /** On real hosts that are there to be overwritten. */
  readonly real?: true;
  /** The real backup it was played on a copy of. */
  readonly from?: string;
}

/** An entry of the book from a drill's record; undefined when nothing was begun in it. */
export function drillEntry(events: readonly AnyEvent[], played: PlayedWith): DrillEntry | undefined {
  const state = foldAll(events);
  if (state?.begunAt === undefined || state.scenario === undefined) return undefined;
  const end = state.ended?.at ?? state.lastAt;
  const steps: Record<string, number> = {};
  for (const cell of Object.values(state.cells)) {
    const span = isSettled(cell) && cell.status !== 'skipped' ? cellSpan(cell, end) : undefined;
    if (span !== undefined) steps[cell.step] = Math.max(steps[cell.step] ?? 0, span / 1000);
  }
  return {
    run: state.runId,
    at: end,
    scenario: state.scenario,
    seed: played.seed,
    faults: [...played.faults],
    auto: played.auto,
    speed: played.speed,
    ...(played.real === undefined ? {} : { real: played.real }),
    ...(played.from === undefined ? {} : { from: played.from }),
    recovered: state.ended?.outcome === 'recovered',
    seconds: (end - state.begunAt) / 1000,
    points: scoreOf(events).points,
    steps,
  };
}
