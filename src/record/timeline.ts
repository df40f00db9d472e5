import type { AnyEvent, IncidentEvent, Outcome } from '../incident/event.js';
import { findStep } from '../incident/plan.js';
import { HERE, type Scenario } from '../incident/step.js';
import { clock, duration } from '../incident/times.js';
import { place } from './sections.js';

/** What happened when, host by host, as the events tell it: every attempt counts, also one that was tried again. Pure. */

export interface Bar {
  readonly label: string;
  /** What it says when it is pointed at. */
  readonly about: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome | 'open';
}

export interface Mark {
  readonly label: string;
  readonly about: string;
  readonly at: number;
  readonly kind: 'gate' | 'confirmed' | 'refused' | 'turn';
}

export interface Timeline {
  readonly from: number;
  readonly to: number;
  /** One for each host something was done on, each with bars beside each other on as many lanes as they need. */
  readonly rows: readonly { readonly host: string; readonly lanes: readonly (readonly Bar[])[] }[];
  readonly marks: readonly Mark[];
}

/** undefined where no step was begun. */
export function timelineOf(events: readonly AnyEvent[], scenario: Scenario | undefined): Timeline | undefined {
  const known = events as readonly IncidentEvent[];
  const last = Date.parse(events.at(-1)?.at ?? '');
  const bars = new Map<string, Bar[]>();
  const open = new Map<string, { host: string; from: number; attempt: number }>();
  const close = (step: string, host: string, to: number, outcome: Bar['outcome'], why: string): void => {
    const begun = open.get(`${step}@${host}`);
    if (begun === undefined) return;
    open.delete(`${step}@${host}`);
    const title = (scenario === undefined ? undefined : findStep(scenario, step)?.title) ?? step;
    const attempt = begun.attempt > 1 ? `, attempt ${begun.attempt}` : '';
    const about = `${title} on ${place(host)}${attempt}: ${outcome}, ${clock(begun.from)} to ${clock(to)} (${duration(to - begun.from)})${why === '' ? '' : `. ${why}`}`;
    bars.set(host, [...(bars.get(host) ?? []), { label: title, about, from: begun.from, to, outcome }]);
  };
  for (const event of known) {
    const at = Date.parse(event.at);
    if (event.type === 'step-begun')
      open.set(`${event.step}@${event.host}`, { host: event.host, from: at, attempt: event.attempt });
    // The time before a gate is the operator's: the bar begins with the first command.
    if (event.type === 'sent' && event.index === 0) {
      const begun = open.get(`${event.step}@${event.host}`);
      if (begun !== undefined) open.set(`${event.step}@${event.host}`, { ...begun, from: at });
    }
    if (event.type === 'step-ended') close(event.step, event.host, at, event.outcome, event.trouble?.what ?? '');
    if (event.type === 'step-skipped') close(event.step, event.host, at, 'skipped', event.reason);
  }
  for (const key of [...open.keys()]) {
    const [step = '', host = ''] = key.split('@');
    close(step, host, last, 'open', 'not ended');
  }
  const all = [...bars.values()].flat();
  if (all.length === 0) return undefined;
  const marks = known.flatMap(markOf);
  const times = [...all.flatMap((bar) => [bar.from, bar.to]), ...marks.map((mark) => mark.at)];
  const rows = [...bars]
    .sort(([a], [b]) => order(a, b))
    .map(([host, of]) => ({ host: place(host), lanes: lanesOf(of) }));
  return { from: Math.min(...times), to: Math.max(...times), rows, marks };
}

function markOf(event: IncidentEvent): Mark[] {
  const at = Date.parse(event.at);
  const mark = (kind: Mark['kind'], label: string, about: string): Mark[] => [
    { kind, label, at, about: `${clock(at)} ${about}` },
  ];
  switch (event.type) {
    case 'gate-shown':
      return mark('gate', event.gate, `gate ${event.gate} shown`);
    case 'gate-answered':
      return mark(
        event.answer === 'confirmed' ? 'confirmed' : 'refused',
        event.gate,
        `gate ${event.gate} ${event.answer}`,
      );
    case 'run-resumed':
      return mark('turn', 'resumed', `resumed by ${event.operator} on ${event.machine}`);
    case 'undo-begun':
      return mark('turn', 'undo', `undo begun: ${event.reason}`);
    case 'run-ended':
      return mark('turn', event.outcome, `run ended: ${event.outcome}`);
    default:
      return [];
  }
}

/** This machine first, then hosts by name. */
const order = (a: string, b: string): number =>
  Number(b === HERE) - Number(a === HERE) || a.localeCompare(b, 'en', { numeric: true });

/** Bars that overlap go on lanes of their own. */
function lanesOf(bars: readonly Bar[]): Bar[][] {
  const lanes: Bar[][] = [];
  for (const bar of [...bars].sort((a, b) => a.from - b.from)) {
    const free = lanes.find((lane) => (lane.at(-1)?.to ?? 0) <= bar.from);
    if (free === undefined) lanes.push([bar]);
    else free.push(bar);
  }
  return lanes;
}
