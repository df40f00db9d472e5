import { scoreOf, scoreText } from '../incident/score.js';
import { duration, minute } from '../incident/times.js';
import { readRun } from '../record/runs.js';
import { DrillBook, type DrillEntry, drillEntry, type PlayedWith } from './drill-book.js';

/** Keeps a drill in the book and says how it went beside earlier ones. Empty where nothing was begun. */
export function endOfDrill(recordFile: string, state: string, played: PlayedWith): string[] {
  let events: ReturnType<typeof readRun>['events'];
  try {
    events = readRun(recordFile).events;
  } catch {
    // A drill in which nothing was begun leaves no record.
    return [];
  }
  const entry = drillEntry(events, played);
  if (entry === undefined) return [];
  const book = new DrillBook(state);
  book.add(entry);
  const same = book.entries().filter((one) => one.scenario === entry.scenario && one.speed === entry.speed);
  return [
    `${entry.recovered ? 'Recovered' : 'Not recovered'} after ${duration(entry.seconds * 1000)}; ${scoreText(scoreOf(events))}.`,
    ...drillChart(same.slice(0, 8)),
  ];
}

const BAR = 30;

/** Times to recovery, newest first, as bars: `2026-11-20  82.0 s  ██████`. */
export function drillChart(entries: readonly DrillEntry[]): string[] {
  const most = Math.max(1, ...entries.map((one) => one.seconds));
  return entries.map((one) => {
    const bar = '█'.repeat(Math.max(1, Math.round((one.seconds / most) * BAR)));
    const how = [
      one.recovered ? '' : 'not recovered',
      one.auto ? 'by itself' : '',
      one.real === true ? 'real hosts' : '',
      one.from === undefined ? '' : `copy of ${one.from}`,
      ...one.faults,
    ].filter((text) => text !== '');
    return `${minute(one.at).slice(0, -1)}  ${duration(one.seconds * 1000).padStart(9)}  ${bar.padEnd(BAR)} ${how.join(', ')}`.trimEnd();
  });
}

/** The slowest steps of the latest drills of a scenario, each with its usual time. */
export function stepChart(estimates: ReadonlyMap<string, number>): string[] {
  const slowest = [...estimates].sort(([, a], [, b]) => b - a).slice(0, 12);
  const most = Math.max(1, ...slowest.map(([, seconds]) => seconds));
  return slowest.map(
    ([id, seconds]) =>
      `${id.padEnd(18)} ${duration(seconds * 1000).padStart(9)}  ${'█'.repeat(Math.max(1, Math.round((seconds / most) * BAR)))}`,
  );
}
