import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { followCommand } from '../../src/journal/follow.js';
import { parseJournalLine } from '../../src/journal/parse.js';

const entry = (more: Record<string, unknown>): string =>
  JSON.stringify({
    __CURSOR: 's=1;i=2',
    __REALTIME_TIMESTAMP: '1795342295123456',
    _SYSTEMD_UNIT: 'k3s.service',
    PRIORITY: '6',
    MESSAGE: 'hello',
    ...more,
  });

describe('a line of a journal', () => {
  test('time, unit, text and where to go on', () => {
    expect(parseJournalLine(entry({}))).toEqual({
      at: 1_795_342_295_123,
      unit: 'k3s',
      severity: 'info',
      text: 'hello',
      message: 'hello',
      cursor: 's=1;i=2',
    });
  });

  test.each([
    ['K3s writes its level into the text', { MESSAGE: 'time="x" level=error msg="it broke"' }, 'error', 'it broke'],
    ['systemd has it as a priority only', { MESSAGE: 'Failed to start', PRIORITY: '3' }, 'error', 'Failed to start'],
    ['a warning of systemd', { MESSAGE: 'asserts failed', PRIORITY: '4' }, 'warning', 'asserts failed'],
    ['bytes that are no UTF-8 come as numbers', { MESSAGE: [104, 105, 27, 91, 51, 49, 109, 255] }, 'info', 'hi\ufffd'],
    ['what would control the terminal is taken out', { MESSAGE: '\u001b[31mred\u0007' }, 'info', 'red'],
    ['lines in a message become one', { MESSAGE: 'a\nb' }, 'info', 'a ⏎ b'],
  ] as const)('%s', (_what, more, severity, text) => {
    expect(parseJournalLine(entry(more))).toMatchObject({ severity, text });
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '-- No entries --',
    entry({ MESSAGE: null }),
    entry({ __REALTIME_TIMESTAMP: 'x' }),
    entry({ __REALTIME_TIMESTAMP: 1e30 }),
    entry({ __REALTIME_TIMESTAMP: { toString: 1 } }),
  ])('is none: %s', (line) => expect(parseJournalLine(line)).toBeUndefined());

  test('a very long one is bounded', () => {
    expect(parseJournalLine(entry({ MESSAGE: 'x'.repeat(1e6) }))?.text.length).toBeLessThanOrEqual(2_000);
  });

  test('nothing makes it throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc
            .dictionary(fc.constantFrom('MESSAGE', 'PRIORITY', '__REALTIME_TIMESTAMP', 'UNIT'), fc.jsonValue())
            .map((one) => JSON.stringify(one)),
        ),
        (line) => {
          parseJournalLine(line);
        },
      ),
    );
  });
});

test('following begins with a bounded past, and goes on behind its cursor', () => {
  expect(followCommand('k3s', '')).toEqual(expect.arrayContaining(['--follow', '--output=json', '--lines']));
  expect(followCommand('k3s', 's=1')).toEqual(expect.arrayContaining(['--after-cursor', 's=1']));
  expect(followCommand('k3s', 's=1')).not.toContain('--lines');
});
