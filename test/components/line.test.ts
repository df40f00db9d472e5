import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import {
  cut,
  exactly,
  labelled,
  lineText,
  lineWidth,
  pad,
  seg,
  spread,
  widthOf,
  windowOf,
  wrap,
} from '../../components/line.js';

/** Text with everything that takes another width than it has characters. */
const text = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom('a', ' ', '日', '本', '🙂', '👩‍👩‍👧', 'e\u0301', '🇩🇪', '—', '…', 'W', '\u0301'), {
      maxLength: 30,
    })
    .map((parts) => parts.join('')),
);
const segments = fc.array(
  text.map((one) => seg(one)),
  { maxLength: 5 },
);
const width = fc.integer({ min: 0, max: 40 });

describe('text in columns', () => {
  test.each([
    ['abcdef', 4, 'abc…'],
    ['abcd', 4, 'abcd'],
    ['日本語', 4, '日…'],
    ['日本', 4, '日本'],
    ['🙂🙂🙂', 5, '🙂🙂…'],
    ['a👩‍👩‍👧b', 3, 'a…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
    ['', 3, ''],
  ])('cut(%j, %i)', (full, columns, short) => expect(cut(full, columns)).toBe(short));

  test('is never wider than its place, and says when something is missing', () => {
    fc.assert(
      fc.property(text, width, (full, columns) => {
        const short = cut(full, columns);
        expect(stringWidth(short)).toBeLessThanOrEqual(columns);
        if (short !== full && columns > 0) expect(short.endsWith('…')).toBe(true);
        expect(stringWidth(pad(full, columns))).toBe(columns);
      }),
      { numRuns: 1_000 },
    );
  });

  test('is measured as the library measures it, each character by itself and any of them together', () => {
    for (let code = 0x20; code < 0x3000; code++) {
      const one = String.fromCharCode(code);
      expect(widthOf(one), code.toString(16)).toBe(stringWidth(one));
    }
    fc.assert(
      fc.property(text, (full) => {
        expect(widthOf(full)).toBe(stringWidth(full));
      }),
      { numRuns: 1_000 },
    );
  });

  test('a line fills its width exactly, whatever its parts are', () => {
    fc.assert(
      fc.property(segments, segments, width, (left, right, columns) => {
        expect(lineWidth(exactly(left, columns))).toBe(columns);
        expect(lineWidth(spread(left, right, columns))).toBe(columns);
      }),
      { numRuns: 1_000 },
    );
  });

  test('the right part stays, the left gives way', () => {
    expect(lineText(spread([seg('a long left part')], [seg('right')], 12))).toBe('a long…right');
  });

  test('a label has a column of its own', () => {
    const lines = labelled('why', 'one two three', 12, 5).map(lineText);
    expect(lines[0]).toMatch(/^why {2}one two/);
    expect(lines.slice(1).every((one) => one.startsWith('     '))).toBe(true);
  });
});

describe('text broken into lines', () => {
  test('loses no word', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { maxLength: 12 }),
        fc.integer({ min: 4, max: 30 }),
        (words, columns) => {
          const lines = wrap(words.join(' '), columns);
          expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
          for (const one of lines) expect(stringWidth(one)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });

  test('a word too long for a line is cut in pieces', () =>
    expect(wrap('abcdefgh ij', 4)).toEqual(['abcd', 'efgh', 'ij']));

  test('a long word of wide characters is cut between characters, within the width', () => {
    const lines = wrap('漢字漢字👩‍🚒👩‍🚒', 5);
    expect(lines.join('')).toBe('漢字漢字👩‍🚒👩‍🚒');
    for (const one of lines) expect(stringWidth(one)).toBeLessThanOrEqual(5);
  });
});

test('a window on a list always shows the cursor', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), fc.integer({ min: 1, max: 20 }), (count, at, height) => {
      const cursor = Math.min(at, count - 1);
      const items = Array.from({ length: count }, (_, index) => index);
      const { items: seen, from } = windowOf(items, cursor, height);
      expect(seen).toContain(cursor);
      expect(seen[0]).toBe(from);
      expect(seen.length).toBe(Math.min(count, height));
    }),
  );
});
