import { hostname, userInfo } from 'node:os';
import { systemClock } from '../base/clock.js';
import { VERSION } from '../base/version.js';
import type { Cluster } from '../incident/cluster.js';
import { type Claim, type Claimant, claim, seatOf } from '../record/claim.js';
import { RunRecord } from '../record/record.js';
import { newRunId, recordPath, unfinishedRun } from '../record/runs.js';
import type { Ports } from '../runner/ports.js';
import type { Previous } from '../runner/right.js';
import { Runner } from '../runner/runner.js';
import { actsHere } from './lookout.js';
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
  /** A run that was rebuilt from the servers: it goes on behind a gate that names who had it. */
  readonly takenOver?: Previous;
  /** The runner's ports once the record is open. */
  ports(opened: Opening): Ports;
}

export interface Opening {
  readonly record: RunRecord;
  readonly run: string;
  readonly seat: string;
  /** No other console of this state directory acts on this cluster. */
  readonly alone: boolean;
}

export interface OpenedRun {
  readonly record: RunRecord;
  readonly runner: Runner;
  readonly file: string;
  /** Said to the operator when an unfinished run goes on. */
  readonly resumed?: string;
  readonly claim?: Claim;
  /** The console on this machine that acts instead. */
  readonly other?: Claimant;
}

/** Names a cluster by what it is reached at: two practice clusters of one name are two clusters. */
export const clusterKey = (cluster: Cluster): string =>
  [cluster.name, ...cluster.hosts.map((host) => host.address)].join('\n');

/** Goes on with the unfinished run of this cluster, or opens a new one; only looks where another console of this machine acts. */
export function openRun(options: OpenRunOptions): OpenedRun {
  const { state, cluster } = options;
  const who = whoActs();
  const key = clusterKey(cluster);
  // A practice cluster that is gone leaves runs behind that no other one can go on with.
  const found =
    options.takenOver !== undefined
      ? { id: options.takenOver.run }
      : options.fresh || options.observe
        ? undefined
        : unfinishedRun(state, cluster.name, (one) => !one.cluster.drill || clusterKey(one.cluster) === key);
  const wanted = found?.id ?? newRunId(systemClock.now());
  const about = { ...who, pid: process.pid, run: wanted, since: new Date(systemClock.now()).toISOString() };
  const claimed = options.observe ? undefined : claim(state, key, about);
  const other = claimed !== undefined && 'theirs' in claimed ? claimed.theirs : undefined;
  // What another console writes is not ours to write to.
  const resumes = found !== undefined && other === undefined;
  const run = resumes || found === undefined ? wanted : newRunId(systemClock.now());
  const file = recordPath(state, run);
  const record = RunRecord.open(file, systemClock);
  const ours = claimed !== undefined && 'ours' in claimed ? claimed.ours : undefined;
  const runnerOptions = {
    scenarios,
    ports: options.ports({ record, run, seat: seatOf(state), alone: ours?.certain === true }),
    observe: options.observe,
    ...(options.takenOver === undefined ? {} : { previous: options.takenOver }),
  };
  const opened = { record, file, ...(ours === undefined ? {} : { claim: ours }) };
  // A record that turned out damaged when it was opened lies aside by now: then this is a new run, and the header says why.
  if (resumes && record.state !== undefined) {
    const runner = Runner.resume(runnerOptions, record.state, { type: 'run-resumed', ...who });
    const resumed =
      options.takenOver === undefined
        ? `Run ${run} goes on: it was open when the console ended.`
        : `Run ${run} goes on in place of ${options.takenOver.operator} on ${options.takenOver.machine}: the first gate asks.`;
    return { ...opened, runner, resumed };
  }
  const mode = cluster.drill ? 'drill' : 'live';
  const runner = Runner.open(runnerOptions, { type: 'run-opened', runId: run, cluster, mode, ...who });
  if (other === undefined) return { ...opened, runner };
  runner.observe(actsHere(other));
  return { ...opened, runner, other };
}
