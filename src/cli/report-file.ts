import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IncidentState } from '../incident/state.js';
import { restoreSummary } from '../incident/summary.js';
import { reportMarkdown } from '../record/report.js';
import { DrillBook } from './drill-book.js';
import { drillChart, stepChart } from './drill-end.js';
import { reportsDir, stateDir } from './places.js';
import type { Session } from './session.js';
import { scenarios } from './views.js';

export function reportText(state: IncidentState, head: string): string {
  const scenario = state.scenario === undefined ? undefined : scenarios.get(state.scenario);
  const drills = drillLines(state.scenario ?? '', state.runId);
  return reportMarkdown({ state, scenario, head, events: state.lastSeq, drills, ...restoreSummary(state) });
}

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

/** Writes the report beside the records, readable by its owner only. Returns its path. */
export async function writeReport(session: Session): Promise<string> {
  const directory = reportsDir(stateDir());
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${session.runner.state.runId}.md`);
  writeFileSync(path, reportText(session.runner.state, session.record.head), { mode: 0o600 });
  return path;
}
