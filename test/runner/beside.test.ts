import { expect, test } from 'vitest';
import { foldAll } from '../../src/incident/fold.js';
import { scenarioFaults } from '../../src/incident/plan.js';
import type { IncidentState } from '../../src/incident/state.js';
import type { Phase, Scenario } from '../../src/incident/step.js';
import { decide } from '../../src/runner/decide.js';
import { fakeScenario, fakeStep, opening } from '../support/fake-world.js';

/** Which phases are under way together, as pure data: steps called after their phases, on one host. */

const phase = (id: string, beside?: string): Phase => ({
  id,
  title: id,
  hosts: () => ['a'],
  order: () => 'together',
  steps: [fakeStep(id)],
  ...(beside === undefined ? {} : { beside }),
});

const plan = (...phases: readonly Phase[]): Scenario => ({
  ...fakeScenario(phases.flatMap((one) => one.steps)),
  phases,
});

function stateAfter(done: readonly string[]): IncidentState {
  const events = [
    opening,
    { type: 'plan-begun' } as const,
    ...done.flatMap((step) => [
      { type: 'step-begun', step, host: 'a', attempt: 1, gated: true, learned: {} } as const,
      { type: 'step-ended', step, host: 'a', attempt: 1, outcome: 'done', evidence: [], learned: {} } as const,
    ]),
  ];
  const state = foldAll(
    events.map((event, at) => ({ ...event, seq: at + 1, at: '2026-11-22T03:14:00.000Z', mono: at })),
  );
  if (state === undefined) throw new Error('no state');
  return state;
}

const begins = (scenario: Scenario, done: readonly string[]): string[] =>
  decide(scenario, stateAfter(done)).flatMap((one) => (one.do === 'begin' ? [one.step.id] : [one.do]));

const joining = plan(
  phase('first'),
  phase('peers'),
  phase('ready'),
  phase('agents', 'ready'),
  phase('data', 'peers'),
  phase('tidy'),
);

test.each([
  [[], ['first']],
  [['first'], ['peers', 'data']],
  [['first', 'data'], ['peers']],
  [
    ['first', 'peers'],
    ['ready', 'agents', 'data'],
  ],
  [['first', 'peers', 'ready', 'data'], ['agents']],
  [['first', 'peers', 'ready', 'agents'], ['data']],
  [['first', 'peers', 'ready', 'agents', 'data'], ['tidy']],
  [['first', 'peers', 'ready', 'agents', 'data', 'tidy'], ['finish']],
])('after %j: %j', (done, next) => {
  expect(begins(joining, done)).toEqual(next);
});

test('a phase beside one that is no earlier one is a fault of the scenario', () => {
  expect(scenarioFaults(joining).filter((fault) => fault.includes('beside'))).toEqual([]);
  expect(scenarioFaults(plan(phase('one', 'two'), phase('two')))).toContain(
    'phase one runs beside two, which is no earlier phase',
  );
});
