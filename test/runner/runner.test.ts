import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { act, look } from '../../src/incident/command.js';
import type { Scenario, Step } from '../../src/incident/step.js';
import { Refused, Runner } from '../../src/runner/runner.js';
import {
  FakeWorld,
  fakePorts,
  fakeScenario,
  fakeStep,
  MemoryRecord,
  onceStep,
  opening,
  stateAfter,
} from '../support/fake-world.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function setUp(scenario: Scenario, world = new FakeWorld()) {
  const clock = new VirtualClock();
  stops.push(clock.runFree());
  const record = new MemoryRecord(clock);
  const runner = Runner.open(
    { scenarios: new Map([[scenario.id, scenario]]), ports: fakePorts(world, clock, record) },
    opening,
  );
  runner.chooseScenario(scenario.id);
  return { clock, record, runner, world };
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 20_000; round++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come true');
}

/** Plays the operator: opens every gate and types what it asks for. */
async function play(runner: Runner, done: () => boolean = () => runner.state.ended !== undefined): Promise<void> {
  for (let round = 0; round < 50; round++) {
    await until(() => done() || runner.attention.kind !== 'none');
    if (done() || runner.attention.kind === 'trouble') return;
    const gate = await runner.openGate();
    await runner.confirmGate(gate.typed);
    await until(() => done() || runner.attention.kind !== 'gate' || runner.attention.open === undefined);
  }
}

const cell = (runner: Runner, step: string, host: string) => runner.state.cells[`${step}@${host}`];

test('a task that proves a choice bad offers the next best one; taking it runs the task again, on that', async () => {
  const offer = { key: 'snapshot', value: 'good.db', because: 'the newest other one' } as const;
  const step = fakeStep('fetch', {
    effect: 'observe',
    dependsOn: ['snapshot'],
    done: {
      ask: (context) => [
        { kind: 'task', task: 'have', input: { snapshot: context.choices.snapshot ?? '' }, again: 'harmless' },
      ],
      judge: ([said]) => (said?.code === 0 ? { answer: 'yes', evidence: [] } : { answer: 'no', evidence: [] }),
    },
    run: (context) => [
      { kind: 'task', task: 'prove', input: { snapshot: context.choices.snapshot ?? '' }, again: 'harmless' },
    ],
  });
  const { gate: _gate, ...observing } = step;
  const world = new FakeWorld();
  const proven = new Set<string>();
  world.task = (name, { snapshot }) => {
    const asked = String(snapshot);
    if (name === 'prove' && asked !== 'bad.db') proven.add(asked);
    if (name === 'prove' && asked === 'bad.db')
      return { ok: false, result: { what: 'bad.db is not restorable', next: 'Choose another.', offer }, text: 'no' };
    return { ok: proven.has(asked), result: null, text: '{}' };
  };
  const { runner, record } = setUp(fakeScenario([observing]), world);
  runner.choose('snapshot', 'bad.db');
  runner.begin();
  await until(() => runner.attention.kind === 'trouble');
  const failed = Object.values(runner.state.cells).find((one) => one.status === 'failed');
  expect(failed?.trouble).toMatchObject({ what: 'bad.db is not restorable', next: 'Choose another.', offer });
  runner.choose(offer.key, offer.value);
  await until(() => runner.state.ended !== undefined);
  expect(runner.state.ended?.outcome).toBe('recovered');
  expect(record.events.some((event) => event.type === 'chosen' && JSON.stringify(event).includes('good.db'))).toBe(
    true,
  );
});

