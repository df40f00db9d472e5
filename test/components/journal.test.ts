import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { filterText, lineTest, parseFilter } from '../../components/journal/filter.js';
import { locate, nextMatch, nextRow } from '../../components/journal/find.js';
import { cursorOf, foldLines, journalRows } from '../../components/journal/rows.js';
import { lineText, lineWidth } from '../../components/line.js';
import { journalLines, journalTitle } from '../../components/panes/journal.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { initialView, type JournalFilter, noFilter } from '../../src/store/view.js';

let id = 0;
const line = (text: string, more: Partial<JournalLine> = {}): JournalLine => ({
  id: id++,
  at: 1_795_000_000_000 + id * 10,
  host: 'cp1',
  unit: 'k3s',
  severity: 'info',
  text,
  symptoms: [],
  ...more,
});

const texts = (filter: string, lines: readonly JournalLine[]): string[] => {
  const parsed = parseFilter(filter);
  if (typeof parsed === 'string') throw new Error(parsed);
  return lineTest(parsed)
    .shown(lines)
    .map((one) => one.text);
};

describe('which lines are shown', () => {
  const lines = [
    line('etcd has no leader', { severity: 'error' }),
    line('Failed to test etcd connection', { severity: 'warning', host: 'cp2' }),
    line('Starting k3s', { host: 'w1', unit: 'k3s-agent' }),
    line('compacted', { severity: 'debug' }),
    line('restored snapshot', { unit: 'blackstart-20261122-0314-7f3a-reset-cp1-1' }),
  ];
  test.each([
    ['', ['etcd has no leader', 'Failed to test etcd connection', 'Starting k3s', 'restored snapshot']],
    ['level:debug', lines.map((one) => one.text)],
    ['level:warn', ['etcd has no leader', 'Failed to test etcd connection']],
    ['node:cp2,w1', ['Failed to test etcd connection', 'Starting k3s']],
    ['unit:k3s-agent', ['Starting k3s']],
    ['unit:reset', ['restored snapshot']],
    ['ETCD -leader', ['Failed to test etcd connection']],
    ['"no leader"', ['etcd has no leader']],
    ['/^(start|rest)/', ['Starting k3s', 'restored snapshot']],
    ['node:cp1 /k3s|leader/', ['etcd has no leader']],
  ])('%s', (filter, expected) => {
    expect(texts(filter, lines)).toEqual(expected);
  });

  test.each([
    ['/(/', /no regular expression/],
    ['level:loud', /There is no level loud/],
    ['node:', /needs a name/],
    ['/a/ /b/', /One regular expression/],
  ])('what cannot be a filter says why: %s', (filter, why) => {
    expect(parseFilter(filter)).toMatch(why);
  });

  test('is written back as it would be typed', () => {
    const word = fc.stringMatching(/^[a-z0-9.]{1,8}( [a-z0-9]{1,4})?$/);
    const some = fc.array(fc.stringMatching(/^[a-z0-9.]{1,8}$/), { maxLength: 3 });
    const filters: fc.Arbitrary<JournalFilter> = fc.record(
      {
        level: fc.constantFrom('debug', 'info', 'warning', 'error'),
        hosts: some,
        units: some,
        words: fc.array(word, { maxLength: 3 }),
        without: fc.array(word, { maxLength: 3 }),
        pattern: fc.stringMatching(/^[a-z]{1,5}(\|[a-z ]{1,5})?$/),
      },
      { requiredKeys: ['level', 'hosts', 'units', 'words', 'without'] },
    );
    fc.assert(
      fc.property(filters, (filter) => {
        expect(parseFilter(filterText(filter))).toEqual(filter);
      }),
    );
  });

  test('an expression that would run for years is given up, and nothing is hidden by it', () => {
    const hostile = [line(`${'a'.repeat(60)}!`), line('b')];
    const filter: JournalFilter = { ...noFilter, pattern: '^(a+)+$' };
    const tried = lineTest(filter);
    expect(tried.shown(hostile)).toEqual(hostile);
    expect(tried.problem).toMatch(/takes too long/);
    expect(locate('/^(a+)+$/', [hostile[0]?.text ?? ''])).toMatch(/takes too long/);
  });
});

