import type { AnyEvent, IncidentEvent } from '../incident/event.js';
import type { JournalLine } from '../incident/journal.js';
import { HERE } from '../incident/step.js';

/** What the journals said around each failure. */

export interface JournalExcerpt {
  readonly title: string;
  readonly lines: readonly string[];
}

interface Window {
  readonly title: string;
  /** undefined: every host. */
  readonly host: string | undefined;
  readonly from: number;
  readonly to: number;
}

/** What matters first: errors, warnings, known symptoms; then the end, whatever it says. */
const MATTER = 40;
const LAST = 15;
const MOST_WINDOWS = 20;
/** A failure is often said a little after it was seen. */
const AFTER_MS = 5_000;

/** Steps that failed or ended in doubt, each with the time from its attempt's beginning. The latest count. */
export function failureWindows(events: readonly AnyEvent[]): Window[] {
  const begun = new Map<string, number>();
  const windows: Window[] = [];
  for (const event of events as readonly IncidentEvent[]) {
    const at = Date.parse(event.at);
    if (event.type === 'step-begun') begun.set(`${event.step}@${event.host}`, at);
    if (event.type !== 'step-ended' || (event.outcome !== 'failed' && event.outcome !== 'doubt')) continue;
    const host = event.host === HERE ? undefined : event.host;
    const title = `${event.host}, ${event.step} ${event.outcome === 'failed' ? 'failed' : 'in doubt'} at ${event.at.slice(11, 19)}Z`;
    windows.push({ title, host, from: begun.get(`${event.step}@${event.host}`) ?? at, to: at + AFTER_MS });
  }
  return windows.slice(-MOST_WINDOWS);
}

/** The latest that matters of every host, over the whole run. */
export const wholeRun = (hosts: readonly string[]): Window[] =>
  hosts.map((host) => ({ title: host, host, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }));

/**
 * Excerpts of windows in one pass over lines of any number.
 * @param offsets clock of each host minus ours, milliseconds: times are told by ours
 */
export async function excerptsOf(
  windows: readonly Window[],
  lines: AsyncIterable<JournalLine>,
  offsets: Readonly<Record<string, number>>,
): Promise<JournalExcerpt[]> {
  const kept = windows.map((window) => ({ window, matter: [] as JournalLine[], last: [] as JournalLine[] }));
  if (kept.length === 0) return [];
  for await (const line of lines) {
    const at = line.at - (offsets[line.host] ?? 0);
    for (const { window, matter, last } of kept) {
      if (at < window.from || at > window.to || (window.host !== undefined && window.host !== line.host)) continue;
      const one = { ...line, at };
      keep(last, one, LAST);
      if (line.severity === 'error' || line.severity === 'warning' || line.symptoms.length > 0)
        keep(matter, one, MATTER);
    }
  }
  return kept.flatMap(({ window, matter, last }) => {
    const all = [...new Map([...matter, ...last].map((line) => [line.id, line])).values()];
    if (all.length === 0) return [];
    return [{ title: window.title, lines: all.sort((a, b) => a.at - b.at || a.id - b.id).map(lineText) }];
  });
}

function keep(ring: JournalLine[], line: JournalLine, most: number): void {
  ring.push(line);
  if (ring.length > most) ring.shift();
}

/** `2026-11-22T03:14:07.123Z node-1 k3s error text [symptom]`. */
export const lineText = (line: JournalLine): string =>
  `${new Date(line.at).toISOString()} ${line.host} ${line.unit} ${line.severity} ${line.text}${line.symptoms.length === 0 ? '' : ` [${line.symptoms.join(', ')}]`}`;
