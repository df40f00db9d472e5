import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { loadInventory } from '../inventory/load.js';
import type { Inventory } from '../inventory/types.js';
import { claimant } from '../record/claim.js';
import { type RunSummary, unfinishedRun } from '../record/runs.js';
import { clusterOf } from './cluster-of.js';
import { JsonBook } from './json-book.js';
import { clusterKey, isSameCluster } from './open-run.js';
import { type Practice, practiceAt } from './practice.js';

/**
 * Practice clusters that consoles were given. One stays for ten minutes when its console is killed or left in the middle of a run; whoever starts
 * the same drill again goes on there, as with a real cluster.
 */
const entrySchema = z.object({
  pid: z.number(),
  directory: z.string(),
  inventory: z.string(),
  /** What was asked for; the same words mean the same drill. */
  asked: z.string(),
  /** What came of it: a surprise without one has it from the clock. */
  seed: z.number(),
});

export type StandingPractice = z.infer<typeof entrySchema>;

/** More than anybody leaves behind within ten minutes. */
const MOST = 20;

const bookIn = (state: string): JsonBook<StandingPractice> =>
  new JsonBook(join(state, 'practice.json'), entrySchema, MOST);

/** Remembers a practice cluster until its process has ended. */
export function noteStanding(state: string, entry: StandingPractice): void {
  bookIn(state).add(entry, (other) => other.directory === entry.directory || !stands(other));
}

/** The run of a cluster that can be gone on with. */
export function leftInTheMiddle(state: string, inventory: Inventory): RunSummary | undefined {
  const cluster = clusterOf(inventory);
  return unfinishedRun(state, cluster.name, (one) => isSameCluster(one.cluster, cluster));
}

/** The practice cluster of this very drill whose console ended in the middle of a run, if it still stands and nobody acts on it. */
export async function standingFor(
  state: string,
  asked: string,
): Promise<{ readonly practice: Practice; readonly entry: StandingPractice } | undefined> {
  for (const entry of bookIn(state).all()) {
    if (entry.asked !== asked || !stands(entry)) continue;
    const inventory = await loadInventory({ file: entry.inventory });
    const acts = claimant(state, clusterKey(clusterOf(inventory)));
    if (acts === undefined && leftInTheMiddle(state, inventory) !== undefined)
      return { practice: practiceAt(entry), entry };
  }
  return undefined;
}

/** Whether that process is still the one that was started: a number alone may be another's by now, and it is ended in the end. */
function stands({ pid, directory, inventory }: StandingPractice): boolean {
  try {
    return existsSync(inventory) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(directory);
  } catch {
    return false;
  }
}
