import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { clearOneHost } from '../../../scenarios/clear-host.js';
import { restoreElsewhere } from '../../../scenarios/restore-elsewhere.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { duration } from '../../incident/times.js';
import { loadInventory } from '../../inventory/load.js';
import type { Inventory } from '../../inventory/types.js';
import { FAULTS } from '../../practice/faults.js';
import { playDrill } from '../auto.js';
import { copyFits, differences, notForDrill, writeCopy } from '../drill-copy.js';
import { endOfDrill } from '../drill-end.js';
import { sessionIntents } from '../intents.js';
import { err, json, out } from '../output.js';
import { stateDir } from '../places.js';
import { type Practice, type PracticeOptions, startPractice } from '../practice.js';
import { Session } from '../session.js';
import { leftInTheMiddle, noteStanding, standingFor } from '../standing.js';
import { surpriseOf, toldAtTheEnd } from '../surprise.js';
import { scenarios } from '../views.js';
import { openConsole } from './console.js';
import { openDesk, progressLine, withFiles, withSpool } from './shared.js';
import { inventoryFor, localFile } from './verify.js';

export interface DrillOptions {
  readonly scenario: string;
  readonly fault: readonly string[];
  /** Of everything that is random; a surprise without one takes it from the clock. */
  readonly seed?: number;
  readonly speed: number;
  readonly auto: boolean;
  readonly surprise: boolean;
  /** Not the one that was left in the middle, but a new one. */
  readonly new: boolean;
  readonly plain: boolean;
  readonly json: boolean;
  /** A real backup the practice cluster is loaded with a copy of. */
  readonly from?: string;
  readonly tokenFile?: string;
  readonly passphraseFile?: string;
  readonly inventory?: string;
}

/** What is broken where nothing else is asked for, so that the scenario fits. A full restore fits the cluster as it is. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  start: ['two-survivors'],
  'quorum-loss': ['lost-quorum'],
  'single-node': ['damaged-member'],
  [clearOneHost.id]: ['healthy', 'leftover-containers'],
  [restoreElsewhere.id]: ['healthy', 'foreign-backup'],
};

export async function drillCommand(given: DrillOptions): Promise<number> {
  const asked = askedFor(given);
  const left = asked === undefined ? undefined : await standingFor(stateDir(), asked);
  if (given.new) left?.practice.stop();
  const standing = given.new ? undefined : left;
  const seed = standing?.entry.seed ?? given.seed ?? (given.surprise ? Date.now() % 1_000_000 : 1);
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
  if (!options.json && options.auto && options.from === undefined)
    out('Starting the practice cluster: 3 servers, 2 agents, a bucket of backups; nothing real is touched.');
  const faults = options.fault.length > 0 ? options.fault : (USUAL[options.scenario] ?? []);
  const rehearsal = options.scenario === restoreElsewhere.id;
  const start = { faults, seed: options.seed, speed: options.speed, rehearsal };
  const { practice, notes }: Started =
    standing === undefined ? await started(options, start) : { practice: standing.practice };
  if (practice === undefined) return EXIT.interrupted;
  if (asked !== undefined) {
    const { pid, directory, inventory } = practice;
    noteStanding(stateDir(), { pid, directory, inventory, asked, seed });
  }
  let inventory: Inventory | undefined;
  // Also where the console ended by a mistake of ours.
  const stays = (): boolean =>
    asked !== undefined && inventory !== undefined && leftInTheMiddle(stateDir(), inventory) !== undefined;
  try {
    inventory = await loadInventory({ file: practice.inventory });
    const played = {
      seed,
      faults: options.fault,
      auto: options.auto,
      speed: options.speed,
      ...(options.from === undefined ? {} : { from: basename(options.from) }),
    };
    const tell = (recordFile: string): void => {
      if (stays())
        return out(
          'The practice cluster stays for ten minutes: the same command goes on with this drill, and with --new begins another.',
        );
      if (!options.auto) out('The practice cluster is gone.');
      for (const line of endOfDrill(recordFile, stateDir(), played)) (options.json ? err : out)(line);
      if (options.surprise) out(`Seed ${seed}: ${toldAtTheEnd(options.fault)}.`);
    };
    for (const line of notes ?? []) (options.json ? err : out)(line);
    const kept = notes === undefined ? {} : { notes };
    if (!options.auto) {
      if (notes !== undefined && !options.plain) await enterPressed('Enter opens the console.');
      const fresh = standing === undefined;
      return await openConsole({ inventory, observe: false, plain: options.plain, fresh, closed: tell, ...kept });
    }
    const session = new Session({
      inventory,
      state: stateDir(),
      observe: false,
      interactive: false,
      fresh: true,
      ...kept,
    });
    const code = await auto(options, session);
    const { trouble, wholeAt } = session.record;
    if (trouble !== undefined) err(trouble);
    tell(wholeAt);
    return code;
  } finally {
    if (!stays()) practice.stop();
  }
}

/** What names a drill a person can go on with after its console was killed; undefined for others. A copy of a real backup is not left to stand. */
function askedFor({ scenario, fault, seed, speed, auto, surprise, from }: DrillOptions): string | undefined {
  return auto || from !== undefined || fault.includes('list')
    ? undefined
    : JSON.stringify({ scenario, fault, seed: seed ?? null, speed, surprise });
}

async function started(options: DrillOptions, start: PracticeOptions): Promise<Started> {
  return options.from === undefined
    ? { practice: await startPractice(start) }
    : startOnCopy(options.from, options, start);
}

interface Started {
  /** undefined when it was interrupted. */
  readonly practice: Practice | undefined;
  readonly notes?: readonly string[];
}

/** Proves a backup as `verify` does, and starts the practice cluster loaded with it. What was fetched is removed. */
async function startOnCopy(from: string, options: DrillOptions, start: PracticeOptions): Promise<Started> {
  copyFits(options.scenario, start.faults);
  let started: Started = { practice: undefined };
  const file = await localFile(from);
  const inventory = withFiles(await inventoryFor(file, options), options);
  const line = progressLine(!options.json);
  await withSpool('drill', async (spool, signal) => {
    const hosts = inventory.servers.length > 0;
    const opened = openDesk(inventory, { spool, hosts, searchTokens: hosts });
    try {
      const backup = file ?? (await opened.desk.find(from, signal));
      const name = file === undefined ? backup.id : backup.name;
      const proven = await opened.desk.prove(backup, undefined, { signal, onProgress: line.show });
      line.clear();
      const refused = notForDrill({ name, ...proven });
      if (refused !== undefined) throw refused;
      const copy = { name, proof: proven.proof, file: proven.file ?? '', tokens: proven.tokens };
      const load = join(spool, 'copy');
      await writeCopy(load, copy, signal);
      started = { practice: await startPractice({ ...start, load }), notes: differences(copy) };
    } finally {
      line.clear();
      await opened.close();
    }
    return EXIT.ok;
  });
  return started;
}

async function enterPressed(text: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  await new Promise<void>((resolve) => {
    lines.on('close', resolve);
    lines.question(text, () => lines.close());
  });
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
  if (options.from === undefined && (options.tokenFile ?? options.passphraseFile) !== undefined)
    usage(
      '--token-file and --passphrase-file belong to --from.',
      'Example: blackstart drill --from snapshot.db --token-file token',
    );
  if (options.surprise && (options.auto || options.fault.length > 0))
    usage('--surprise goes with neither --auto nor --fault.', 'Example: blackstart drill --surprise');
  if (!Number.isFinite(options.speed) || options.speed <= 0)
    usage('--speed takes a number above 0.', 'Example: --speed 10');
}
