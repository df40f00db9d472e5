import type { AnyEvent, IncidentEvent } from '../incident/event.js';
import { fold } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';

/** A record as something that can be wound: the state after any number of events, and where the next thing of a kind happens. Pure. */

export type TapeMark = 'event' | 'step' | 'failure';

/** The state after some events, and when each host was last seen to change, milliseconds since the epoch. */
export interface Frame {
  readonly state: IncidentState;
  readonly seen: Readonly<Record<string, number>>;
}

/** Events between two kept states: going back folds at most so many again. */
const EVERY = 64;

export class Tape {
  #events: readonly AnyEvent[] = [];
  /** After 0, 64, 128, … events; filled as far as it was wound. */
  readonly #kept: (Frame | undefined)[] = [undefined];

  constructor(events: readonly AnyEvent[]) {
    this.add(events);
  }

  get length(): number {
    return this.#events.length;
  }

  get events(): readonly AnyEvent[] {
    return this.#events;
  }

  /** More of a run that goes on. */
  add(events: readonly AnyEvent[]): void {
    this.#events = [...this.#events, ...events];
  }

  /** The event at a position, from 1. */
  event(position: number): AnyEvent | undefined {
    return this.#events[position - 1];
  }

  /** When it happened, milliseconds since the epoch. */
  timeOf(position: number): number {
    return Date.parse(this.event(position)?.at ?? '');
  }

  /** What was known after so many events; undefined before the run was opened. */
  frame(position: number): Frame | undefined {
    let from = Math.min(Math.floor(position / EVERY), this.#kept.length - 1);
    let frame = this.#kept[from];
    for (from *= EVERY; from < Math.min(position, this.length); ) {
      frame = next(frame, this.#events[from]);
      from += 1;
      if (from % EVERY === 0) this.#kept[from / EVERY] = frame;
    }
    return frame;
  }

  /** The nearest position of a kind after (or before) one; where there is none, the same. */
  seek(position: number, kind: TapeMark, by: 1 | -1): number {
    for (let at = position + by; at >= 1 && at <= this.length; at += by) {
      if (isMark(this.#events[at - 1] as IncidentEvent, kind)) return at;
    }
    return position;
  }
}

function next(frame: Frame | undefined, event: AnyEvent | undefined): Frame | undefined {
  if (event === undefined) return frame;
  const state = fold(frame?.state, event);
  if (state === undefined) return undefined;
  const seen = frame?.seen ?? {};
  const known = event as IncidentEvent;
  return { state, seen: known.type === 'host-seen' ? { ...seen, [known.host]: Date.parse(event.at) } : seen };
}

function isMark(event: IncidentEvent, kind: TapeMark): boolean {
  switch (kind) {
    case 'event':
      return true;
    case 'step':
      return event.type === 'step-ended' || event.type === 'step-skipped' || event.type === 'run-ended';
    case 'failure':
      return (
        event.type === 'deadline' ||
        (event.type === 'step-ended' && (event.outcome === 'failed' || event.outcome === 'doubt'))
      );
  }
}

/** An event in a few words: `step-ended reset node-1 failed`. */
export function eventText(event: AnyEvent): string {
  const known = event as IncidentEvent & Readonly<Record<string, unknown>>;
  const parts = [known.type, known.step, known.gate, known.scenario, known.host, known.answer, known.outcome];
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
}
