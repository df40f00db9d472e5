import { describe, expect, test } from 'vitest';
import { rebuild } from '../../src/cli/rebuild.js';
import { scenarios } from '../../src/cli/views.js';
import type { IncidentEvent } from '../../src/incident/event.js';
import { findStep } from '../../src/incident/plan.js';
import type { FaultName } from '../../src/practice/faults.js';
import { differences, endState } from '../support/end-state.js';
import { PracticeHost } from '../support/practice-host.js';
import { Rig, RUN, until, type Wreck } from '../support/rig.js';

/**
 * The console dies after every single event of a full restore; another one goes on from the record and the nodes. All wrecks are
 * made in one run: the practice cluster is copied where the console would have died.
 * A sample of them by default; with BLACKSTART_ALL_KILL_POINTS=1 every one.
 */
const ALL = process.env.BLACKSTART_ALL_KILL_POINTS === '1';
const SAMPLE = 30;

/** So many wrecks at a time: each is a whole cluster in memory. */
const CHUNK = 40;

/** What the operator does, and how it ends. */
interface Story {
  readonly name: string;
  readonly faults: readonly FaultName[];
  /** Full restore where it is not said. */
  readonly scenario?: string;
  /** The cluster may be overwritten, and the backup is of another one. */
  readonly elsewhere?: true;
  /** Servers that are attested to be off. */
  readonly off?: readonly string[];
  /** What has to be seen before the operator begins. */
  readonly seen?: (rig: Rig) => boolean;
  readonly outcome: 'recovered' | 'undone';
  /** How often a reset really begins. */
  readonly resets: number;
  /** Everything is put back once the reset is done. */
  readonly undoes?: true;
  /** The part before it is another story's. */
  readonly from?: (event: IncidentEvent) => boolean;
}

const RESTORE: Story = { name: 'a full restore', faults: [], outcome: 'recovered', resets: 1 };
const STORIES: readonly Story[] = [
  RESTORE,
  { ...RESTORE, name: 'a full restore with a dead server', faults: ['dead-server'], off: ['node-3'] },
  { ...RESTORE, name: 'a restore with a fresh peer', faults: ['not-installed'] },
  { ...RESTORE, name: 'a restore on new machines', faults: ['fresh-servers'] },
  {
    ...RESTORE,
    name: 'quorum loss',
    scenario: 'quorum-loss',
    faults: ['lost-quorum'],
    off: ['node-2', 'node-3'],
  },
  {
    ...RESTORE,
    name: 'a stopped majority that is started again',
    scenario: 'start',
    faults: ['two-survivors'],
    resets: 0,
  },
  { ...RESTORE, name: 'a member that joins anew', scenario: 'single-node', faults: ['damaged-member'], resets: 0 },
  {
    ...RESTORE,
    name: 'a member that is repaired',
    scenario: 'single-node',
    faults: ['newer-files'],
    seen: (rig) => rig.runner.state.choices.way === 'start',
    resets: 0,
  },
  { ...RESTORE, name: 'a member that is replaced', scenario: 'single-node', faults: ['fresh-host'], resets: 0 },
  { ...RESTORE, name: 'a restore elsewhere', scenario: 'restore-elsewhere', faults: ['healthy'], elsewhere: true },
  {
    ...RESTORE,
    name: 'a reset that fails and is tried again',
    faults: ['reset-fails-once'],
    resets: 2,
    from: (event) => event.type === 'step-ended' && event.outcome === 'failed',
  },
  {
    ...RESTORE,
    name: 'a reset that is undone',
    outcome: 'undone',
    undoes: true,
    from: (event) => event.type === 'undo-begun',
  },
];

interface Cut {
  readonly after: IncidentEvent;
  readonly wreck: Wreck;
}

interface Uninterrupted {
  readonly cuts: Cut[];
  readonly events: number;
  /** The first event after which the console is to die. */
  readonly from: number;
  readonly state: Record<string, string>;
}

/** Plays the whole run, which is the same every time, and copies the cluster after the events that are wanted. */
async function uninterrupted(
  story: Story,
  wanted: (seq: number) => boolean,
  operator?: string,
): Promise<Uninterrupted> {
  const cuts: Cut[] = [];
  let open: IncidentEvent | undefined;
  // Where a unit's shell is between two steps, the cluster is copied a moment later, before the next event.
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
    faults: story.faults,
    ...(story.elsewhere === undefined ? {} : { elsewhere: story.elsewhere }),
    ...(operator === undefined ? {} : { operator }),
    kept: (event, one) => {
      open = wanted(event.seq) ? event : undefined;
      freeze(one);
    },
  });
  await operate(rig, story);
  const events = rig.events.length;
  const from = story.from === undefined ? 1 : (rig.events.find(story.from)?.seq ?? events);
  await rig.rest(120_000);
  const state = await endState(rig, story.outcome === 'recovered');
  await rig.close();
  return { cuts, events, from, state };
}

/** A person at the console: chooses, begins, answers gates; where it is not known whether something ran, tries it again. */
async function operate(rig: Rig, { scenario, off, undoes, seen }: Story): Promise<void> {
  const { runner } = rig;
  if (!runner.state.begun) {
    await rig.choose(undefined, scenario);
    if (seen !== undefined) await until(() => seen(rig), 'what the operator waits for');
    for (const host of off ?? []) if (runner.state.attested[host] === undefined) runner.attest(host, 'no power', 'off');
    runner.begin();
  }
  for (let tries = 0; tries < 5; tries++) {
    const undo = undoes === true && runner.state.undoing === undefined;
    await rig.play(() => undo && runner.state.cells['reset@node-1']?.status === 'done');
    if (undo && runner.state.cells['reset@node-1']?.status === 'done') {
      await until(() => runner.attention.kind === 'gate', 'the gate after the reset');
      runner.undo('it was the wrong backup');
      await rig.play();
    }
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
    const scenario = scenarios.get(rig.runner.state.scenario ?? '');
    const gate = scenario === undefined ? undefined : findStep(scenario, event.step)?.gate;
    if (gate !== undefined && !confirmed.has(gate)) found.push(`${event.step}@${event.host}`);
  }
  return found;
}

