import { afterEach, describe, expect, test } from 'vitest';
import { approvalCode } from '../../src/base/approval.js';
import { VirtualClock } from '../../src/base/clock.js';
import { Secret } from '../../src/base/secret.js';
import { Runner } from '../../src/runner/runner.js';
import {
  FakeWorld,
  fakePorts,
  fakeScenario,
  fakeStep,
  MemoryRecord,
  opening,
  threeHosts,
} from '../support/fake-world.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const key = new Secret('kims key');

/** A cluster where Kim has to agree to what destroys. */
async function atGate(effect: 'change' | 'destroy') {
  const clock = new VirtualClock();
  stops.push(clock.runFree());
  const world = new FakeWorld();
  const record = new MemoryRecord(clock);
  const scenario = fakeScenario([fakeStep('wipe', { effect, gate: 'destroy' })], ['a']);
  const ports = {
    ...fakePorts(world, clock, record),
    approver: async (challenge: string, code: string) => (code === approvalCode(key, challenge) ? 'Kim' : undefined),
  };
  const runner = Runner.open(
    { scenarios: new Map([[scenario.id, scenario]]), ports },
    { ...opening, cluster: { ...threeHosts, approvers: ['Kim'] } },
  );
  runner.chooseScenario(scenario.id);
  runner.begin();
  for (let round = 0; round < 2_000 && runner.attention.kind !== 'gate'; round++)
    await new Promise((resolve) => setImmediate(resolve));
  return { runner, world, record, gate: await runner.openGate() };
}

describe('a second person', () => {
  test('is needed where something is destroyed, and only there', async () => {
    expect((await atGate('change')).gate.approval).toBeUndefined();
    const { gate, runner, world } = await atGate('destroy');
    expect(gate.approval).toMatchObject({ asked: ['Kim'], challenge: expect.stringMatching(/^destroy\.fake\./) });
    expect(await runner.confirmGate('fake')).toBe('blocked');
    expect(world.sent).toEqual([]);
  });

  test('agrees with a code made of the challenge; it is recorded, and the name is still typed', async () => {
    const { gate, runner, record } = await atGate('destroy');
    await expect(runner.approve('0000-0000')).rejects.toThrow(/blackstart approve destroy\.fake/);
    await runner.approve(approvalCode(key, gate.approval?.challenge ?? ''));
    expect(runner.attention).toMatchObject({ open: { approval: { by: 'Kim' } } });
    expect(await runner.confirmGate('wrong')).toBe('mistyped');
    expect(await runner.confirmGate('fake')).toBe('confirmed');
    expect(record.events.findLast((event) => event.type === 'approved')).toMatchObject({ by: 'Kim', without: null });
    expect(runner.state.approvals).toHaveLength(1);
  });

  test('out of reach: it goes on for a reason, which is recorded', async () => {
    const { runner, record } = await atGate('destroy');
    expect(() => runner.breakGlass('  ')).toThrow(/Say why/);
    runner.breakGlass('Kim is on a plane');
    expect(await runner.confirmGate('fake')).toBe('confirmed');
    expect(record.events.findLast((event) => event.type === 'approved')).toMatchObject({
      by: null,
      without: 'Kim is on a plane',
    });
  });

  test('a code counts for what the gate showed: after a failure the same gate has another challenge', async () => {
    const { gate, runner, world } = await atGate('destroy');
    await runner.approve(approvalCode(key, gate.approval?.challenge ?? ''));
    world.before = (_host, [verb]) => (verb === 'set' ? 'break' : 'run');
    await runner.confirmGate('fake');
    for (let round = 0; round < 2_000 && runner.attention.kind !== 'trouble'; round++)
      await new Promise((resolve) => setImmediate(resolve));
    runner.answer('wipe', 'a', 'retry');
    for (let round = 0; round < 2_000 && runner.attention.kind !== 'gate'; round++)
      await new Promise((resolve) => setImmediate(resolve));
    const again = await runner.openGate();
    expect(again.approval?.challenge).not.toBe(gate.approval?.challenge);
    expect(again.approval?.by).toBeUndefined();
    await expect(runner.approve(approvalCode(key, gate.approval?.challenge ?? ''))).rejects.toThrow(/no code for/);
  });
});
