import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import type { Payload } from '../../src/incident/event.js';
import { journalLine, parseJournal } from '../../src/papers/read.js';
import { CHAIN_START, linkHash, type Row, verifyChain } from '../../src/record/chain.js';
import { eventsOf, RunRecord } from '../../src/record/record.js';
import { listRuns, newRunId, readAsFar, readRun, recordPath, unfinishedRun } from '../../src/record/runs.js';
import { opening } from '../support/fake-world.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blackstart-record-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clock = new VirtualClock();
const note = (text: string): Payload => ({ type: 'note', text });
const path = (name = 'r1'): string => recordPath(folder, name);

/** A closed record with an opening and some notes. */
function written(notes = 8, name = 'r1'): string {
  const record = RunRecord.open(path(name), clock);
  record.append({ ...opening, runId: name });
  for (let index = 0; index < notes; index++) record.append(note(`note ${index}`));
  record.close();
  return path(name);
}

function chain(bodies: readonly string[]): Row[] {
  let head = CHAIN_START;
  return bodies.map((body, index) => {
    head = linkHash(head, index + 1, body);
    return { seq: index + 1, body, hash: head };
  });
}

test('rows that lay where others can write: what controls a terminal is dropped from what they say, the chain is over what lies there', () => {
  const bodies = [
    {
      seq: 1,
      at: '2026-11-22T03:14:07Z',
      type: 'note',
      text: 'quiet\u001b[2J\u001b]0;owned\u0007 night\u202e',
      argv: ['sh', '-c', 'a\n\tb'],
    },
    { seq: 2, at: '2026-11-22T03:14:08Z', type: 'note', text: 'plain ✔ ü' },
  ].map((body) => JSON.stringify(body));
  const rows = chain(bodies);
  expect(eventsOf(rows)).toMatchObject([{ text: 'quiet night', argv: ['sh', '-c', 'a\n\tb'] }, { text: 'plain ✔ ü' }]);
  expect(verifyChain(rows, { events: 2, head: rows[1]?.hash ?? '' })).toMatchObject({ ok: true });
});

describe('the chain', () => {
  const rows = chain(['one', 'two', 'three', 'four']);
  const whole = { events: 4, head: rows[3]?.hash ?? '' };

  test('holds', () => expect(verifyChain(rows, whole)).toEqual({ ok: true, events: 4, head: whole.head }));

  test('names the entry that was changed, taken out, put in or moved', () => {
    const changed = rows.map((row) => (row.seq === 2 ? { ...row, body: 'TWO' } : row));
    expect(verifyChain(changed, whole)).toMatchObject({ ok: false, seq: 2 });
    const without = rows.filter((row) => row.seq !== 3);
    expect(verifyChain(without, whole)).toMatchObject({ ok: false, seq: 3, why: 'this entry is missing' });
    expect(verifyChain(chain(['one', 'two', 'extra', 'three', 'four']), whole)).toMatchObject({ ok: false });
    const [one, two, ...rest] = rows;
    const moved = [{ ...one, body: two?.body }, { ...two, body: one?.body }, ...rest] as Row[];
    expect(verifyChain(moved, whole)).toMatchObject({ ok: false, seq: 1 });
  });

  test('knows that its end is missing', () => {
    expect(verifyChain(rows.slice(0, 3), whole)).toMatchObject({ ok: false, seq: 4 });
    expect(verifyChain([], whole)).toMatchObject({ ok: false });
  });
});

