import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import type { Scenario } from '../../src/incident/step.js';
import { Refused, Runner } from '../../src/runner/runner.js';
import { FakeWorld, fakePorts, fakeScenario, fakeStep, MemoryRecord, opening } from '../support/fake-world.js';

/** What may be done in the middle of a run, and what is refused with its reason. */

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 20_000; round++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come true');
}

function setUp(scenario: Scenario): { runner: Runner; world: FakeWorld; record: MemoryRecord } {
  const clock = new VirtualClock();
  stops.push(clock.runFree());
  const world = new FakeWorld();
  const record = new MemoryRecord(clock);
  const ports = fakePorts(world, clock, record);
  const runner = Runner.open({ scenarios: new Map([[scenario.id, scenario]]), ports }, opening);
  runner.chooseScenario(scenario.id);
  return { runner, world, record };
}

async function pass(runner: Runner): Promise<void> {
  await until(() => runner.attention.kind === 'gate');
  const gate = await runner.openGate();
  expect(await runner.confirmGate(gate.typed)).toBe('confirmed');
}

const refused = (act: () => void): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  return 'it was not refused';
};

const steps = [fakeStep('one', { gate: 'first' }), fakeStep('two', { gate: 'second', skippable: 'it can wait' })];

describe('a host that tells nothing', () => {
  const silent = (id: string) => ({ reachable: false, problem: { id, what: 'It said nothing.', next: 'Look.' } });

  test.each(['host-slow', 'disk-error', 'sudo-denied'])(
    'but takes logins (%s) is not off, whoever says so; it may be left out',
    (id) => {
      const { runner } = setUp(fakeScenario(steps, ['a']));
      runner.seen('a', silent(id));
      expect(refused(() => runner.attest('a', 'the room is dark', 'off'))).toMatch(
        /so it is on: It said nothing\. Power it off/,
      );
      expect(runner.state.attested.a).toBeUndefined();
      runner.attest('a', 'its disk hangs', 'left-out');
      expect(runner.state.attested.a).toMatchObject({ as: 'left-out' });
    },
  );

  test.each(['host-timeout', 'host-unreachable', 'host-key-changed'])(
    'and may be gone (%s) is off where somebody knows it',
    (id) => {
      const { runner } = setUp(fakeScenario(steps, ['a']));
      runner.seen('a', silent(id));
      runner.attest('a', 'the room is dark', 'off');
      expect(runner.state.attested.a).toMatchObject({ as: 'off' });
    },
  );
});

describe('a step that is done', () => {
  async function oneDone() {
    const all = setUp(fakeScenario(steps, ['a']));
    all.runner.begin();
    await pass(all.runner);
    await until(() => all.runner.state.cells['one@a']?.status === 'done' && all.runner.attention.kind === 'gate');
    return all;
  }

  test.each(['retry', 'look-again'] as const)('is not begun again by %s', async (choice) => {
    const { runner, world } = await oneDone();
    expect(refused(() => runner.answer('one', 'a', choice))).toMatch(/It is done.*Undo it first/);
    expect(world.sent).toEqual(['a/one']);
  });

  test('is not waited for, given up or skipped', async () => {
    const { runner } = await oneDone();
    expect(refused(() => runner.answer('one', 'a', 'wait'))).toMatch(/not late/);
    expect(refused(() => runner.answer('one', 'a', 'give-up'))).toMatch(/not late/);
    expect(refused(() => runner.skip('one', 'a', 'why not'))).toMatch(/cannot be skipped/);
    runner.skip('two', 'a', 'it can wait');
    await until(() => runner.state.ended !== undefined);
    expect(refused(() => runner.skip('two', 'a', 'again'))).toMatch(/has ended/);
  });
});

describe('a step that is late', () => {
  test('is not tried again beside itself: it is waited for, or given up first', async () => {
    const never = fakeStep('one', {
      gate: 'first',
      withinMs: 1_000,
      run: () => [{ kind: 'exec', argv: ['noop'], root: true, again: 'harmless' }],
    });
    const { runner } = setUp(fakeScenario([never], ['a']));
    runner.begin();
    await pass(runner);
    await until(() => runner.attention.kind === 'trouble');
    expect(runner.attention).toMatchObject({ why: 'late' });
    expect(refused(() => runner.answer('one', 'a', 'retry'))).toMatch(/still under way.*give it up first/);
    runner.answer('one', 'a', 'give-up');
    expect(runner.state.cells['one@a']?.status).toBe('failed');
    expect(refused(() => runner.answer('one', 'a', 'retry'))).toBe('it was not refused');
  });
});

describe('a pause', () => {
  test('lets what was begun end, begins nothing new, and is refused where there is nothing to pause', async () => {
    const { runner, world } = setUp(fakeScenario(steps, ['a']));
    expect(refused(() => runner.pause(true))).toMatch(/Nothing has begun/);
    runner.begin();
    await until(() => runner.attention.kind === 'gate');
    const gate = await runner.openGate();
    runner.pause(true);
    await runner.confirmGate(gate.typed).catch(() => undefined);
    for (let round = 0; round < 200; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(world.sent).toEqual([]);
    runner.pause(false);
    await until(() => runner.attention.kind !== 'none' || world.sent.length > 0);
    runner.stop('enough');
    expect(refused(() => runner.pause(true))).toMatch(/has ended/);
  });
});

describe('a choice in the middle', () => {
  const choosing = fakeScenario(
    [
      fakeStep('fetch', { gate: 'first', dependsOn: ['snapshot'] }),
      fakeStep('reset', { gate: 'second', fixes: ['primary', 'snapshot'] }),
      fakeStep('last', { gate: 'third' }),
    ],
    ['a'],
  );

  test('of another backup, before the reset: what was made from it is done again', async () => {
    const { runner } = setUp(choosing);
    runner.choose('snapshot', 'monday');
    runner.begin();
    await pass(runner);
    await until(() => runner.state.cells['fetch@a']?.status === 'done');
    runner.choose('snapshot', 'tuesday');
    expect(runner.state.choices.snapshot).toBe('tuesday');
    await until(() => (runner.state.cells['fetch@a']?.attempt ?? 0) === 2);
  });

  test.each(['primary', 'snapshot'] as const)('of another %s, after the reset: refused, undo first', async (key) => {
    const { runner } = setUp(choosing);
    runner.choose(key, 'monday');
    runner.begin();
    await pass(runner);
    await pass(runner);
    await until(() => runner.state.cells['reset@a']?.status === 'done');
    expect(refused(() => runner.choose(key, 'tuesday'))).toMatch(/cannot change any more in this run. Undo first/);
    expect(runner.state.choices[key]).toBe('monday');
  });

  test('of anything, when the run has ended: refused', async () => {
    const { runner } = setUp(choosing);
    runner.begin();
    runner.stop('enough');
    expect(refused(() => runner.choose('snapshot', 'monday'))).toMatch(/has ended/);
    expect(refused(() => runner.chooseScenario('fake'))).toMatch(/has ended/);
  });
});