describe('carrying a plan out', () => {
  test('nothing is sent before its gate is confirmed, everything after', async () => {
    const { runner, world } = setUp(fakeScenario([fakeStep('one'), fakeStep('two')]));
    runner.begin();
    await until(() => runner.attention.kind === 'gate');
    expect(world.sent).toEqual([]);
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(world.sent.sort()).toEqual(['a/one', 'a/two', 'b/one', 'b/two', 'c/one', 'c/two']);
  });

  test('consecutive steps of one decision share a gate; another decision has its own', async () => {
    const { runner, record } = setUp(
      fakeScenario([fakeStep('one'), fakeStep('two'), fakeStep('three', { gate: 'destroy', effect: 'destroy' })]),
    );
    runner.begin();
    await play(runner);
    const confirmed = record.events
      .filter((event) => event.type === 'gate-answered')
      .map((event) => (event as { gate?: string }).gate);
    expect(confirmed).toEqual(['go', 'destroy']);
  });

  test('what is done already is not done again', async () => {
    const world = new FakeWorld();
    world.flags.add('a/one');
    const { runner } = setUp(fakeScenario([fakeStep('one')]), world);
    runner.begin();
    await play(runner);
    expect(cell(runner, 'one', 'a')?.status).toBe('already');
    expect(world.sent).toEqual(['b/one', 'c/one']);
  });

  test('one by one means the second host waits for the first', async () => {
    const { runner, world } = setUp(fakeScenario([fakeStep('one'), fakeStep('two')], ['a', 'b'], 'one-by-one'));
    runner.begin();
    await play(runner);
    expect(world.sent).toEqual(['a/one', 'a/two', 'b/one', 'b/two']);
  });

  test('a gate is not confirmed by the wrong word', async () => {
    const { runner, world } = setUp(fakeScenario([fakeStep('one', { gate: 'destroy', effect: 'destroy' })]));
    runner.begin();
    await until(() => runner.attention.kind === 'gate');
    await runner.openGate();
    expect(await runner.confirmGate('fak')).toBe('mistyped');
    expect(await runner.confirmGate(undefined)).toBe('mistyped');
    expect(world.sent).toEqual([]);
    expect(await runner.confirmGate('fake')).toBe('confirmed');
  });

  test('a fact that changed between showing and confirming opens the gate again', async () => {
    const scenario = fakeScenario(
      [fakeStep('one', { holdsUntil: ['two'] }), fakeStep('two', { gate: 'destroy', effect: 'destroy' })],
      ['a'],
    );
    const { runner, world } = setUp(scenario);
    runner.begin();
    await play(runner, () => runner.attention.kind === 'gate' && runner.attention.gate === 'destroy');
    await runner.openGate();
    world.flags.delete('a/one');
    expect(await runner.confirmGate('fake')).toBe('changed');
    expect(await runner.confirmGate('fake')).toBe('blocked');
    expect(world.sent).toEqual(['a/one']);
  });

  test('esc while the facts are asked again: nothing is confirmed, and nothing is sent', async () => {
    const scenario = fakeScenario(
      [fakeStep('one', { holdsUntil: ['two'] }), fakeStep('two', { gate: 'destroy', effect: 'destroy' })],
      ['a'],
    );
    const { runner, record, world } = setUp(scenario);
    runner.begin();
    await play(runner, () => runner.attention.kind === 'gate' && runner.attention.gate === 'destroy');
    await runner.openGate();
    const answer = runner.confirmGate('fake');
    runner.cancelGate();
    expect(await answer).toBe('cancelled');
    expect(runner.attention).toMatchObject({ kind: 'gate', gate: 'destroy' });
    expect(record.events.at(-1)).toMatchObject({ type: 'gate-answered', answer: 'cancelled' });
    expect(world.sent).toEqual(['a/one']);
  });

  test('opened twice at once, a gate is asked and shown once', async () => {
    const { runner, record } = setUp(fakeScenario([fakeStep('one')]));
    runner.begin();
    await until(() => runner.attention.kind === 'gate');
    const [first, second] = await Promise.all([runner.openGate(), runner.openGate()]);
    expect(first).toBe(second);
    expect(record.events.filter((event) => event.type === 'gate-shown')).toHaveLength(1);
  });

  test('a failure stops what comes after, says what is left, and voids the gate', async () => {
    const world = new FakeWorld();
    world.before = (host, argv) => (host === 'b' && argv[0] === 'set' ? 'break' : 'run');
    const { runner } = setUp(fakeScenario([fakeStep('one'), fakeStep('two')]), world);
    runner.begin();
    await play(runner);
    expect(runner.attention).toMatchObject({ kind: 'trouble', step: 'one', host: 'b', why: 'failed' });
    expect(cell(runner, 'one', 'b')?.trouble?.what).toContain('set on b ended with 1: it broke');
    expect(cell(runner, 'one', 'a')?.status).toBe('done');
    expect(cell(runner, 'two', 'a')).toBeUndefined();
    world.before = () => 'run';
    runner.answer('one', 'b', 'retry');
    await until(() => runner.attention.kind === 'gate');
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
  });

  test('an unreachable host is tried again; nothing was sent, so nothing is in doubt', async () => {
    const world = new FakeWorld();
    let tries = 0;
    world.before = (host, argv) => (host === 'b' && argv[0] === 'set' && tries++ < 3 ? 'unreachable' : 'run');
    const { runner } = setUp(fakeScenario([onceStep('one')]), world);
    runner.begin();
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(world.sent.filter((flag) => flag === 'b/one')).toHaveLength(1);
  });

  test('a harmless command whose answer was lost is repeated', async () => {
    const world = new FakeWorld();
    let lost = 0;
    world.before = (host, argv) => (host === 'b' && argv[0] === 'set' && lost++ === 0 ? 'lose-before' : 'run');
    const { runner } = setUp(fakeScenario([fakeStep('one')]), world);
    runner.begin();
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
  });

  test('one that is refused because the first try runs already: the step waits for its end', async () => {
    const world = new FakeWorld();
    let tries = 0;
    let asked = 0;
    world.before = (host, argv) => {
      if (host !== 'b' || argv[0] !== 'set') return 'run';
      return tries++ === 0 ? 'lose-before' : 'break';
    };
    // Under way from the first try on; done some looks after the second was refused.
    const done: Step['done'] = {
      ask: () => [look(['ask', 'one'])],
      judge: ([said], { host }) => {
        if (host !== 'b') return { answer: said?.stdout === 'yes' ? 'yes' : 'no', evidence: [] };
        if (tries < 2) return { answer: 'no', evidence: [] };
        return ++asked < 4
          ? { answer: 'no', evidence: ['under way'], underWay: true }
          : { answer: 'yes', evidence: [] };
      },
    };
    const { runner } = setUp(fakeScenario([fakeStep('one', { done })]), world);
    runner.begin();
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(tries).toBe(2);
  });

  test('a command that must not run twice is never repeated: the postcondition decides', async () => {
    const world = new FakeWorld();
    world.before = (host, argv) => (host === 'b' && argv[0] === 'set' ? 'lose-after' : 'run');
    const { runner } = setUp(fakeScenario([onceStep('one')]), world);
    runner.begin();
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(world.sent.filter((flag) => flag === 'b/one')).toHaveLength(1);
  });

  test('when it cannot be told whether it ran, the operator is asked', async () => {
    const world = new FakeWorld();
    world.before = (host, argv) => (host === 'b' && argv[0] === 'set' ? 'lose-before' : 'run');
    const { runner } = setUp(fakeScenario([onceStep('one')]), world);
    runner.begin();
    await play(runner);
    expect(runner.attention).toMatchObject({ kind: 'trouble', host: 'b', why: 'doubt' });
    expect(world.sent).not.toContain('b/one');
  });

  test('a deadline asks and kills nothing', async () => {
    const scenario = fakeScenario(
      [{ ...fakeStep('never', { withinMs: 2_000, effect: 'observe' }), run: undefined, gate: undefined } as never],
      ['a'],
    );
    const { runner, world } = setUp(scenario);
    runner.begin();
    await until(() => runner.attention.kind === 'trouble');
    expect(runner.attention).toMatchObject({ why: 'late' });
    runner.answer('never', 'a', 'wait');
    expect(runner.attention.kind).toBe('none');
    world.flags.add('a/never');
    await until(() => runner.state.ended !== undefined);
    expect(runner.state.ended?.outcome).toBe('recovered');
  });

  test('a step without a reason to skip cannot be skipped; one with it needs a reason', async () => {
    const world = new FakeWorld();
    world.before = (_host, argv) => (argv[0] === 'set' ? 'break' : 'run');
    const { runner } = setUp(
      fakeScenario([fakeStep('one', { skippable: 'it is a test' }), fakeStep('two')], ['a']),
      world,
    );
    runner.begin();
    await play(runner);
    expect(() => runner.skip('two', 'a', 'because')).toThrow(Refused);
    expect(() => runner.skip('one', 'a', ' ')).toThrow(Refused);
    runner.skip('one', 'a', 'because');
    expect(cell(runner, 'one', 'a')?.status).toBe('skipped');
  });

  test('undo takes back what was done, in reverse, behind a gate of its own', async () => {
    const world = new FakeWorld();
    world.before = (_host, argv) => (argv[1] === 'three' && argv[0] === 'set' ? 'break' : 'run');
    const scenario = {
      ...fakeScenario([fakeStep('one'), fakeStep('two'), fakeStep('three'), fakeStep('four')], ['a']),
      pointOfNoReturn: 'four',
    };
    const { runner } = setUp(scenario, world);
    runner.begin();
    await play(runner);
    runner.undo('it failed');
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('undone');
    expect([...world.flags]).toEqual([]);
    expect(cell(runner, 'one', 'a')?.status).toBe('undone');
  });

  test('undo is refused behind the point of no return', async () => {
    const world = new FakeWorld();
    world.before = (_host, argv) => (argv[1] === 'two' && argv[0] === 'set' ? 'break' : 'run');
    const { runner } = setUp(
      { ...fakeScenario([fakeStep('one'), fakeStep('two')], ['a']), pointOfNoReturn: 'one' },
      world,
    );
    runner.begin();
    await play(runner);
    expect(() => runner.undo('too late')).toThrow(/point of no return/);
  });

  test('an observer sends nothing and may do nothing', async () => {
    const clock = new VirtualClock();
    stops.push(clock.runFree());
    const record = new MemoryRecord(clock);
    const world = new FakeWorld();
    const scenario = fakeScenario([fakeStep('one')]);
    const runner = Runner.open(
      { scenarios: new Map([['fake', scenario]]), ports: fakePorts(world, clock, record), observe: true },
      opening,
    );
    runner.chooseScenario('fake');
    expect(() => runner.begin()).toThrow(Refused);
    expect(world.sent).toEqual([]);
  });

  test('facts that change in the middle of an attempt do not change what it sends', async () => {
    const world = new FakeWorld();
    // What it sends depends on a fact that its own first command changes, as a placed override changes a configuration.
    const step = fakeStep('last', {
      run: (context) => [
        ...(context.facts('a').held === true ? [] : [act(['set', 'first'])]),
        act(['set', 'middle']),
        act(['set', 'last']),
      ],
    });
    const { runner } = setUp(fakeScenario([step], ['a']), world);
    const exec = world.exec.bind(world);
    world.exec = (host, argv) => {
      const said = exec(host, argv);
      if (argv[1] === 'first') runner.seen('a', { reachable: true, held: true });
      return said;
    };
    runner.begin();
    await play(runner);
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(world.sent).toEqual(['a/first', 'a/middle', 'a/last']);
  });

  test('secrets in output never reach the record', async () => {
    const world = new FakeWorld();
    const exec = world.exec.bind(world);
    world.exec = (host, argv) =>
      argv[0] === 'set' ? { code: 1, stderr: 'token hunter2-secret is wrong' } : exec(host, argv);
    const { runner, record } = setUp(fakeScenario([fakeStep('one')], ['a']), world);
    runner.begin();
    await play(runner);
    expect(JSON.stringify(record.events)).not.toContain('hunter2-secret');
    expect(JSON.stringify(record.events)).toContain('•••');
  });
});

