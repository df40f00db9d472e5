import { restoreElsewhere } from '../../../scenarios/restore-elsewhere.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { duration } from '../../incident/times.js';
import { loadInventory } from '../../inventory/load.js';
import { FAULTS } from '../../practice/faults.js';
import { playDrill } from '../auto.js';
import { endOfDrill } from '../drill-end.js';
import { sessionIntents } from '../intents.js';
import { err, json, out } from '../output.js';
import { stateDir } from '../places.js';
import { startPractice } from '../practice.js';
import { Session } from '../session.js';
import { surpriseOf, toldAtTheEnd } from '../surprise.js';
import { scenarios } from '../views.js';
import { openConsole } from './console.js';

export interface DrillOptions {
  readonly scenario: string;
  readonly fault: readonly string[];
  /** Of everything that is random; a surprise without one takes it from the clock. */
  readonly seed?: number;
  readonly speed: number;
  readonly auto: boolean;
  readonly surprise: boolean;
  readonly plain: boolean;
  readonly json: boolean;
}

/** What is broken where nothing else is asked for, so that the scenario fits. A full restore fits the cluster as it is. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  start: ['two-survivors'],
  'quorum-loss': ['lost-quorum'],
  'single-node': ['damaged-member'],
  [restoreElsewhere.id]: ['healthy', 'foreign-backup'],
};

export async function drillCommand(given: DrillOptions): Promise<number> {
  const seed = given.seed ?? (given.surprise ? Date.now() % 1_000_000 : 1);
  const options = { ...given, seed, fault: given.surprise ? surpriseOf(seed) : given.fault };
  if (options.fault.includes('list')) {
    for (const fault of FAULTS) out(`${fault.name.padEnd(20)} ${fault.description}`);
    return EXIT.ok;
  }
  check(given);
  if (!options.auto && !options.plain && !(process.stdin.isTTY && process.stdout.isTTY)) {
    err('The console needs a terminal. Without one: blackstart drill --auto');
    return EXIT.usage;
  }
  if (!options.json && options.auto)
    out('Starting the practice cluster: 3 servers, 2 agents, a bucket of backups; nothing real is touched.');
  const faults = options.fault.length > 0 ? options.fault : (USUAL[options.scenario] ?? []);
  const practice = await startPractice({
    faults,
    seed: options.seed,
    speed: options.speed,
    rehearsal: options.scenario === restoreElsewhere.id,
  });
  try {
    const inventory = await loadInventory({ file: practice.inventory });
    const played = { seed, faults: options.fault, auto: options.auto, speed: options.speed };
    const tell = (recordFile: string): void => {
      for (const line of endOfDrill(recordFile, stateDir(), played)) (options.json ? err : out)(line);
      if (options.surprise) out(`Seed ${seed}: ${toldAtTheEnd(options.fault)}.`);
    };
    if (!options.auto)
      return await openConsole({ inventory, observe: false, plain: options.plain, fresh: true, closed: tell });
    const session = new Session({ inventory, state: stateDir(), observe: false, interactive: false, fresh: true });
    const code = await auto(options, session);
    tell(session.recordFile);
    return code;
  } finally {
    practice.stop();
  }
}

async function auto(options: DrillOptions & { readonly seed: number }, session: Session): Promise<number> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  session.start();
  try {
    const { result, exit } = await playDrill({
      session,
      intents: sessionIntents(session, () => {}),
      scenario: options.scenario,
      seed: options.seed,
      signal: abort.signal,
      say: options.json ? err : out,
    });
    if (options.json) json(result);
    else if (!result.recovered) out(`Not recovered: ${result.why ?? 'see above'}`);
    else out(`Recovered in ${duration(result.seconds * 1000)}.`);
    return exit;
  } catch (error) {
    if (abort.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    await session.close();
  }
}

function check(options: DrillOptions): void {
  const usage = (what: string, next: string): never => {
    throw new ProblemError({ id: 'usage', what, next }, EXIT.usage);
  };
  if (!scenarios.has(options.scenario))
    usage(`There is no scenario ${options.scenario}.`, `Known: ${[...scenarios.keys()].join(', ')}.`);
  const names = new Set<string>(FAULTS.map((fault) => fault.name));
  const wrong = options.fault.find((name) => !names.has(name));
  if (wrong !== undefined) usage(`There is no fault ${wrong}.`, 'See: blackstart drill --fault list');
  if (options.surprise && (options.auto || options.fault.length > 0))
    usage('--surprise goes with neither --auto nor --fault.', 'Example: blackstart drill --surprise');
  if (!Number.isFinite(options.speed) || options.speed <= 0)
    usage('--speed takes a number above 0.', 'Example: --speed 10');
}
