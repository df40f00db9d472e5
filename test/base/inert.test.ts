import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inertLine, inertText } from '../../src/base/inert.js';

describe('text from outside', () => {
  test.each([
    ['colours and cursor', '\u001b[31mred\u001b[0m\u001b[2J\u001b[1;1Hx', 'redx'],
    ['a window title', 'a\u001b]0;owned\u0007b\u001b]2;owned\u001b\\c', 'abc'],
    ['a title that never ends', 'a\u001b]0;owned', 'a'],
    ['a hyperlink', '\u001b]8;;http://evil\u0007text\u001b]8;;\u0007', 'text'],
    ['device control strings', 'a\u001bP1$r\u001b\\b\u001b_x\u001b\\c', 'abc'],
    ['eight-bit control', 'a\u009b31mb\u0085c', 'abc'],
    ['a bell, backspaces and NUL', 'a\u0007b\b\b\u0000c', 'abc'],
    ['right to left', 'user\u202egnp.exe\u202c\u2066x\u2069', 'usergnp.exex'],
    ['zero width', 'ad\u200bmin\ufeff\u2060', 'admin'],
    ['a lone escape at the end', 'abc\u001b', 'abc'],
    ['tabs', 'a\tb', 'a  b'],
    ['carriage returns', 'safe\rEVIL\r\nnext', 'safe\nEVIL\nnext'],
    ['what is harmless', 'Grüße 日本 🙂 — ok', 'Grüße 日本 🙂 — ok'],
  ])('%s', (_what, text, inert) => expect(inertText(text)).toBe(inert));

  test('a line is one line, and bounded', () => {
    expect(inertLine('one\ntwo\n')).toBe('one ⏎ two');
    expect(inertLine('x'.repeat(50_000), 10)).toBe(`${'x'.repeat(9)}…`);
    expect(inertLine(`${'\u001b[31m'.repeat(1000)}end`, 5).length).toBeLessThanOrEqual(5);
  });

  test('whatever it was, nothing that controls is left, and a second time changes nothing', () => {
    const hostile = fc.array(
      fc.constantFrom(
        '\u001b',
        '[',
        ']',
        '0;',
        'm',
        'H',
        '\u0007',
        '\\',
        '\u009b',
        '\u202e',
        'a',
        '7',
        '\r',
        '\n',
        ';',
        'P',
        '\u009c',
        '\u2028',
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          hostile.map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const inert = inertText(text);
          expect(
            /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(inert),
          ).toBe(false);
          expect(inertText(inert)).toBe(inert);
          expect(inertLine(text, 100)).not.toContain('\n');
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
