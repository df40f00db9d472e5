import type { Clock } from '../base/clock.js';
import type { ClusterHost } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import { factsDigest } from './survey.js';

export interface WatchOptions {
  readonly hosts: readonly ClusterHost[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long to wait between two looks at a host, milliseconds. */
  everyMs(): number;
  look(host: ClusterHost): Promise<HostFacts>;
  /** Every look; `changed` when something a person would care about differs from the last. */
  onLook(host: string, facts: HostFacts, changed: boolean): void;
}

const LONGEST_PAUSE_MS = 15_000;

/** Looks at every host again and again, each on its own: a slow host never delays another's row. Resolves when aborted. */
export async function watchCluster(options: WatchOptions): Promise<void> {
  await Promise.all(options.hosts.map((host) => watchHost(host, options)));
}

async function watchHost(host: ClusterHost, options: WatchOptions): Promise<void> {
  let last: string | undefined;
  let silent = 0;
  while (!options.signal.aborted) {
    const facts = await options.look(host).catch(() => undefined);
    if (options.signal.aborted) return;
    if (facts !== undefined) {
      const digest = factsDigest(facts);
      options.onLook(host.name, facts, digest !== last);
      last = digest;
      silent = facts.reachable ? 0 : silent + 1;
    }
    // A host that does not answer is asked less and less often.
    const pause = Math.min(options.everyMs() * 2 ** Math.min(silent, 4), Math.max(LONGEST_PAUSE_MS, options.everyMs()));
    await options.clock.sleep(pause, options.signal).catch(() => undefined);
  }
}
