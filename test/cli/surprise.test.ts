import { expect, test } from 'vitest';
import { surpriseOf, toldAtTheEnd } from '../../src/cli/surprise.js';
import { FAULTS } from '../../src/practice/faults.js';

test('a seed gives the same surprise again, of faults that exist; neighbours differ', () => {
  const all = Array.from({ length: 500 }, (_, seed) => surpriseOf(seed));
  expect(all).toEqual(Array.from({ length: 500 }, (_, seed) => surpriseOf(seed)));
  const known = new Set<string>(FAULTS.map((fault) => fault.name));
  for (const name of all.flat()) expect(known.has(name), name).toBe(true);
  expect(new Set(all.map((one) => one.join())).size).toBeGreaterThan(30);
});

test('what it was is told with what that means', () => {
  expect(toldAtTheEnd([])).toMatch(/all three servers/);
  expect(toldAtTheEnd(['dead-server', 'slow-disk'])).toMatch(/^dead-server \(.+\) and slow-disk \(.+\)$/);
});