describe('a record', () => {
  test('is read back as it was written, private to its owner', () => {
    const file = written(3);
    const { events, chain: verdict } = readRun(file);
    expect(events.map((event) => event.type)).toEqual(['run-opened', 'note', 'note', 'note']);
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4]);
    expect(verdict).toMatchObject({ ok: true, events: 4 });
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  test('an event is on disk before append returns: another reader sees it at once', () => {
    const record = RunRecord.open(path(), clock);
    record.append(opening);
    for (let index = 1; index <= 5; index++) {
      record.append(note(`n${index}`));
      expect(readRun(path()).events).toHaveLength(index + 1);
    }
    record.close();
  });

  test('goes on where it ended, in one chain', () => {
    written(2);
    const record = RunRecord.open(path(), clock);
    expect(record.state?.notes).toHaveLength(2);
    expect(record.append(note('later')).seq).toBe(4);
    record.close();
    expect(readRun(path()).chain).toMatchObject({ ok: true, events: 4 });
  });

  test('every entry that is changed, and every cut-off end, is found', () => {
    const file = written(4);
    const { events } = readRun(file);
    for (const { seq } of events) {
      for (const sql of [
        "UPDATE event SET body = replace(body, 'e', 'E') WHERE seq = ?",
        "UPDATE event SET hash = substr(hash, 2) || '0' WHERE seq = ?",
        'DELETE FROM event WHERE seq >= ?',
        'DELETE FROM event WHERE seq = ?',
      ]) {
        const copy = join(folder, 'copy.db');
        copyFileSync(file, copy);
        const db = new Database(copy);
        db.prepare(sql).run(seq);
        db.close();
        expect(readRun(copy).chain.ok, `${sql} ${seq}`).toBe(false);
        rmSync(copy);
      }
    }
  });

  test('any flipped byte is either found, or changes nothing that is kept', () => {
    const file = written(3);
    const intact = readRun(file);
    const bytes = readFileSync(file);
    const copy = join(folder, 'flipped.db');
    let found = 0;
    let harmless = 0;
    // A prime stride reaches every part of every page.
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0xff;
      writeFileSync(copy, flipped);
      try {
        const { events, chain: verdict } = readRun(copy);
        if (!verdict.ok) found += 1;
        else {
          harmless += 1;
          expect(events, `byte ${at}`).toEqual(intact.events);
        }
      } catch {
        found += 1;
      }
      for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true });
    }
    expect(found).toBeGreaterThan(50);
    expect(found + harmless).toBe(Math.ceil(bytes.length / 7));
  });
});

test('of a record cut off in the middle the entries before are read, and the first that is missing is named', () => {
  const file = written(400);
  const whole = readFileSync(file);
  writeFileSync(file, Buffer.concat([whole.subarray(0, 20_480), Buffer.alloc(whole.length - 20_480, 0xee)]));
  expect(() => readRun(file)).toThrow();
  const { events, chain: verdict } = readAsFar(file);
  expect(events.length).toBeGreaterThan(5);
  expect(events.length).toBeLessThan(400);
  expect(verdict).toMatchObject({ ok: false, seq: events.length + 1 });
  writeFileSync(file, 'no database at all');
  expect(() => readAsFar(file)).toThrow(/not a database/);
});

describe('every byte counts', () => {
  const entries = chain(Array.from({ length: 40 }, (_, at) => JSON.stringify({ seq: at + 1, text: `entry ${at} é` })));
  const whole = { events: entries.length, head: entries.at(-1)?.hash ?? '' };

  test('2,000 bytes of a journal, each flipped in turn: every one is found', () => {
    const bytes = Buffer.from(entries.map(journalLine).join(''));
    const from = Math.max(1, bytes.length - 2_000);
    let tried = 0;
    for (let at = from; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      const found = verifyChain(parseJournal(flipped.toString()), whole);
      expect(found.ok, `byte ${at}`).toBe(false);
      tried += 1;
    }
    expect(tried).toBeGreaterThan(1_990);
  });
});

