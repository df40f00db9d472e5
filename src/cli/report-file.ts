import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyEvent } from '../incident/event.js';
import type { IncidentState } from '../incident/state.js';
import { restoreSummary } from '../incident/summary.js';
import { excerptsOf, failureWindows } from '../journal/excerpts.js';
import { readSpool, spoolBeside } from '../journal/spool.js';
import { eventsOf } from '../record/record.js';
import { reportMarkdown } from '../record/report.js';
import { reportHtml } from '../record/report-html.js';
import type { ReportInput } from '../record/sections.js';
import { DrillBook } from './drill-book.js';
import { drillChart, stepChart } from './drill-end.js';
import { reportsDir, stateDir } from './places.js';
import type { Session } from './session.js';
import { scenarios } from './views.js';

export interface Recorded {
  /** File of the record: its journals lie beside it. */
  readonly path: string;
  readonly state: IncidentState;
  readonly events: readonly AnyEvent[];
  /** Hash of the last event, or why the chain does not hold. */
  readonly head: string;
}

/** What a report of a run is made of. */
export async function reportInput({ path, state, events, head }: Recorded): Promise<ReportInput> {
  const scenario = state.scenario === undefined ? undefined : scenarios.get(state.scenario);
  const drills = drillLines(state.scenario ?? '', state.runId);
  const excerpts = await excerptsOf(failureWindows(events), readSpool(spoolBeside(path)), clockOffsets(state));
  return { state, scenario, events, head, drills, excerpts, ...restoreSummary(state) };
}

/** Clock of each host minus ours, as last seen, milliseconds. */
export const clockOffsets = ({ facts }: IncidentState): Record<string, number> =>
  Object.fromEntries(Object.entries(facts).map(([host, seen]) => [host, seen.clockOffsetMs ?? 0]));

/** Times to recovery of drills of the same scenario, and of its steps; said to be from drills. */
function drillLines(scenario: string, run: string): string[] {
  const book = new DrillBook(stateDir());
  const drills = book.entries().filter((one) => one.scenario === scenario && one.speed === 1 && one.run !== run);
  if (drills.length === 0) return [];
  return [
    'Time to recovery in drills:',
    ...drillChart(drills.slice(0, 8)),
    '',
    'Usual time of the steps:',
    ...stepChart(book.estimates(scenario)),
  ];
}

/** Writes the report beside the records, as Markdown and as a page, readable by its owner only. Says where. */
export async function writeReport({ runner, record, recordFile }: Session): Promise<string> {
  const directory = reportsDir(stateDir());
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { state } = runner;
  const events = eventsOf(record.rowsAfter(0));
  const input = await reportInput({ path: recordFile, state, events, head: record.head });
  const path = join(directory, `${state.runId}.md`);
  writeFileSync(path, reportMarkdown(input), { mode: 0o600 });
  writeFileSync(join(directory, `${state.runId}.html`), reportHtml(input), { mode: 0o600 });
  return `${path} (and .html)`;
}
