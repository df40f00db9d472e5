import { expect, test } from 'vitest';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import { opening } from '../support/fake-world.js';

const at = { step: 'reset', host: 'a', attempt: 1 };
const command = { kind: 'exec', host: 'a', argv: ['reset'], root: true, again: 'never' } as const;

/** A journal that ends with the announcement of a command. */
const events = (resumed: Payload): IncidentEvent[] =>
  (
    [
      opening,
      { type: 'step-begun', ...at, gated: true, learned: {} },
      { type: 'announced', ...at, index: 0, command },
      resumed,
    ] as Payload[]
  ).map(
    (payload, index) => ({ seq: index + 1, at: '2026-11-22T03:14:00.000Z', mono: index, ...payload }) as IncidentEvent,
  );

const resumed = { type: 'run-resumed', operator: 'o', machine: 'm', version: '0' } as const;

test('announced and no more: our own record knows that it was not sent', () => {
  const cell = foldAll(events(resumed))?.cells['reset@a'];
  expect(cell).toMatchObject({ status: 'begun', sent: [] });
  expect(cell?.announced).toBeUndefined();
});

test('announced and no more, read on a server by whoever takes over: it may have been sent', () => {
  const cell = foldAll(events({ ...resumed, tookOver: true }))?.cells['reset@a'];
  expect(cell).toMatchObject({ status: 'running', sent: [{ index: 0, command }] });
  expect(cell?.sent[0]?.returned).toBeUndefined();
});
