import type { ConsoleState, MaintenanceRow } from '../../src/store/store.js';
import { exactly, type Line, labelled, line, pad, seg, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';
import { age } from '../words.js';

const LOOK: Record<MaintenanceRow['state'], { glyph: string; tone: Tone; word: string }> = {
  done: { glyph: GLYPH.done, tone: 'good', word: 'done' },
  overdue: { glyph: GLYPH.doubt, tone: 'warn', word: 'overdue' },
  wrong: { glyph: GLYPH.failed, tone: 'bad', word: 'wrong' },
};

/** The weekly, monthly and quarterly lists: how each item stands, when it was done last and by whom. */
export function maintenanceLines(state: ConsoleState, cursor: number, width: number, height: number): Line[] {
  const { maintenance, now } = state;
  if (maintenance.length === 0)
    return [
      ...labelled(
        '',
        'A practice cluster needs no maintenance; on a real one the lists are read once the storage has answered.',
        width,
        0,
        'dim',
      ),
    ];
  const groups = maintenance.map((row, index): Line[] => {
    const heading = maintenance[index - 1]?.every === row.every ? [] : [line(seg(row.every, 'strong'))];
    const { glyph, tone, word } = LOOK[row.state];
    const title = exactly([seg(`${glyph} ${pad(word, 8)}`, tone), seg(row.title)], width);
    const last =
      row.last === undefined ? 'never' : `${age(now - row.last.at)} ago by ${row.last.by}: ${row.last.words}`;
    return [
      ...heading,
      index === cursor ? title.map((one) => ({ ...one, inverse: true })) : title,
      ...labelled(
        '',
        row.state === 'wrong' && row.seen !== undefined ? `now: ${row.seen}` : `last: ${last}`,
        width,
        10,
        'dim',
      ).slice(0, 1),
      ...(index === cursor ? labelled('', row.how, width, 10, 'accent') : []),
    ];
  });
  const before = groups.slice(0, cursor).flat().length;
  const all = groups.flat();
  const from = Math.max(0, Math.min(before - Math.floor(height / 2), all.length - height));
  return all.slice(from, from + height);
}

/** One sentence for the opening screen; undefined when nothing is open. */
export function overdueText({ maintenance }: ConsoleState): string | undefined {
  const open = maintenance.filter((row) => row.state !== 'done').length;
  return open === 0 ? undefined : `${open} of ${maintenance.length} maintenance items are open: M`;
}
