import { expect, test, vi } from 'vitest';
import type { Payload } from '../../src/incident/event.js';
import type { TriageView } from '../../src/store/store.js';
import { opening, stateAfter } from '../support/fake-world.js';
import { openApp, until } from './app-rig.js';

/** The numbers that stand before the scenarios are keys. */

const option = (id: string, title: string): TriageView['options'][number] => ({
  id,
  title,
  when: 'always',
  recommended: id === 'full-restore',
});

const TRIAGE: TriageView = {
  word: 'DATA DAMAGED',
  healthy: false,
  evidence: [],
  unknown: [],
  options: [
    option('single-node', 'Single server'),
    option('quorum-loss', 'Quorum loss'),
    option('full-restore', 'Full'),
  ],
};

function open() {
  const chooseScenario = vi.fn((_id: string): string | undefined => undefined);
  const app = openApp({ chooseScenario });
  app.store.setState({ triage: TRIAGE });
  return { ...app, chooseScenario };
}

test('a digit chooses the scenario that stands behind it, wherever the focus is', async () => {
  const { press, waitFor, chooseScenario } = open();
  await waitFor('2  Quorum loss');
  press('\t');
  press('2');
  await until(() => chooseScenario.mock.calls.length === 1, 'the choice');
  expect(chooseScenario).toHaveBeenCalledWith('quorum-loss');
});

test('a digit behind which nothing stands does nothing', async () => {
  const { press, waitFor, sees, chooseScenario } = open();
  await waitFor('3  Full');
  press('7');
  press('2');
  await until(() => chooseScenario.mock.calls.length === 1, 'the choice that is there');
  expect(chooseScenario).not.toHaveBeenCalledWith(undefined);
  expect(sees('Quorum loss')).toBe(true);
});

test('once the plan has begun, digits are the panes, and the tabs say so', async () => {
  const { press, store, waitFor, sees, chooseScenario } = open();
  await waitFor('1  Single server');
  expect(sees('5 journal')).toBe(false);
  const events: readonly Payload[] = [opening, { type: 'plan-begun' }];
  store.setState({
    incident: stateAfter(events.map((one, at) => ({ ...one, seq: at + 1, at: '2026-11-22T03:14:00.000Z', mono: at }))),
  });
  await waitFor('5 journal');
  press('5');
  await waitFor('Journal');
  expect(chooseScenario).not.toHaveBeenCalled();
});
