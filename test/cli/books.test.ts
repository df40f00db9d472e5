import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DrillBook, type DrillEntry, drillEntry } from '../../src/cli/drill-book.js';
import { JsonBook } from '../../src/cli/json-book.js';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import { scoreOf, scoreText } from '../../src/incident/score.js';
import { opening } from '../support/fake-world.js';

const folder = mkdtempSync(join(tmpdir(), 'blackstart-books-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a small book', () => {
  const schema = z.object({ id: z.number() });
  test('newest first, the oldest fall out, replaced ones go, for the owner only', () => {
    const file = join(folder, 'deep', 'list.json');
    const book = new JsonBook(file, schema, 3);
    for (const id of [1, 2, 3, 4]) expect(book.add({ id })).toBe(true);
    expect(book.all()).toEqual([{ id: 4 }, { id: 3 }, { id: 2 }]);
    book.add({ id: 3 }, (other) => other.id === 3);
    expect(book.all()).toEqual([{ id: 3 }, { id: 4 }, { id: 2 }]);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  test('one broken entry does not cost the others, a broken file costs nothing but the memory', () => {
    const file = join(folder, 'broken.json');
    writeFileSync(file, JSON.stringify([{ id: 1 }, { id: 'x' }, { id: 2 }]));
    expect(new JsonBook(file, schema, 9).all()).toEqual([{ id: 1 }, { id: 2 }]);
    writeFileSync(file, '{');
    const book = new JsonBook(file, schema, 9);
    expect(book.all()).toEqual([]);
    expect(book.add({ id: 7 })).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([{ id: 7 }]);
  });
});

const at = (seconds: number): string => new Date(1_795_000_000_000 + seconds * 1000).toISOString();
const events = (...payloads: readonly (readonly [number, Payload])[]): IncidentEvent[] =>
  [[0, opening] as const, ...payloads].map(
    ([seconds, payload], index) => ({ seq: index + 1, at: at(seconds), mono: 0, ...payload }) as IncidentEvent,
  );
const step = (id: string, attempt = 1): Payload => ({
  type: 'step-begun',
  step: id,
  host: 'a',
  attempt,
  gated: false,
  learned: {},
});
const done = (id: string): Payload => ({
  type: 'step-ended',
  step: id,
  host: 'a',
  attempt: 1,
  outcome: 'done',
  evidence: [],
  learned: {},
});
const gate = (answer: 'confirmed' | 'cancelled' | 'changed'): Payload => ({
  type: 'gate-answered',
  gate: 'go',
  answer,
  hosts: ['a'],
  facts: [],
});
const scenario = (id: string): Payload => ({ type: 'scenario-chosen', scenario: id });

describe('a drill that was played', () => {
  const played = events(
    [5, scenario('quorum-loss')],
    [9, scenario('full-restore')],
    [60, { type: 'plan-begun' }],
    [61, gate('cancelled')],
    [70, gate('changed')],
    [75, gate('confirmed')],
    [80, step('stop')],
    [85, done('stop')],
    [86, step('reset')],
    [90, step('reset', 2)],
    [100, done('reset')],
    [120, { type: 'run-ended', outcome: 'recovered', summary: '' }],
  );

  test('its score: detours and gates left cost, being asked again does not', () => {
    expect(scoreOf(played)).toEqual({
      gates: { confirmed: 1, cancelled: 1, changed: 1 },
      retries: 1,
      skips: 0,
      undone: false,
      detours: 1,
      secondsToBegin: 60,
      points: 75,
    });
    expect(scoreText(scoreOf(played))).toBe(
      'score 75 of 100: 1 gates, 1 read and left, 1 steps tried again, 1 other scenarios chosen first, 60 s until the plan began',
    );
  });

  test('becomes an entry with the time of each step', () => {
    const entry = drillEntry(played, { seed: 4, faults: ['dead-server'], auto: false, speed: 1 });
    expect(entry).toMatchObject({
      scenario: 'full-restore',
      recovered: true,
      seconds: 60,
      steps: { stop: 5, reset: 10 },
    });
    expect(drillEntry(events([1, scenario('x')]), { seed: 1, faults: [], auto: false, speed: 1 })).toBeUndefined();
  });

  test('estimates are the median of recovered drills at real speed', () => {
    const book = new DrillBook(folder);
    const entry = drillEntry(played, { seed: 4, faults: [], auto: true, speed: 1 }) as DrillEntry;
    for (const [index, seconds] of [5, 7, 90].entries())
      book.add({ ...entry, run: `r${index}`, steps: { stop: seconds } });
    book.add({ ...entry, run: 'fast', speed: 20, steps: { stop: 0.1 } });
    book.add({ ...entry, run: 'failed', recovered: false, steps: { stop: 0.1 } });
    expect(book.estimates('full-restore')).toEqual(new Map([['stop', 7]]));
    expect(book.estimates('other')).toEqual(new Map());
  });
});