describe('repeated lines', () => {
  test('are folded with a count where only numbers differ, also between those of other hosts', () => {
    const rows = foldLines([
      line('dial tcp 10.0.1.11:2380: refused after 1.5s, attempt 10412'),
      line('Waiting for etcd', { host: 'cp2' }),
      line('dial tcp 10.0.1.11:2380: refused after 12ms, attempt 10413'),
      line('Waiting for etcd', { host: 'cp2' }),
    ]);
    expect(rows.map(({ line: one, count }) => [one.host, count])).toEqual([
      ['cp1', 2],
      ['cp2', 2],
    ]);
    expect(rows[0]?.line.text).toMatch(/10413/);
  });

  test.each([
    ['another host', { host: 'cp2' }, 'peer lost'],
    ['another unit', { unit: 'k3s-agent' }, 'peer lost'],
    ['another severity', { severity: 'error' }, 'peer lost'],
    ['another address', {}, 'peer 10.0.1.12 lost'],
    ['another name', {}, 'peer cp3 lost'],
  ] as const)('%s is another line', (_what, more, text) => {
    expect(
      foldLines([line('peer lost'), line('peer 10.0.1.11 lost'), line('peer cp1 lost'), line(text, more)]),
    ).toHaveLength(4);
  });

  test('are the same rows whether the lines came bit by bit, with old ones dropped, or all at once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(4), fc.nat(200)), { maxLength: 12 }), { maxLength: 12 }),
        fc.nat(20),
        (batches, kept) => {
          let ring: JournalLine[] = [];
          for (const batch of batches) {
            const added = batch.map(([what, late]) => line(`said ${what}`, { at: 1_795_000_000_000 + id * 10 - late }));
            ring = [...ring, ...added].sort((a, b) => a.at - b.at || a.id - b.id).slice(-(kept + 5));
            const counted = (lines: readonly JournalLine[]) =>
              foldLines(lines).map((row) => [row.first.id, row.line.id, row.count]);
            const bit = counted(ring);
            expect(bit).toEqual(counted(ring.map((one) => ({ ...one }))));
          }
        },
      ),
    );
  });

  test('the stacks of a Go program that died are one row; what is said around them is not', () => {
    const rows = foldLines(
      [
        'fatal error: fault',
        'goroutine 1 gp=0x36e6d07d01e0 m=nil [select]:',
        'runtime.gopark(0x36e6d1a6ced0?, 0x2?, 0x70?)',
        '  /usr/local/go/src/runtime/asm_amd64.s:1771 +0x1 fp=0x36',
        'go.etcd.io/bbolt.(*Tx).forEachPage(0x36, {0x3f, 0x12})',
        '    /go/pkg/mod/go.etcd.io/bbolt@v1.4.3/tx.go:638 +0x7a',
        'created by go.etcd.io/etcd/server/v3/storage.OpenBackend in goroutine 1',
        'k3s.service: Main process exited, code=exited, status=2/INVALIDARGUMENT',
        'Failed to reconcile (will retry)',
      ].map((text) => line(text)),
    );
    expect(rows.map((row) => row.count)).toEqual([1, 6, 1, 1]);
  });

  test('none is lost: the counts sum up to the lines', () => {
    const some = fc.array(
      fc.record({ text: fc.constantFrom('a', 'b', 'c 1234', 'c 9876'), host: fc.constantFrom('x', 'y') }),
    );
    fc.assert(
      fc.property(some, (all) => {
        const rows = foldLines(all.map(({ text, host }) => line(text, { host })));
        expect(rows.reduce((sum, row) => sum + row.count, 0)).toBe(all.length);
      }),
    );
  });
});

describe('searching', () => {
  const lines = ['one etcd', 'two', 'three etcd', 'four'].map((text) => line(text));
  const rows = foldLines(lines);
  test.each([
    [3, -1, { index: 2, wrapped: false }],
    [2, -1, { index: 0, wrapped: false }],
    [0, -1, { index: 2, wrapped: true }],
    [2, 1, { index: 0, wrapped: true }],
    [0, 1, { index: 2, wrapped: false }],
  ] as const)('from row %i in direction %i', (from, direction, expected) => {
    expect(nextMatch(rows, 'ETCD', from, direction)).toEqual(expected);
    expect(nextMatch(rows, '/e.cd$/', from, direction)).toEqual(expected);
  });
  test('nothing to find, and nothing at all', () => {
    expect(nextMatch(rows, 'nowhere', 0, 1)).toBeUndefined();
    expect(nextRow([], 0, 1, () => true)).toBeUndefined();
  });
});

describe('the pane', () => {
  const view = initialView.journal;
  test('stays at its line while more come in, and follows again at the end', () => {
    const lines = Array.from({ length: 50 }, (_, index) =>
      line(`word${'x'.repeat(index % 7)} ${String.fromCharCode(97 + (index % 26))} end`),
    );
    const standing = { ...view, at: lines[20]?.id };
    const before = journalLines(lines, standing, 100, 11, true).map(lineText);
    const after = journalLines(
      [...lines, ...Array.from({ length: 30 }, (_, at) => line(`new ${'y'.repeat(at)}`))],
      standing,
      100,
      11,
      true,
    );
    expect(after.map(lineText)).toEqual(before);
    expect(journalTitle(lines, standing)).toMatch(/still 21\/50/);
    expect(journalTitle(lines, view)).toMatch(/following/);
  });

  test('a cursor on a line that is filtered out stands at what came next', () => {
    const lines = [line('a'), line('b', { severity: 'debug' }), line('c')];
    const { rows } = journalRows(lines, noFilter);
    expect(cursorOf(rows, { ...view, at: lines[1]?.id }, lines)).toBe(1);
    expect(cursorOf(rows, { ...view, at: -1 }, lines)).toBe(0);
  });

  test('every line has the width of the pane, whatever it holds', () => {
    const lines = fc.array(
      fc.record({ text: fc.string({ unit: 'grapheme' }), search: fc.constantFrom('', 'a', '/./', '/(/') }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(lines, fc.integer({ min: 40, max: 160 }), (all, width) => {
        const drawn = journalLines(
          all.map(({ text }) => line(text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ''))),
          { ...view, search: all[0]?.search ?? '' },
          width,
          10,
          true,
        );
        for (const one of drawn) expect(lineWidth(one)).toBe(width);
      }),
    );
  });
});