describe('a crash between any two events', () => {
  const scenario = fakeScenario(
    [fakeStep('one'), onceStep('two', { gate: 'destroy', effect: 'destroy' }), fakeStep('three')],
    ['a', 'b'],
  );

  /** Runs until the record holds `cut` events, throws the process away, resumes from record and world. */
  async function crashAt(cut: number): Promise<{ reached: boolean; world: FakeWorld; ended: string | undefined }> {
    const world = new FakeWorld();
    const clock = new VirtualClock();
    stops.push(clock.runFree());
    let frozen: { events: unknown[]; world: FakeWorld } | undefined;
    const record: MemoryRecord = new MemoryRecord(clock, () => {
      if (record.events.length === cut && frozen === undefined) {
        frozen = { events: structuredClone(record.events), world: world.fork() };
      }
    });
    const options = { scenarios: new Map([['fake', scenario]]) };
    const first = Runner.open({ ...options, ports: fakePorts(world, clock, record) }, opening);
    first.chooseScenario('fake');
    first.begin();
    await play(first);
    if (frozen === undefined) return { reached: false, world, ended: first.state.ended?.outcome };
    await first.close();
    const left = frozen.world;
    const secondRecord = new MemoryRecord(clock);
    secondRecord.events.push(...(frozen.events as never[]));
    const second = Runner.resume(
      { ...options, ports: fakePorts(left, clock, secondRecord) },
      stateAfter(secondRecord.events),
      {
        type: 'run-resumed',
        operator: 'tester',
        machine: 'here',
        version: '0',
      },
    );
    if (second.state.scenario === undefined) second.chooseScenario('fake');
    if (!second.state.begun) second.begin();
    await play(second);
    // In doubt and never started: a person says "retry", as the console would ask them to.
    while (second.attention.kind === 'trouble') {
      second.answer(second.attention.step, second.attention.host, 'retry');
      await play(second);
    }
    return { reached: true, world: left, ended: second.state.ended?.outcome };
  }

  test('ends as an uninterrupted run does, and nothing that must not run twice does', async () => {
    for (let cut = 1; ; cut++) {
      const { reached, world, ended } = await crashAt(cut);
      expect(ended, `cut after event ${cut}`).toBe('recovered');
      expect([...world.flags].sort()).toEqual(['a/one', 'a/three', 'a/two', 'b/one', 'b/three', 'b/two']);
      expect(world.sent.filter((flag) => flag.endsWith('/two')).sort()).toEqual(['a/two', 'b/two']);
      if (!reached) {
        expect(cut).toBeGreaterThan(30);
        return;
      }
    }
  });
});
