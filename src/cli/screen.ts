import { EXIT, toProblem } from '../base/problem.js';
import type { Intents } from '../incident/intents.js';
import type { Inventory } from '../inventory/types.js';
import type { Previous } from '../runner/right.js';
import { type AppScreen, openScreen } from './app-screen.js';
import { saveDetails } from './bug.js';
import { sessionIntents } from './intents.js';
import { err, out } from './output.js';
import { PlainConsole } from './plain.js';
import { keepRebuilt, type Rebuilt } from './rebuild.js';
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

/**
 * Opens the full screen until the person leaves. Whoever looked on and goes on in another's place does so in a session of its own, which opens the
 * record as a restart would. The terminal is put back on every way out but SIGKILL.
 */
export async function showConsole(options: ScreenOptions): Promise<number> {
  let code: number = EXIT.ok;
  let bug: unknown;
  let leave = (): void => {};
  const left = new Promise<'left'>((resolve) => {
    leave = () => resolve('left');
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
  let session = sessionOf(options);
  // A mistake of ours must not take the console away in the middle of a rescue: what is recorded is whole, and what was not waited for is said.
  process.on('unhandledRejection', (reason) => {
    const { what } = toProblem(reason);
    session.store.setState({ warning: `blackstart itself failed (${what}); details: ${saveDetails(reason)}` });
  });
  // After this nobody knows what is half done here: it ends in order, and starts again from its record.
  process.on('uncaughtException', (error) => {
    bug ??= error;
    ended(EXIT.bug)();
  });
  if (options.plain) {
    session.start();
    const intents = sessionIntents(session, leave);
    // A dialogue of lines cannot follow another console live: it says who acts, and leaves.
    const stop = (): void => {
      if (options.observe || session.runner.observing === undefined || code !== EXIT.ok) return;
      err(`${session.runner.observing} To look on: blackstart --observe`);
      ended(EXIT.locked)();
    };
    session.store.subscribe(stop);
    stop();
    try {
      await new PlainConsole(session, intents, out).run(left.then(() => undefined));
    } finally {
      await session.close();
    }
  } else {
    let screen: AppScreen | undefined;
    try {
      for (;;) {
        const going = await lookAndAct(session, leave, left, (intents) => {
          if (screen === undefined) screen = openScreen(session.store, intents);
          else screen.show(session.store, intents);
          return screen;
        });
        if (going === undefined) break;
        screen?.pause('Going on in their place…');
        await session.close();
        session = inTheirPlace(options, going.found);
      }
    } finally {
      screen?.close();
      await session.close();
    }
  }
  sayGoodbye(session, options.fresh);
  if (bug !== undefined)
    err(
      `blackstart itself failed (${toProblem(bug).what}); details: ${saveDetails(bug)}\nWhat runs on hosts goes on. Start it again: it takes the run up where it stands.`,
    );
  options.closed?.(session.record.wholeAt);
  return code;
}

/** Until the person leaves (undefined) or goes on in another's place. */
async function lookAndAct(
  session: Session,
  leave: () => void,
  left: Promise<'left'>,
  show: (intents: Intents) => AppScreen,
): Promise<{ found: Rebuilt | undefined } | undefined> {
  let goOn: (found: Rebuilt | undefined) => void = () => {};
  const going = new Promise<{ found: Rebuilt | undefined }>((resolve) => {
    goOn = (found) => resolve({ found });
  });
  session.start();
  const screen = show(sessionIntents(session, leave, (found) => goOn(found)));
  const next = await Promise.race([left, going, screen.ended.then(() => 'left' as const)]);
  return next === 'left' ? undefined : next;
}

/** The claim is taken here, as at every start: of several who go on at one moment one has it, the others look on. */
function inTheirPlace(options: ScreenOptions, found: Rebuilt | undefined): Session {
  const { takenOver: _before, ...rest } = options;
  const aside = found === undefined ? undefined : keepRebuilt(options.state, found);
  const session = sessionOf({ ...rest, fresh: false, ...(found === undefined ? {} : { takenOver: found.previous }) });
  if (aside !== undefined) session.store.setState({ warning: aside });
  return session;
}

const sessionOf = (options: ScreenOptions): Session =>
  new Session({
    inventory: options.inventory,
    state: options.state,
    observe: options.observe,
    interactive: true,
    fresh: options.fresh,
    ...(options.notes === undefined ? {} : { notes: options.notes }),
    ...(options.takenOver === undefined ? {} : { takenOver: options.takenOver }),
  });

/** After the screen is gone: where things stand, in lines that stay in the terminal. */
function sayGoodbye(session: Session, drill: boolean): void {
  const { runId, begun, ended } = session.runner.state;
  if (!begun) return;
  const { trouble } = session.record;
  if (trouble !== undefined) out(trouble);
  if (session.runner.observing !== undefined)
    return out(`Run ${runId} goes on without this console: ${session.runner.observing}`);
  if (ended === undefined && drill) out(`Practice run ${runId} was left unfinished.`);
  else if (ended === undefined)
    out(
      `Run ${runId} is not finished. Held servers stay held. Go on with: blackstart --inventory ${session.inventoryFile}`,
    );
  else out(`Run ${runId}: ${ended.outcome}. Report: blackstart report ${runId}`);
}