/** A record that was opened, and can then be written no more. */
function unwritable(): { record: RunRecord; other: Database.Database } {
  const elsewhere = join(folder, 'elsewhere');
  const record = RunRecord.open(path(), clock, [join(folder, 'r1-is-no-folder\0'), elsewhere]);
  record.append(opening);
  const other = new Database(path());
  other.exec("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
  return { record, other };
}

describe('a record that is broken does not stand in the way', () => {
  test.each([
    ['overwritten with nonsense', () => Buffer.from('this is no database, not at all, not even by its first bytes')],
    ['cut off', (bytes: Buffer) => bytes.subarray(0, 5_000)],
    ['its first page torn', (bytes: Buffer) => Buffer.concat([Buffer.alloc(4096, 7), bytes.subarray(4096)])],
  ])('%s: it is set aside, said, and a new one begins', (_how, spoil) => {
    const file = written(20);
    writeFileSync(file, spoil(readFileSync(file)));
    const record = RunRecord.open(file, clock);
    expect(record.state).toBeUndefined();
    expect(record.trouble).toMatch(/damaged and lies aside/);
    expect(record.append(opening).seq).toBe(1);
    record.close();
    expect(readdirSync(join(folder, 'runs')).some((name) => name.includes('damaged'))).toBe(true);
    expect(readRun(file).chain.ok).toBe(true);
  });

  test('an entry that is no JSON any more: the rest is read, and it is said', () => {
    const file = written(3);
    const db = new Database(file);
    db.prepare("UPDATE event SET body = 'torn' WHERE seq = 3").run();
    db.close();
    const record = RunRecord.open(file, clock);
    expect(record.trouble).toBe('Entry 3 of the record does not hold: this entry was changed.');
    expect(readRun(file).events.map((event) => event.type)).toEqual(['run-opened', 'note', 'unreadable', 'note']);
    expect(record.state).toMatchObject({ unknown: 1, notes: [{ text: 'note 0' }, { text: 'note 2' }] });
    expect(() => record.append(note('it goes on'))).not.toThrow();
    record.close();
    expect(readRun(file).chain).toMatchObject({ ok: false, seq: 3 });
  });

  test('one that cannot be written any more: events stay in memory, it is said, and they are written when it works again', () => {
    const { record, other } = unwritable();
    expect(record.append(note('kept in memory')).seq).toBe(2);
    expect(record.append(note('this too')).seq).toBe(3);
    expect(record.trouble).toMatch(/2 events are not on disk.*disk is full.*they are in .*elsewhere/);
    // A second file holds the whole chain, and can be read by itself.
    const second = /they are in (.*)$/.exec(record.trouble ?? '')?.[1] ?? '';
    expect(readRun(second)).toMatchObject({ chain: { ok: true, events: 3 } });
    expect(record.wholeAt).toBe(second);
    other.exec('DROP TRIGGER full');
    other.close();
    record.append(note('works again'));
    expect(record.trouble ?? '').not.toMatch(/not on disk/);
    expect(record.wholeAt).toBe(path());
    record.close();
    expect(readRun(path()).chain).toMatchObject({ ok: true, events: 4 });
  });

  test('one that ends while it cannot be written still says where all of it is', () => {
    const { record, other } = unwritable();
    record.append(note('the last'));
    record.close();
    other.close();
    expect(record.trouble).toContain(`they are in ${record.wholeAt}`);
    expect(readRun(record.wholeAt)).toMatchObject({ chain: { ok: true, events: 2 } });
    expect(readRun(path()).events).toHaveLength(1);
  });
});

describe('runs', () => {
  test('the newest unfinished one of the cluster is gone on with; others are not', () => {
    const begin = (name: string, more: readonly Payload[], cluster = 'fake'): void => {
      const record = RunRecord.open(path(name), clock);
      record.append({ ...opening, runId: name, cluster: { ...opening.cluster, name: cluster } });
      for (const payload of more) record.append(payload);
      record.close();
    };
    const begun: Payload = { type: 'plan-begun' };
    begin('20261120-0000-0001', [begun]);
    begin('20261121-0000-0002', [begun]);
    begin('20261122-0000-0003', [begun, { type: 'run-ended', outcome: 'recovered', summary: '' }]);
    begin('20261123-0000-0004', []);
    begin('20261124-0000-0005', [begun], 'another');
    writeFileSync(path('20261125-0000-0006'), 'no database');
    chmodSync(path('20261125-0000-0006'), 0o600);
    expect(listRuns(folder)).toHaveLength(6);
    expect(unfinishedRun(folder, 'fake')?.id).toBe('20261121-0000-0002');
    expect(unfinishedRun(folder, 'nobody')).toBeUndefined();
  });

  test('of several that began in one minute the one made last comes first', async () => {
    for (const name of ['20261122-0314-bbbb', '20261122-0314-cccc', '20261122-0314-aaaa', '20261122-0313-ffff']) {
      written(1, name);
      // Files are told apart by the time they were made.
      const made = statSync(path(name)).birthtimeMs;
      await expect.poll(() => Date.now()).toBeGreaterThan(made + 1);
    }
    const order = listRuns(folder).map((run) => run.id.slice(-4));
    expect(order).toEqual(['aaaa', 'cccc', 'bbbb', 'ffff']);
  });

  test('ids sort by time and are safe as names', () => {
    const early = newRunId(Date.UTC(2026, 10, 22, 3, 14), () => 0);
    const late = newRunId(Date.UTC(2026, 10, 22, 3, 15), () => 0.999_999);
    expect(early < late).toBe(true);
    for (const id of [early, late]) expect(id).toMatch(/^\d{8}-\d{4}-[0-9a-f]{4}$/);
  });
});
