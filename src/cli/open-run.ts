import { hostname, userInfo } from 'node:os';
import { systemClock } from '../base/clock.js';
import type { Cluster } from '../incident/cluster.js';
import type { Payload } from '../incident/event.js';
import { RunRecord } from '../record/record.js';
import { newRunId, recordPath, unfinishedRun } from '../record/runs.js';
import type { Ports } from '../runner/ports.js';
import { Runner } from '../runner/runner.js';
import { VERSION } from './version.js';
import { scenarios } from './views.js';

/** Who acts: as it stands in the record, the lock and the papers. */
export const whoActs = (): { operator: string; machine: string; version: string } => ({
  operator: userInfo().username,
  machine: hostname(),
  version: VERSION,
});

export interface OpenRunOptions {
  readonly state: string;
  readonly cluster: Cluster;
  readonly observe: boolean;
  /** Begin anew even where an unfinished run of this cluster is recorded. */
  readonly fresh: boolean;
  /** The runner's ports once the record is open. */
  ports(record: RunRecord): Ports;
}

export interface OpenedRun {
  readonly record: RunRecord;
  readonly runner: Runner;
  readonly file: string;
  /** Said to the operator when an unfinished run goes on. */
  readonly resumed?: string;
}

/** Goes on with the unfinished run of this cluster, or opens a new one. */
export function openRun(options: OpenRunOptions): OpenedRun {
  const { state, cluster, observe } = options;
  const found = options.fresh || observe ? undefined : unfinishedRun(state, cluster.name);
  const runId = found?.id ?? newRunId(systemClock.now());
  const file = recordPath(state, runId);
  const { record, events } = RunRecord.open(file, systemClock);
  const runnerOptions = { scenarios, ports: options.ports(record), observe };
  const who = whoActs();
  if (found !== undefined) {
    const runner = Runner.resume(runnerOptions, events, { type: 'run-resumed', ...who });
    return { record, runner, file, resumed: `Run ${runId} goes on: it was open when the console ended.` };
  }
  return { record, runner: Runner.open(runnerOptions, openingOf(runId, cluster, who)), file };
}

function openingOf(
  runId: string,
  cluster: Cluster,
  who: ReturnType<typeof whoActs>,
): Extract<Payload, { type: 'run-opened' }> {
  return { type: 'run-opened', runId, cluster, mode: cluster.drill ? 'drill' : 'live', ...who };
}
