import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnyEvent } from '../../src/incident/event.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { excerptsOf, failureWindows, wholeRun } from '../../src/journal/excerpts.js';
import { JournalSpool, readSpool, removeJournals, spooled } from '../../src/journal/spool.js';

let folder: string;
let directory: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blackstart-spool-'));
  directory = join(folder, 'r1.journal');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const START = Date.UTC(2026, 10, 22, 3, 0);
const line = (id: number, text: string, more: Partial<JournalLine> = {}): JournalLine => ({
  id,
  at: START + id,
  host: 'a',
  unit: 'k3s',
  severity: 'info',
  text,
  symptoms: [],
  ...more,
});
const never = (text: string): void => expect.unreachable(text);
const anyDisk = { free: 0 };

async function texts(): Promise<string[]> {
  const read: string[] = [];
  for await (const one of readSpool(directory)) read.push(one.text);
  return read;
}

async function written(...batches: (readonly JournalLine[])[]): Promise<void> {
  const spool = new JournalSpool(directory, never, anyDisk);
  for (const batch of batches) spool.add(batch);
  await spool.close();
}

describe('the journal spool', () => {
  test('gives back what it was given, with fields and symptoms, private to its owner', async () => {
    const first = line(0, 'größer ⏎ <b>', { symptoms: ['x'], fields: { key: 'value' }, severity: 'error' });
    await written([first], [line(1, 'two')]);
    const read: JournalLine[] = [];
    for await (const one of readSpool(directory)) read.push(one);
    expect(read).toEqual([first, line(1, 'two')]);
    const [piece = ''] = spooled(directory).pieces;
    expect(statSync(piece).mode & 0o077).toBe(0);
    expect(statSync(directory).mode & 0o077).toBe(0);
    expect(gunzipSync(readFileSync(piece)).toString().split('\n')).toHaveLength(3);
  });

  test('lines are written together while it goes on, not only at the end', async () => {
    const spool = new JournalSpool(directory, never, { ...anyDisk, waitMs: 5 });
    spool.add([line(0, 'soon')]);
    await expect.poll(texts, { timeout: 20_000 }).toEqual(['soon']);
    await spool.close();
  });

  test.each([
    ['cut off', (path: string) => truncateSync(path, statSync(path).size - 3)],
    ['followed by nonsense', (path: string) => appendFileSync(path, 'no gzip at all')],
  ])('a piece whose end is %s: the lines before are read, and what the next console wrote', async (_how, tear) => {
    const noise = (id: number): JournalLine => line(id, randomBytes(500).toString('hex'));
    await written([line(0, 'one'), ...Array.from({ length: 40 }, (_, id) => noise(id))]);
    const [piece = ''] = spooled(directory).pieces;
    const whole = readFileSync(piece);
    await written([line(1, 'torn')]);
    // A kill tears the last batch of a piece.
    const last = spooled(directory).pieces[1] ?? '';
    writeFileSync(piece, Buffer.concat([whole, readFileSync(last)]));
    rmSync(last);
    tear(piece);
    await written([line(2, 'after')]);
    const read = await texts();
    expect(read[0]).toBe('one');
    expect(read.length).toBeGreaterThan(30);
    expect(read.at(-1)).toBe('after');
  });

  test('what a console that goes on asks for again is there once; what repeats by itself stays', async () => {
    const backlog = [line(0, 'one'), line(1, 'two'), line(1, 'two')];
    await written(backlog);
    await written([...backlog, line(2, 'three')]);
    expect(await texts()).toEqual(['one', 'two', 'two', 'three']);
  });

  test('keeps within its bound: the first and the latest stay, and it is known that some gave way', async () => {
    const random = (): string => Array.from({ length: 400 }, () => Math.random().toString(36)).join('');
    const spool = new JournalSpool(directory, never, { ...anyDisk, piece: 10_000, most: 50_000, waitMs: 0 });
    for (let id = 0; id < 40; id++) {
      spool.add([line(id, `${id} ${random()}`)]);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await spool.close();
    const { pieces, missing } = spooled(directory);
    const bytes = pieces.reduce((sum, path) => sum + statSync(path).size, 0);
    expect(bytes).toBeLessThanOrEqual(50_000);
    expect(missing).toBeGreaterThan(0);
    const read = await texts();
    expect(read[0]?.startsWith('0 ')).toBe(true);
    expect(read.at(-1)?.startsWith('39 ')).toBe(true);
  });

  test('a disk that is full, or a place where nothing can be written: said once, and nothing else stands still', async () => {
    const said: string[] = [];
    const full = new JournalSpool(directory, (text) => said.push(text), { free: Number.MAX_SAFE_INTEGER });
    full.add([line(0, 'one')]);
    await full.close();
    writeFileSync(join(folder, 'file'), '');
    const nowhere = new JournalSpool(join(folder, 'file', 'x'), (text) => said.push(text), anyDisk);
    nowhere.add([line(0, 'one')]);
    nowhere.add([line(1, 'two')]);
    await nowhere.close();
    expect(said).toEqual([expect.stringMatching(/disk is nearly full/), expect.stringMatching(/ENOTDIR/)]);
    expect(await texts()).toEqual([]);
  });

  test('is removed whole; none is no reason to fail', async () => {
    await written([line(0, 'one')]);
    removeJournals(directory);
    removeJournals(directory);
    expect(readdirSync(folder)).toEqual([]);
    expect(await texts()).toEqual([]);
  });
});

describe('excerpts', () => {
  const at = (second: number): string => new Date(START + second * 1000).toISOString();
  const events = [
    { seq: 1, at: at(10), mono: 0, type: 'step-begun', step: 'reset', host: 'a' },
    { seq: 2, at: at(20), mono: 0, type: 'step-ended', step: 'reset', host: 'a', outcome: 'failed' },
    { seq: 3, at: at(30), mono: 0, type: 'step-begun', step: 'compare', host: 'here' },
    { seq: 4, at: at(40), mono: 0, type: 'step-ended', step: 'compare', host: 'here', outcome: 'doubt' },
    { seq: 5, at: at(50), mono: 0, type: 'step-ended', step: 'other', host: 'b', outcome: 'done' },
  ] as unknown as AnyEvent[];
  const said = async function* (lines: readonly JournalLine[]): AsyncGenerator<JournalLine> {
    yield* lines;
  };
  const second = (id: number, when: number, text: string, more: Partial<JournalLine> = {}): JournalLine =>
    line(id, text, { at: START + when * 1000, ...more });

  test('hold what the host said while the step that failed was at work, by our clock; of no host, what all said', async () => {
    const lines = [
      second(0, 5, 'before'),
      second(1, 15, 'during', { severity: 'error', symptoms: ['no-leader'] }),
      second(2, 24, 'a little after'),
      second(3, 15, 'of another', { host: 'b' }),
      // The clock of b is 100 s ahead.
      second(4, 135, 'of b', { host: 'b' }),
    ];
    const found = await excerptsOf(failureWindows(events), said(lines), { b: 100_000 });
    expect(found.map((one) => one.title)).toEqual([
      'a, reset failed at 03:00:20Z',
      'here, compare in doubt at 03:00:40Z',
    ]);
    expect(found[0]?.lines).toEqual([
      '2026-11-22T03:00:15.000Z a k3s error during [no-leader]',
      '2026-11-22T03:00:24.000Z a k3s info a little after',
    ]);
    expect(found[1]?.lines).toEqual(['2026-11-22T03:00:35.000Z b k3s info of b']);
  });

  test('are bounded, and errors outlive chatter', async () => {
    const lines = Array.from({ length: 5_000 }, (_, id) =>
      second(id, 12, `chatter ${id}`, id === 100 ? { severity: 'error' } : {}),
    );
    const [one] = await excerptsOf(wholeRun(['a']), said(lines), {});
    expect(one?.lines.length).toBeLessThan(60);
    expect(one?.lines[0]).toMatch(/chatter 100$/);
    expect(await excerptsOf(failureWindows([]), said(lines), {})).toEqual([]);
  });
});
