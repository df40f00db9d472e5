import { existsSync } from 'node:fs';
import { EXIT, ProblemError } from '../../base/problem.js';
import { inventoryPlaces, loadInventory } from '../../inventory/load.js';
import type { Inventory } from '../../inventory/types.js';
import { endOfDrill } from '../drill-end.js';
import { err, out } from '../output.js';
import { stateDir } from '../places.js';

export interface ConsoleOptions {
  readonly inventory?: string;
  readonly observe: boolean;
  readonly plain: boolean;
}

export async function consoleCommand(options: ConsoleOptions): Promise<number> {
  if (!options.plain && !(process.stdin.isTTY && process.stdout.isTTY)) {
    err('The console needs a terminal. Without one: blackstart status, plan, verify, report (see blackstart --help).');
    return EXIT.usage;
  }
  if (options.inventory === undefined && !inventoryPlaces().some((place) => existsSync(place))) {
    throw new ProblemError(
      {
        id: 'no-inventory',
        what: 'No inventory was found.',
        where: inventoryPlaces().join(', '),
        next: 'Write one (cluster.example.yaml shows how), name it with --inventory FILE, or practise first: blackstart drill',
      },
      EXIT.usage,
    );
  }
  const inventory = await loadInventory(options.inventory === undefined ? {} : { file: options.inventory });
  return openConsole({
    inventory,
    observe: options.observe,
    plain: options.plain,
    fresh: false,
    ...(inventory.rehearsal === undefined || options.observe ? {} : { closed: keepRehearsal }),
  });
}

/** A restore test on real hosts is timed and kept like a drill. */
function keepRehearsal(recordFile: string): void {
  const played = { seed: 0, faults: [], auto: false, speed: 1, real: true } as const;
  for (const line of endOfDrill(recordFile, stateDir(), played)) out(line);
}

export async function openConsole(options: {
  inventory: Inventory;
  observe: boolean;
  plain: boolean;
  fresh: boolean;
  notes?: readonly string[];
  closed?(recordFile: string): void;
}): Promise<number> {
  const { showConsole } = await import('../screen.js');
  return showConsole({ ...options, state: stateDir() });
}
