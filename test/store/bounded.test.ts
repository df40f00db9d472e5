import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { fold } from '../../src/incident/fold.js';
import type { IncidentState } from '../../src/incident/state.js';
import { CHAIN_START, linkHash, type Row } from '../../src/record/chain.js';
import { RunRecord } from '../../src/record/record.js';
import { importRun } from '../../src/record/runs.js';
import { longRun } from '../support/long-run.mjs';

/** A day of an incident leaves no more in memory than its first hours (the list of commands is then as long as it gets): counted in values, since no test asserts bytes or times. */

const folder = mkdtempSync(join(tmpdir(), 'blackstart-bounded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Everything that can be reached, text by its length. */
function weight(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.entries(value).reduce((sum, [key, one]) => sum + key.length + weight(one), 1);
}

/** What people said is kept as long as it is shown: one line each. */
const withoutWords = ({ notes: _notes, ...state }: IncidentState): unknown => state;

test('the state after a hundred restores weighs what it does after eight', () => {
  const clock = new VirtualClock();
  let state: IncidentState | undefined;
  let seq = 0;
  let atEight: number | undefined;
  const perRestore = [...longRun(1)].length;
  for (const payload of longRun(100)) {
    seq += 1;
    state = fold(state, { seq, at: new Date(clock.now() + seq).toISOString(), mono: seq, ...payload });
    if (seq === perRestore * 8 && state !== undefined) atEight = weight(withoutWords(state));
  }
  if (state === undefined || atEight === undefined) throw new Error('nothing was opened');
  expect(seq).toBeGreaterThan(46_000);
  expect(state.commands).toHaveLength(400);
  expect(weight(withoutWords(state)) / atEight).toBeLessThan(1.02);
});

test('an open record holds its state and nothing of the events: a hundred restores weigh what eight do', () => {
  const weights = [8, 100].map((times) => {
    const path = join(folder, `${times}.db`);
    const rows: Row[] = [];
    let head = CHAIN_START;
    for (const payload of longRun(times)) {
      const seq = rows.length + 1;
      const body = JSON.stringify({ seq, at: new Date(seq).toISOString(), mono: seq, ...payload });
      head = linkHash(head, seq, body);
      rows.push({ seq, body, hash: head });
    }
    importRun(path, rows);
    const record = RunRecord.open(path, new VirtualClock());
    for (const payload of longRun(1)) if (payload.type !== 'run-opened') record.append(payload);
    // Nothing waits to be written.
    expect(record.trouble).toBeUndefined();
    expect(record.rowsAfter(rows.length + 400).length).toBeLessThan(100);
    const { state } = record;
    record.close();
    if (state === undefined) throw new Error('nothing was opened');
    return weight(withoutWords(state));
  });
  expect((weights[1] ?? 0) / (weights[0] ?? 1)).toBeLessThan(1.02);
});
