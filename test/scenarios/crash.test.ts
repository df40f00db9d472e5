import { beforeAll, describe, expect, test } from 'vitest';
import { fullRestore } from '../../scenarios/full-restore.js';
import type { IncidentEvent } from '../../src/incident/event.js';
import { findStep } from '../../src/incident/plan.js';
import type { FaultName } from '../../src/practice/faults.js';
import { differences, endState } from '../support/end-state.js';
import { Rig, RUN, type Wreck } from '../support/rig.js';

/**
 * The console dies after every single event of a full restore; another one goes on from the record and the nodes. All wrecks are
 * made in one run: the practice cluster is copied where the console would have died.
 * A sample of them by default; with BLACKSTART_ALL_KILL_POINTS=1 every one.
 */
const ALL = process.env.BLACKSTART_ALL_KILL_POINTS === '1';
const SAMPLE = 30;

interface Cut {
  readonly after: IncidentEvent;
  readonly wreck: Wreck;
}

interface Uninterrupted {
  readonly cuts: Cut[];
  readonly state: Record<string, string>;
  /** Events after which the cluster could not be copied at once. */
  readonly missed: number;
}

async function uninterrupted(faults: readonly FaultName[]): Promise<Uninterrupted> {
  const cuts: Cut[] = [];
  let missed = 0;
  let open: IncidentEvent | undefined;
  const freeze = (rig: Rig): void => {
    if (open === undefined) return;
    const wreck = rig.wreck();
    if (wreck === undefined) queueMicrotask(() => freeze(rig));
    else {
      cuts.push({ after: open, wreck });
      open = undefined;
    }
  };
  const rig = await Rig.start({
    faults,
    kept: (event, one) => {
      if (open !== undefined) missed += 1;
      open = event;
      freeze(one);
    },
  });
  await operate(rig, faults);
  await rig.rest(120_000);
  const state = await endState(rig);
  await rig.close();
  return { cuts, state, missed };
}

/** A person at the console: chooses, begins, answers gates; where it is not known whether something ran, tries it again. */
async function operate(rig: Rig, faults: readonly FaultName[]): Promise<void> {
  const { runner } = rig;
  if (!runner.state.begun) {
    await rig.choose();
    if (faults.includes('dead-server') && runner.state.attested['node-3'] === undefined)
      runner.attest('node-3', 'no power', 'off');
    runner.begin();
  }
  for (let tries = 0; tries < 5; tries++) {
    await rig.play();
    const { attention } = runner;
    if (attention.kind !== 'trouble') return;
    runner.answer(attention.step, attention.host, 'retry');
  }
}

/** Steps that sent something after the resume although their gate was not confirmed again. */
function ungated(rig: Rig): string[] {
  const { events } = rig;
  const from = events.findLastIndex((event) => event.type === 'run-resumed');
  const confirmed = new Set<string>();
  const found: string[] = [];
  for (const event of events.slice(from)) {
    if (event.type === 'gate-answered' && event.answer === 'confirmed') confirmed.add(event.gate);
    if (event.type !== 'sent') continue;
    const gate = findStep(fullRestore, event.step)?.gate;
    if (gate !== undefined && !confirmed.has(gate)) found.push(`${event.step}@${event.host}`);
  }
  return found;
}

/** How often a reset really began on the primary: each attempt makes its directory first. */
async function resetsBegun(rig: Rig): Promise<number> {
  const said = await rig.run('node-1', `find /var/lib/blackstart/${RUN} -name started`);
  return said.stdout.split('\n').filter((path) => path.includes('/reset-a')).length;
}

async function goesOn(cut: Cut, expected: Record<string, string>, faults: readonly FaultName[]): Promise<string[]> {
  const rig = await Rig.resume(cut.wreck);
  try {
    await operate(rig, faults);
    const wrong = ungated(rig).map((step) => `${step} was sent without its gate`);
    if (rig.runner.state.ended?.outcome !== 'recovered') {
      return [...wrong, `did not recover: ${JSON.stringify(rig.runner.attention).slice(0, 400)}`];
    }
    const begun = await resetsBegun(rig);
    if (begun !== 1) wrong.push(`the reset began ${begun} times`);
    await rig.rest(120_000);
    return [...wrong, ...differences(expected, await endState(rig)).slice(0, 5)];
  } catch (error) {
    return [String(error)];
  } finally {
    await rig.close();
  }
}

/** The same ones every time, spread over the whole run. */
const sample = (cuts: readonly Cut[]): readonly Cut[] =>
  ALL
    ? cuts
    : cuts.filter(
        (_cut, index) =>
          Math.floor((index * SAMPLE) / cuts.length) !== Math.floor(((index - 1) * SAMPLE) / cuts.length),
      );

describe.each([[[]], [['dead-server']]] as [FaultName[]][])('a console that dies (%s)', (faults) => {
  let run: Uninterrupted;
  beforeAll(async () => {
    run = await uninterrupted(faults);
  });

  test('can be cut after nearly every event', () => {
    expect(run.cuts.length).toBeGreaterThan(150);
    expect(run.missed).toBeLessThan(run.cuts.length / 20);
  });

  test(
    'is followed by one that ends where an uninterrupted run ends',
    async () => {
      const tried = [...sample(run.cuts)];
      const [all, count] = [run.cuts.length, tried.length];
      // Each wreck is a whole cluster: let go of it as soon as it has been tried.
      run.cuts.length = 0;
      const failures: string[] = [];
      for (let cut = tried.shift(); cut !== undefined; cut = tried.shift()) {
        const { seq, type } = cut.after;
        for (const wrong of await goesOn(cut, run.state, faults))
          failures.push(`after event ${seq} (${type}): ${wrong}`);
      }
      process.stdout.write(
        `kill points${faults.length > 0 ? ` with ${faults.join()}` : ''}: ${count} of ${all} tried, ${run.missed} not reached, ${failures.length} differences\n`,
      );
      expect(failures).toEqual([]);
    },
    ALL ? 3_000_000 : 180_000,
  );
});
