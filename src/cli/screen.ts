import { EXIT } from '../base/problem.js';
import type { Inventory } from '../inventory/types.js';
import type { Previous } from '../runner/right.js';
import { showApp } from './app-screen.js';
import { sessionIntents } from './intents.js';
import { err, out } from './output.js';
import { PlainConsole } from './plain.js';
import { Session } from './session.js';

export interface ScreenOptions {
  readonly inventory: Inventory;
  readonly observe: boolean;
  readonly plain: boolean;
  readonly fresh: boolean;
  readonly state: string;
  /** The run was rebuilt from the servers: whose it was. */
  readonly takenOver?: Previous;
  /** Kept in the record from the beginning. */
  readonly notes?: readonly string[];
  /** When everything is put away: the record, where one was kept. */
  closed?(recordFile: string): void;
}

/** Opens the full screen until the person leaves. The terminal is put back on every way out but SIGKILL. */
export async function showConsole(options: ScreenOptions): Promise<number> {
  const session = new Session({
    inventory: options.inventory,
    state: options.state,
    observe: options.observe,
    interactive: true,
    fresh: options.fresh,
    ...(options.notes === undefined ? {} : { notes: options.notes }),
    ...(options.takenOver === undefined ? {} : { takenOver: options.takenOver }),
  });
  let code: number = EXIT.ok;
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  // Kept on, not once: ink counts the listeners and would end the process itself, before anything is put away.
  const ended = (exit: number) => (): void => {
    code = exit;
    leave();
  };
  // The terminal went away without a signal (a killed window, a dropped login): leave, nothing can be drawn any more.
  process.stdout.on('error', ended(EXIT.terminated));
  process.stdin.on('error', ended(EXIT.terminated));
  process.on('SIGINT', ended(EXIT.interrupted));
  process.on('SIGTERM', ended(EXIT.terminated));
  process.on('SIGHUP', ended(EXIT.terminated));
  const intents = sessionIntents(session, () => leave());
  session.start();
  // A dialogue of lines cannot follow another console live: it says who acts, and leaves.
  if (options.plain && !options.observe) {
    const stop = (): void => {
      if (session.runner.observing === undefined || code !== EXIT.ok) return;
      err(`${session.runner.observing} To look on: blackstart --observe`);
      ended(EXIT.locked)();
    };
    session.store.subscribe(stop);
    stop();
  }
  try {
    if (options.plain) await new PlainConsole(session, intents, out).run(left);
    else await showApp(session.store, intents, left);
  } finally {
    await session.close();
  }
  sayGoodbye(session, options.fresh);
  options.closed?.(session.recordFile);
  return code;
}

/** After the screen is gone: where things stand, in lines that stay in the terminal. */
function sayGoodbye(session: Session, drill: boolean): void {
  const { runId, begun, ended } = session.runner.state;
  if (!begun) return;
  if (session.runner.observing !== undefined)
    return out(`Run ${runId} goes on without this console: ${session.runner.observing}`);
  if (ended === undefined && drill) out(`Practice run ${runId} was left unfinished; its cluster is gone.`);
  else if (ended === undefined)
    out(
      `Run ${runId} is not finished. Held servers stay held. Go on with: blackstart --inventory ${session.inventoryFile}`,
    );
  else out(`Run ${runId}: ${ended.outcome}. Report: blackstart report ${runId}`);
}
