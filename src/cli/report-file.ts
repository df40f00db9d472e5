import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IncidentState } from '../incident/state.js';
import { restoreSummary } from '../incident/summary.js';
import { reportMarkdown } from '../record/report.js';
import { reportsDir, stateDir } from './places.js';
import type { Session } from './session.js';
import { scenarios } from './views.js';

export function reportText(state: IncidentState, head: string): string {
  const scenario = state.scenario === undefined ? undefined : scenarios.get(state.scenario);
  return reportMarkdown({ state, scenario, head, events: state.lastSeq, ...restoreSummary(state) });
}

/** Writes the report beside the records, readable by its owner only. Returns its path. */
export async function writeReport(session: Session): Promise<string> {
  const directory = reportsDir(stateDir());
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${session.runner.state.runId}.md`);
  writeFileSync(path, reportText(session.runner.state, session.record.head), { mode: 0o600 });
  return path;
}