/** How often a reset really began on the primary: each attempt makes its directory first. */
async function resetsBegun(rig: Rig): Promise<number> {
  const said = await rig.run('node-1', `find /var/lib/blackstart/${RUN} -name started`);
  return said.stdout.split('\n').filter((path) => /\/reset(-membership)?-a\d/.test(path)).length;
}

async function goesOn(
  cut: Cut,
  expected: Record<string, string>,
  story: Story,
  how: Parameters<typeof Rig.resume>[1] = {},
): Promise<string[]> {
  const rig = await Rig.resume(cut.wreck, how);
  try {
    await operate(rig, story);
    const wrong = ungated(rig).map((step) => `${step} was sent without its gate`);
    if (rig.runner.state.ended?.outcome !== story.outcome) {
      return [...wrong, `not ${story.outcome}: ${JSON.stringify(rig.runner.attention).slice(0, 400)}`];
    }
    const begun = await resetsBegun(rig);
    if (begun !== story.resets) wrong.push(`the reset began ${begun} times`);
    await rig.rest(120_000);
    return [...wrong, ...differences(expected, await endState(rig, story.outcome === 'recovered')).slice(0, 5)];
  } catch (error) {
    return [String(error)];
  } finally {
    await rig.close();
  }
}

/** The events after which the console dies: all, or the same ones every time, spread over the whole run. */
function chosen({ events, from }: Uninterrupted): number[] {
  const all = Array.from({ length: events - from + 1 }, (_, index) => index + from);
  const slot = (index: number): number => Math.floor((index * SAMPLE) / all.length);
  return ALL ? all : all.filter((_seq, index) => slot(index) !== slot(index - 1));
}

describe.each(STORIES)('$name: a console that dies', (story) => {
  test(
    'is followed by one that ends where an uninterrupted run ends',
    async () => {
      const whole = await uninterrupted(story, () => false);
      const { events, state } = whole;
      const kill = chosen(whole);
      const failures: string[] = [];
      let tried = 0;
      for (let from = 0; from < kill.length; from += CHUNK) {
        const chunk = new Set(kill.slice(from, from + CHUNK));
        for (const cut of (await uninterrupted(story, (seq) => chunk.has(seq))).cuts) {
          const { seq, type } = cut.after;
          // Every other time the spool of decrypted snapshots did not outlast the console.
          const left = seq % 2 === 0 ? cut : { ...cut, wreck: { ...cut.wreck, fetched: new Set<string>() } };
          for (const wrong of await goesOn(left, state, story)) failures.push(`after event ${seq} (${type}): ${wrong}`);
          tried += 1;
        }
      }
      process.stdout.write(
        `kill points of ${story.name}: ${tried} of ${events - whole.from + 1} tried, ${kill.length - tried} not reached, ${failures.length} differences\n`,
      );
      expect(failures).toEqual([]);
      expect(events).toBeGreaterThan(50);
      expect(kill.length - tried).toBeLessThanOrEqual(kill.length / 20);
    },
    ALL ? 3_000_000 : 240_000,
  );
});

/** What a colleague on another machine finds: journal and lock on the servers, nothing of the record, nothing in the spool. */
async function foundOnServers({ cluster, clock, ...wreck }: Wreck): Promise<{ wreck: Wreck; how: object } | undefined> {
  const stop = clock.runFree();
  const hosts = ['node-1', 'node-2', 'node-3'].map((name) => new PracticeHost(() => cluster.node(name), clock));
  const rebuilt = await rebuild(hosts, AbortSignal.timeout(60_000));
  stop();
  if (rebuilt === undefined) return undefined;
  return {
    wreck: { ...wreck, cluster, clock, events: rebuilt.events, fetched: new Set() },
    how: { operator: 'bob', previous: rebuilt.previous },
  };
}

test(
  'a console that dies with its machine: a colleague takes over from the servers and ends where it would have ended',
  async () => {
    const whole = await uninterrupted(RESTORE, () => false, 'alice');
    const { events, state } = whole;
    const kill = chosen(whole);
    const failures: string[] = [];
    let tried = 0;
    let tooEarly = 0;
    for (let from = 0; from < kill.length; from += CHUNK) {
      const chunk = new Set(kill.slice(from, from + CHUNK));
      for (const cut of (await uninterrupted(RESTORE, (seq) => chunk.has(seq), 'alice')).cuts) {
        const { seq, type } = cut.after;
        const found = await foundOnServers(cut.wreck);
        if (found === undefined) {
          tooEarly += 1;
          if (cut.wreck.events.some((event) => event.type === 'sent' && isExec(event as IncidentEvent)))
            failures.push(`after event ${seq} (${type}): commands were sent, and no server knows of the run`);
          continue;
        }
        for (const wrong of await goesOn({ ...cut, wreck: found.wreck }, state, RESTORE, found.how))
          failures.push(`after event ${seq} (${type}): ${wrong}`);
        tried += 1;
      }
    }
    process.stdout.write(
      `taken over: ${tried} of ${events} tried, ${tooEarly} before anything acted, ${failures.length} differences\n`,
    );
    expect(failures).toEqual([]);
    expect(tried).toBeGreaterThan(kill.length / 2);
  },
  ALL ? 3_000_000 : 240_000,
);

const isExec = (event: IncidentEvent): boolean => event.type === 'sent' && event.command.kind !== 'task';
