import { systemClock } from '../../base/clock.js';
import { surveyHost } from '../../cluster/survey.js';
import type { HostFacts } from '../../incident/facts.js';
import { loadInventory } from '../../inventory/load.js';
import type { Inventory } from '../../inventory/types.js';
import { openHosts } from '../../remote/hosts.js';
import { BackupDesk } from '../backup-desk.js';
import { clusterOf } from '../cluster-of.js';
import { err } from '../output.js';
import { spoolDir, stateDir } from '../places.js';
import { SecretBook } from '../secret-book.js';
import { Secrets } from '../secrets.js';

export interface InventoryOption {
  readonly inventory?: string;
}

export const inventoryOf = (options: InventoryOption): Promise<Inventory> =>
  loadInventory(options.inventory === undefined ? {} : { file: options.inventory });

const DEADLINE_MS = 30_000;

/** One look at every host, for commands that print. Nothing is changed anywhere. */
export async function lookOnce(inventory: Inventory): Promise<Record<string, HostFacts>> {
  const hosts = openHosts(inventory, { warn: err, clock: systemClock });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const silent = (what: string): HostFacts => ({
    reachable: false,
    problem: { id: 'host-timeout', what, next: 'Try again, or look at the host by hand.' },
  });
  try {
    const looks = clusterOf(inventory).hosts.map(
      async (about): Promise<[string, HostFacts]> => [
        about.name,
        await surveyHost(hosts.get(about.name), about, signal).catch(() =>
          silent(`${about.name} did not answer everything within ${DEADLINE_MS / 1000} s`),
        ),
      ],
    );
    return Object.fromEntries(await Promise.all(looks));
  } finally {
    await hosts.closeAll();
  }
}

/** A desk for commands that only read backups. */
export function deskOf(inventory: Inventory): { desk: BackupDesk; secrets: Secrets } {
  const secrets = new Secrets(inventory, new SecretBook(), undefined, err);
  const desk = new BackupDesk({ inventory, secrets, spool: spoolDir(stateDir()), tokensOnServers: async () => [] });
  return { desk, secrets };
}
