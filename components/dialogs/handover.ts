import { handoverOf } from '../../src/incident/handover.js';
import type { ConsoleState } from '../../src/store/store.js';
import type { Tone } from '../line.js';
import { type Line, labelled, line, seg } from '../line.js';

/** How it stands, for whoever comes next: to read aloud, or to leave on the screen. */
export function handoverLines(state: ConsoleState, width: number): Line[] {
  const { incident } = state;
  if (incident === undefined) return [line(seg('Nothing is known yet.', 'dim'))];
  const handover = handoverOf(state.scenario, incident);
  const list = (label: string, texts: readonly string[], tone: Tone): Line[] =>
    (texts.length === 0 ? ['nothing'] : texts).flatMap((text, index) =>
      labelled(index === 0 ? label : '', text, width, 8, texts.length === 0 ? 'dim' : tone),
    );
  return [
    ...list('state', handover.state, 'plain'),
    [],
    ...list('doubt', handover.doubts, 'warn'),
    [],
    ...list('next', handover.next, 'accent'),
    [],
    ...list('do not', handover.mustNot, 'bad'),
    ...paperLines(state, width),
  ];
}

/** Where the papers stand by which a person finishes without this console. */
export function paperLines({ incident }: ConsoleState, width: number): Line[] {
  const on = incident?.papers?.on ?? incident?.lock?.on ?? [];
  if (incident === undefined || on.length === 0) return [];
  return [
    [],
    ...labelled(
      'by hand',
      `/var/lib/blackstart/${incident.runId}/README.md and plan.sh, on ${on.join(', ')}. From another machine: blackstart take-over`,
      width,
      8,
      'dim',
    ),
  ];
}
