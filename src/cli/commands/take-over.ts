import { systemClock } from '../../base/clock.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { isStale, silence } from '../../incident/acting.js';
import { namesOf } from '../../incident/cluster.js';
import { clock } from '../../incident/times.js';
import { openHosts } from '../../remote/hosts.js';
import { terminalAsk } from '../ask-terminal.js';
import { clusterOf } from '../cluster-of.js';
import { err, json } from '../output.js';
import { stateDir } from '../places.js';
import { keepRebuilt, type Rebuilt, rebuild } from '../rebuild.js';
import { type InventoryOption, inventoryOf } from './shared.js';

export interface TakeOverOptions extends InventoryOption {
  readonly plain: boolean;
  readonly json: boolean;
}

const PATIENCE_MS = 60_000;

/** Goes on with a run that another machine began: rebuilt from the servers, acted upon only behind a gate that names who had it. */
export async function takeOverCommand(options: TakeOverOptions): Promise<number> {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  if (!options.plain && !options.json && !interactive) {
    err('Taking over needs a terminal, or --plain. With --json it only says what it would go on with.');
    return EXIT.usage;
  }
  const inventory = await inventoryOf(options);
  const ask = terminalAsk(process.stdin, process.stderr);
  const hosts = openHosts(inventory, { warn: err, clock: systemClock, ...(ask === undefined ? {} : { ask }) });
  let found: Rebuilt | undefined;
  try {
    const servers = namesOf(clusterOf(inventory), 'server').map((name) => hosts.get(name));
    found = await rebuild(servers, AbortSignal.timeout(PATIENCE_MS));
  } finally {
    await hosts.closeAll();
  }
  if (found === undefined)
    throw new ProblemError(
      {
        id: 'no-run-on-servers',
        what: `No server of ${inventory.cluster} that answers holds the journal of a run.`,
        next: 'Check that the servers answer (blackstart status). Nothing to go on with: open the console with blackstart.',
      },
      EXIT.unreachable,
    );
  if (options.json) {
    const { previous, state, on, rows } = found;
    const { operator, machine, run, lastSign } = previous;
    json({
      operator,
      machine,
      run,
      lastSign,
      events: rows.length,
      on,
      scenario: state.scenario ?? null,
      ended: state.ended?.outcome ?? null,
    });
    return EXIT.ok;
  }
  if (found.state.ended !== undefined) {
    const { outcome, at } = found.state.ended;
    err(`Run ${found.previous.run} has ended: ${outcome}, ${clock(at)}. There is nothing to go on with.`);
    return EXIT.no;
  }
  err(`${told(found)} Its journal (${found.rows.length} events) stands on ${found.on.join(', ')}.`);
  const aside = keepRebuilt(stateDir(), found);
  if (aside !== undefined) err(aside);
  const { showConsole } = await import('../screen.js');
  return showConsole({
    inventory,
    observe: false,
    plain: options.plain,
    fresh: false,
    state: stateDir(),
    takenOver: found.previous,
  });
}

function told({ previous, holder }: Rebuilt): string {
  const who = `Run ${previous.run} was carried out by ${previous.operator} on ${previous.machine}`;
  if (holder === undefined) return `${who}, who has let go.`;
  return isStale(holder)
    ? `${who}; no sign of life for ${silence(holder.silentFor)}.`
    : `${who}, at work ${silence(holder.silentFor)} ago.`;
}
