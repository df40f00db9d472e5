import { hostname, userInfo } from 'node:os';
import { systemClock } from '../base/clock.js';
import { VERSION } from '../base/version.js';
import type { Cluster } from '../incident/cluster.js';
import { type Claim, type Claimant, claim, claimants, seatOf } from '../record/claim.js';
import { RunRecord } from '../record/record.js';
import { newRunId, recordPath, unfinishedRun } from '../record/runs.js';
import type { Ports } from '../runner/ports.js';
import type { Previous } from '../runner/right.js';
import { Runner } from '../runner/runner.js';
import { actsHere } from './lookout.js';
import { processSpool, runSpool } from './spools.js';
import { scenarios } from './views.js';

/** Who acts: as it stands in the record, the lock and the papers. */
export const whoActs = (): { operator: string; machine: string; version: string } => ({
  operator: userInfo().username,
  machine: hostname(),
  version: VERSION,
});

export interface OpenRecordOptions {
  readonly state: string;
  readonly cluster: Cluster;
  readonly observe: boolean;
  /** Begin anew even where an unfinished run of this cluster is recorded. */
  readonly fresh: boolean;
  /** A run that was rebuilt from the servers: it goes on behind a gate that names who had it. */
  readonly takenOver?: Previous;
}

/** A record that is open, and who may write which run. */
export interface Opening {
  readonly record: RunRecord;
  readonly file: string;
  readonly run: string;
  readonly seat: string;
  /** No other console of this state directory acts on this cluster. */
  readonly alone: boolean;
  /** Where its decrypted snapshots lie. */
  readonly spool: string;
  /** An unfinished run goes on. */
  readonly resumes: boolean;
  readonly claim?: Claim;
  /** The console on this machine that acts instead. */
  readonly other?: Claimant;
}

export interface OpenedRun {
  readonly runner: Runner;
  /** Said to the operator when an unfinished run goes on. */
  readonly resumed?: string;
}

/** Names a cluster by what it is reached at: two practice clusters of one name are two clusters. */
export const clusterKey = (cluster: Cluster): string =>
  [cluster.name, ...cluster.hosts.map((host) => host.address)].join('\n');

/**
 * Whether a run of one can go on with the other. An address may have been corrected since; two clusters of one name share none. A practice
 * cluster that is gone leaves runs behind that no other one can go on with.
 */
export function isSameCluster(recorded: Cluster, cluster: Cluster): boolean {
  if (recorded.drill) return clusterKey(recorded) === clusterKey(cluster);
  const addresses = new Set(cluster.hosts.map((host) => host.address));
  return recorded.hosts.some((host) => addresses.has(host.address));
}

/** Opens the record of this cluster's unfinished run, or of a new one; of a new one also where another console of this machine acts. */
export function openRecord(options: OpenRecordOptions): Opening {
  const { state, cluster } = options;
  const key = clusterKey(cluster);
  const found =
    options.takenOver !== undefined
      ? { id: options.takenOver.run }
      : options.fresh || options.observe
        ? undefined
        : unfinishedRun(state, cluster.name, (one) => isSameCluster(one.cluster, cluster));
  // With other addresses in its inventory a console has another claim on the same run.
  const beside = found === undefined ? undefined : claimants(state).find((one) => one.run === found.id);
  const wanted = found?.id ?? newRunId(systemClock.now());
  const about = { ...whoActs(), pid: process.pid, run: wanted, since: new Date(systemClock.now()).toISOString() };
  const claimed = options.observe ? undefined : beside === undefined ? claim(state, key, about) : { theirs: beside };
  const other = claimed !== undefined && 'theirs' in claimed ? claimed.theirs : undefined;
  // What another console writes is not ours to write to.
  const resumes = found !== undefined && other === undefined;
  const run = resumes || found === undefined ? wanted : newRunId(systemClock.now());
  const file = recordPath(state, run);
  const ours = claimed !== undefined && 'ours' in claimed ? claimed.ours : undefined;
  return {
    record: RunRecord.open(file, systemClock),
    file,
    run,
    seat: seatOf(state),
    alone: ours?.certain === true,
    // Whoever only looks has no run that goes on: what is read then goes with the process.
    spool: ours === undefined ? processSpool(state, 'observe') : runSpool(state, run),
    resumes,
    ...(ours === undefined ? {} : { claim: ours }),
    ...(other === undefined ? {} : { other }),
  };
}

/** The runner on an open record: it goes on with what is recorded, begins anew, or only looks where another console acts. */
export function openRun(opening: Opening, options: OpenRecordOptions, ports: Ports): OpenedRun {
  const { record, run, other } = opening;
  const { cluster, takenOver } = options;
  const who = whoActs();
  const runnerOptions = {
    scenarios,
    ports,
    observe: options.observe,
    ...(takenOver === undefined ? {} : { previous: takenOver }),
  };
  // A record that turned out damaged when it was opened lies aside by now: then this is a new run, and the header says why.
  if (opening.resumes && record.state !== undefined) {
    const runner = Runner.resume(runnerOptions, record.state, { type: 'run-resumed', ...who });
    const resumed =
      takenOver === undefined
        ? `Run ${run} goes on: it was open when the console ended.`
        : `Run ${run} goes on in place of ${takenOver.operator} on ${takenOver.machine}: the first gate asks.`;
    return { runner, resumed };
  }
  const mode = cluster.drill ? 'drill' : 'live';
  const runner = Runner.open(runnerOptions, { type: 'run-opened', runId: run, cluster, mode, ...who });
  if (other !== undefined) runner.observe(actsHere(other));
  return { runner };
}
