import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { claimants } from '../record/claim.js';
import { recordPath, stateOf } from '../record/runs.js';

/**
 * Where decrypted snapshots lie while they are needed. What is in a spool holds every Secret of a cluster, so each has one owner, goes with it,
 * and is found and removed where the owner was killed.
 */

/** How long a run that nobody has on the screen keeps its spool, milliseconds. After that it is fetched again when the run goes on. */
const KEPT_MS = 24 * 3_600_000;

const SPOOLS = 'spool';
const folder = (state: string): string => join(state, SPOOLS);

/** Of a run: it stays where the console was killed, and goes on with the run. */
export const runSpool = (state: string, run: string): string => join(folder(state), run);

/** Of a process that is no run: a command that prints, a console that only looks. */
export const processSpool = (state: string, kind: string): string => join(state, `spool-${kind}-${process.pid}`);

/** Removes a spool with everything in it, and the folder of spools where that was the last. */
export function removeSpool(spool: string): void {
  rmSync(spool, { recursive: true, force: true });
  try {
    if (basename(dirname(spool)) === SPOOLS) rmdirSync(dirname(spool));
  } catch {
    // Others lie there.
  }
}

/** Removes the spools of processes that were killed, and of runs that nobody can go on with or has gone on with for a day. */
export function sweepSpools(state: string, now: number): void {
  for (const name of namesIn(state)) {
    const pid = /^spool-[a-z]+-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !alive(Number(pid))) removeSpool(join(state, name));
  }
  const spools = namesIn(folder(state));
  if (spools.length === 0) return;
  const held = new Set(claimants(state).map((one) => one.run));
  for (const run of spools) {
    const spool = runSpool(state, run);
    if (!held.has(run) && !isWanted(state, run, now)) removeSpool(spool);
  }
}

/** Whether the run could still be gone on with, and was touched lately. */
function isWanted(state: string, run: string, now: number): boolean {
  const path = recordPath(state, run);
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (touched === undefined || now - touched > KEPT_MS) return false;
  const recorded = stateOf({ id: run, path });
  return recorded?.begun === true && recorded.ended === undefined;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
