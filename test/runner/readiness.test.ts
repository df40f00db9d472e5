import { expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import type { Readiness } from '../../src/incident/acting.js';
import { act, once } from '../../src/incident/command.js';
import type { Step } from '../../src/incident/step.js';
import { Runner } from '../../src/runner/runner.js';
import { FakeWorld, fakePorts, fakeScenario, fakeStep, MemoryRecord, opening } from '../support/fake-world.js';

/** How sure the console makes itself of its right to act, command by command. */

async function asked(step: Step): Promise<Readiness[]> {
  const clock = new VirtualClock();
  const stop = clock.runFree();
  const how: Readiness[] = [];
  const right = {
    take: async () => ({ kind: 'ours', on: ['a'], without: [] }) as const,
    takeFrom: async () => ({ kind: 'ours', on: ['a'], without: [] }) as const,
    ready: async (one: Readiness) => {
      how.push(one);
      return undefined;
    },
  };
  try {
    const scenario = fakeScenario([step], ['a']);
    const ports = { ...fakePorts(new FakeWorld(), clock, new MemoryRecord(clock)), right };
    const runner = Runner.open({ scenarios: new Map([[scenario.id, scenario]]), ports }, opening);
    runner.chooseScenario(scenario.id);
    runner.begin();
    await until(() => runner.attention.kind === 'gate');
    const gate = await runner.openGate();
    how.length = 0;
    await runner.confirmGate(gate.typed);
    await until(() => runner.state.ended !== undefined);
    return how;
  } finally {
    stop();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 20_000; round++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not come true');
}

const commands = [act(['prepare', 'one']), act(['prepare', 'two']), act(['set', 'x'])];

test.each([
  ['changes something: its first command stands in the journal on the servers', 'change', commands, 'told fresh fresh'],
  [
    'changes something with a command that must never run twice: that one stands in the journal, too',
    'change',
    [act(['prepare', 'one']), act(['prepare', 'two']), once(['set', 'x']), act(['then', 'this'])],
    'told fresh told fresh',
  ],
  ['destroys: every command waits for all of it', 'destroy', commands, 'certain certain certain'],
  [
    'destroys with a command that must never run twice: what comes before only prepares it, what comes after does not',
    'destroy',
    [act(['prepare', 'one']), act(['prepare', 'two']), once(['set', 'x']), act(['then', 'this'])],
    'told fresh certain certain',
  ],
] as const)('a step that %s', async (_, effect, run, expected) => {
  const step = fakeStep('x', { effect, gate: 'destroy', run: () => [...run] });
  expect((await asked(step)).join(' ')).toBe(expected);
});
