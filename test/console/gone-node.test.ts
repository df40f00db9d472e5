import { expect, test } from 'vitest';
import { beginFullRestore, passGate, sitDown } from './driver.js';

/** A Node without a machine behind it, seen and deleted by keypresses alone. */
test('a Node of a machine that is gone is offered while the plan runs, and deleted behind its own gate', async () => {
  const person = sitDown(['drill', '--fault', 'gone-node', '--speed', '20']);
  await beginFullRestore(person);
  for (let gate = 0; gate < 4; gate++) {
    await passGate(person);
    await person.waitFor('GATE WAITS');
  }
  await person.pressUntil('d', /delete +behind a gate of its own: kubectl delete node node-9/);
  expect(person.screen().replace(/[│\s]+/g, ' ')).toMatch(
    /keep +as it is without a choice: node-9: not Ready, last heard of/,
  );
  person.press('\u001b[B');
  person.press('\r');
  expect(await passGate(person)).toBe('Delete the Nodes of machines that are gone');
  await person.waitFor('GATE WAITS');
  expect(await passGate(person)).toBe('Clean up');
  await person.waitFor('RECOVERED');
}, 300_000);
