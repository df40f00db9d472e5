import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { foldAll } from '../../src/incident/fold.js';
import type { IncidentState } from '../../src/incident/state.js';
import { CHAIN_START, linkHash, type Row } from '../../src/record/chain.js';
import { readCheckpoint, writeCheckpoint } from '../../src/record/checkpoint.js';
import { RunRecord } from '../../src/record/record.js';
import { importRun, readRun, rowsAfter, stateOf, unfinishedRun } from '../../src/record/runs.js';
import { longRun } from '../support/long-run.mjs';

/** A long record is opened from its checkpoint; what that says is never believed for long. */

const folder = mkdtempSync(join(tmpdir(), 'blackstart-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROUNDS = 5;
const written = join(folder, 'written.db');
const file = join(folder, 'runs', 'copy.db');
const clock = new VirtualClock();

/** Makes the checkpoint by opening once: imported all at once, which is quicker than one event after the other. */
beforeAll(() => {
  const rows: Row[] = [];
  let head = CHAIN_START;
  for (const payload of longRun(ROUNDS)) {
    const seq = rows.length + 1;
    const body = JSON.stringify({ seq, at: new Date(clock.now() + seq).toISOString(), mono: seq, ...payload });
    head = linkHash(head, seq, body);
    rows.push({ seq, body, hash: head });
  }
  importRun(written, rows);
  RunRecord.open(written, clock).close();
});

beforeEach(() => {
  rmSync(join(folder, 'runs'), { recursive: true, force: true });
  importRun(file, []);
  for (const suffix of ['', '-fold']) copyFileSync(written + suffix, file + suffix);
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
});

const entries = (): number => readRun(written).events.length;

function change(sql: string, ...values: readonly unknown[]): void {
  const db = new Database(file);
  db.prepare(sql).run(...values);
  db.close();
}

/** Opens, walks the chain behind it, closes. */
async function opened(): Promise<{
  state: IncidentState | undefined;
  atOnce: string | undefined;
  later: string | undefined;
}> {
  const record = RunRecord.open(file, clock);
  const { state, trouble: atOnce } = record;
  await record.verify();
  const later = record.trouble;
  record.close();
  return { state, atOnce, later };
}

test('is there, private, and the state is that of the whole record', async () => {
  expect(entries()).toBeGreaterThan(2_000);
  expect(statSync(`${file}-fold`).mode & 0o077).toBe(0);
  const whole = foldAll(readRun(file).events);
  expect(stateOf({ id: 'copy', path: file })).toEqual(whole);
  expect(await opened()).toEqual({ state: whole, atOnce: undefined, later: undefined });
  expect(unfinishedRun(folder, 'practice')?.state).toEqual(whole);
});

test('opening reads only what came after it: nothing before is even parsed', () => {
  const whole = foldAll(readRun(file).events);
  change("UPDATE event SET body = 'nothing' WHERE seq BETWEEN 2 AND 2000");
  const record = RunRecord.open(file, clock);
  expect(record.state).toEqual(whole);
  record.close();
});

test('is made anew every thousand events, and what came after it is folded onto it', async () => {
  const record = RunRecord.open(file, clock);
  const before = readFileSync(`${file}-fold`, 'utf8');
  for (let index = 0; index < 1_100; index++) record.append({ type: 'paused', on: index % 2 === 0 });
  record.append({ type: 'paused', on: true });
  record.close();
  expect(readFileSync(`${file}-fold`, 'utf8')).not.toBe(before);
  const { state, later } = await opened();
  expect(state?.paused).toBe(true);
  expect(state).toEqual(foldAll(readRun(file).events));
  expect(later).toBeUndefined();
});

describe('what is damaged before it', () => {
  test('is found by `audit verify` at once, and behind the open console soon after', async () => {
    const length = rowsAfter(file, 0).length;
    for (const seq of [1, 2, 777, length - 1]) {
      copyFileSync(written, file);
      change('UPDATE event SET body = replace(body, \'"mono"\', \'"nomo"\') WHERE seq = ?', seq);
      expect(readRun(file).chain).toMatchObject({ ok: false, seq });
      copyFileSync(`${written}-fold`, `${file}-fold`);
      const { atOnce, later } = await opened();
      expect(atOnce).toBeUndefined();
      expect(later).toBe(`Entry ${seq} of the record does not hold: this entry was changed.`);
      // The next start reads it whole.
      expect(existsSync(`${file}-fold`)).toBe(false);
      expect((await opened()).atOnce).toContain(`Entry ${seq} `);
    }
  });

  test('is found where entries are missing', async () => {
    change('DELETE FROM event WHERE seq BETWEEN 500 AND 900');
    expect(readRun(file).chain).toMatchObject({ ok: false, seq: 500 });
    expect((await opened()).later).toBe('Entry 500 of the record does not hold: this entry is missing.');
  });
});

describe('a checkpoint that is not right', () => {
  test('with any byte flipped: it is passed over, the record is read whole', async () => {
    const good = readFileSync(`${written}-fold`);
    const hashAt = (): string => readRun(written).events.length.toString();
    const last = new Database(written, { readonly: true });
    const hash = last.prepare<[number], { hash: string }>('SELECT hash FROM event WHERE seq = ?');
    const rowHash = (seq: number): string | undefined => hash.get(seq)?.hash;
    expect(readCheckpoint(file, rowHash)).toBeDefined();
    expect(readCheckpoint(file, hashAt)).toBeUndefined();
    const stride = Math.max(1, Math.floor(good.length / 2_000));
    let tried = 0;
    // The last byte is the end of the line.
    for (let at = 0; at < good.length - 1; at += stride) {
      const flipped = Buffer.from(good);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      writeFileSync(`${file}-fold`, flipped);
      expect(readCheckpoint(file, rowHash), `byte ${at}`).toBeUndefined();
      tried += 1;
    }
    last.close();
    expect(tried).toBeGreaterThanOrEqual(2_000);
    expect((await opened()).state).toEqual(foldAll(readRun(file).events));
  });

  test('of another record: passed over', () => {
    const other = join(folder, 'runs', 'other.db');
    const record = RunRecord.open(other, clock);
    for (const payload of longRun(1)) record.append(payload);
    record.close();
    copyFileSync(`${file}-fold`, `${other}-fold`);
    expect(stateOf({ id: 'other', path: other })).toEqual(foldAll(readRun(other).events));
  });

  test('that says what the entries do not: found behind the open console, removed, and read anew at the next start', async () => {
    const whole = foldAll(readRun(file).events);
    const { length } = rowsAfter(file, 0);
    const head = readRun(file).chain;
    if (whole === undefined || !head.ok) throw new Error('it holds');
    writeCheckpoint(file, { seq: length, head: head.head, state: { ...whole, paused: !whole.paused } });
    const { state, atOnce, later } = await opened();
    expect(state?.paused).toBe(!whole.paused);
    expect(atOnce).toBeUndefined();
    expect(later).toMatch(/does not say what its checkpoint said/);
    expect(existsSync(`${file}-fold`)).toBe(false);
    expect((await opened()).state).toEqual(whole);
  });
});
