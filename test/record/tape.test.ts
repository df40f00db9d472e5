import { expect, test } from 'vitest';
import type { AnyEvent } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import { eventText, Tape } from '../../src/record/tape.js';
import { opening } from '../support/fake-world.js';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 22, 3, 0) + second * 1000).toISOString();
const events = [
  { ...opening },
  { type: 'host-seen', host: 'a', facts: { reachable: true } },
  { type: 'step-begun', step: 'one', host: 'a', attempt: 1, gated: false, learned: {} },
  { type: 'step-ended', step: 'one', host: 'a', attempt: 1, outcome: 'failed', evidence: [], learned: {} },
  ...Array.from({ length: 300 }, (_, index) => ({ type: 'note', text: `note ${index}` })),
  { type: 'step-ended', step: 'one', host: 'a', attempt: 2, outcome: 'done', evidence: [], learned: {} },
  { type: 'a-newer-program-wrote-this' },
].map((one, index) => ({ seq: index + 1, at: at(index), mono: 0, ...one })) as AnyEvent[];

test('after any number of events it is as if only those had happened, in whatever order it is wound', () => {
  const tape = new Tape(events);
  for (const position of [306, 1, 64, 65, 128, 2, 300, 63, 5, 306]) {
    expect(tape.frame(position)?.state).toEqual(foldAll(events.slice(0, position)));
  }
  expect(tape.frame(0)).toBeUndefined();
  expect(tape.frame(1)?.seen).toEqual({});
  expect(tape.frame(200)?.seen).toEqual({ a: Date.parse(at(1)) });
});

test('what is added while it goes on is there, after what was wound already', () => {
  const tape = new Tape(events.slice(0, 100));
  expect(tape.frame(100)?.state.lastSeq).toBe(100);
  tape.add(events.slice(100));
  expect(tape.length).toBe(306);
  expect(tape.frame(306)?.state).toEqual(foldAll(events));
});

test('finds the next and the last of a kind; where there is none it stays', () => {
  const tape = new Tape(events);
  expect(tape.seek(1, 'failure', 1)).toBe(4);
  expect(tape.seek(4, 'failure', 1)).toBe(4);
  expect(tape.seek(306, 'step', -1)).toBe(305);
  expect(tape.seek(305, 'step', -1)).toBe(4);
  expect(tape.seek(1, 'event', -1)).toBe(1);
  expect(tape.seek(1, 'event', 1)).toBe(2);
  expect(eventText(events[3] as AnyEvent)).toBe('step-ended one a failed');
});
