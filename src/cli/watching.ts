import { systemClock } from '../base/clock.js';
import type { HostFacts } from '../incident/facts.js';
import type { Inventory } from '../inventory/types.js';
import { openHosts } from '../remote/hosts.js';
import { clusterOf } from './cluster-of.js';
import { DataReads } from './data-reads.js';
import { Looks } from './looks.js';
import { err } from './output.js';
import { SurvivorDesk } from './survivor-desk.js';

export type Seen = Readonly<Record<string, HostFacts>>;

/** How long one look may take altogether, milliseconds: reading the data of servers that are down included. */
const ONCE_MS = 120_000;

/**
 * Looks at every host without a console, until the signal; tells after each look what is known and which hosts changed. The data of servers
 * whose etcd is down is read on a copy.
 */
export async function watchHosts(
  inventory: Inventory,
  spool: string,
  signal: AbortSignal,
  onLook: (facts: Seen, changed: string | undefined, reading: boolean) => void,
): Promise<void> {
  const cluster = clusterOf(inventory);
  const hosts = openHosts(inventory, { warn: err });
  const desk = new SurvivorDesk({ hosts: (name) => hosts.get(name), spool, tokens: async () => [] });
  const reads = new DataReads({
    clock: systemClock,
    signal,
    read: (host, etcd, stop) => desk.read(host, etcd, stop, () => {}),
    active: () => true,
  });
  const facts: Record<string, HostFacts> = {};
  const looks = new Looks({
    hosts,
    cluster,
    signal,
    read: (host, seen) => reads.with(host, seen),
    onLook: (host, seen, changed) => {
      facts[host] = seen;
      onLook({ ...facts }, changed ? host : undefined, reads.pending);
    },
  });
  try {
    await looks.watch();
    await reads.settled();
  } finally {
    await hosts.closeAll();
  }
}

/** One look at every host, with the data of those that are down. */
export async function lookAndRead(inventory: Inventory, spool: string, signal: AbortSignal): Promise<Seen> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new Error('long enough')), ONCE_MS);
  const { hosts } = clusterOf(inventory);
  let last: Seen = {};
  try {
    await watchHosts(inventory, spool, AbortSignal.any([signal, over.signal]), (facts, _changed, reading) => {
      last = facts;
      if (!reading && Object.keys(facts).length === hosts.length) over.abort(new Error('seen'));
    });
  } finally {
    clearTimeout(timer);
  }
  return last;
}
