import { type VerificationRow, verificationSummary } from '../../src/incident/verification.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, pad, seg, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';
import { age } from '../words.js';

const LOOK: Record<VerificationRow['result'], { glyph: string; tone: Tone; word: string }> = {
  pass: { glyph: GLYPH.done, tone: 'good', word: 'pass' },
  fail: { glyph: GLYPH.failed, tone: 'bad', word: 'FAIL' },
  info: { glyph: GLYPH.waiting, tone: 'dim', word: 'info' },
  unknown: { glyph: GLYPH.doubt, tone: 'warn', word: 'unknown' },
};

/** The verification as a table: each check, how it went, what was seen, and what to do where it failed. */
export function verificationLines(state: ConsoleState, width: number): Line[] {
  const { incident, verifying, now } = state;
  const found = incident?.verification;
  const head = verifying ? [line(seg('Asking the cluster…', 'accent'))] : [];
  if (found === undefined)
    return verifying
      ? head
      : [...labelled('', 'Nothing has been verified in this run yet. v asks the cluster; it only looks.', width, 0)];
  return [
    ...head,
    line(seg(verificationSummary(found), 'strong'), seg(`, ${age(now - found.at)} ago`, 'dim')),
    [],
    ...found.rows.flatMap((row) => rowLines(row, width)),
  ];
}

function rowLines(row: VerificationRow, width: number): Line[] {
  const { glyph, tone, word } = LOOK[row.result];
  const column = Math.min(56, Math.max(28, Math.floor(width * 0.5)));
  const title = `${glyph} ${pad(word, 8)}${row.title}`;
  const [first = [], ...rest] = labelled('', row.seen, width, column, row.result === 'pass' ? 'dim' : tone);
  return [
    title.length < column
      ? line(seg(pad(title, column), row.result === 'pass' ? 'plain' : tone), ...first.slice(1))
      : line(seg(title, row.result === 'pass' ? 'plain' : tone)),
    ...(title.length < column ? rest : [first, ...rest]),
    ...(row.next === undefined ? [] : labelled('', row.next, width, column, 'accent')),
  ];
}
