import type { ChecklistRow, ConsoleState } from '../../src/store/store.js';
import { exactly, type Line, labelled, seg, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';
import { age } from '../words.js';

const LOOK: Record<ChecklistRow['status'], { glyph: string; tone: Tone }> = {
  met: { glyph: GLYPH.done, tone: 'good' },
  checking: { glyph: GLYPH.running, tone: 'accent' },
  unmet: { glyph: GLYPH.failed, tone: 'warn' },
  'word-needed': { glyph: GLYPH.doubt, tone: 'warn' },
};

/** The pre-restore checklist; an item takes one line for what and one for how it stands. */
export function checklistLines(
  state: ConsoleState,
  width: number,
  height: number,
  cursor: number,
  focused: boolean,
): Line[] {
  const short = height < state.checklist.length * 2;
  const groups = state.checklist.map((row, index): Line[] => {
    const { glyph, tone } = LOOK[row.status];
    const title = exactly([seg(`${glyph} `, tone), seg(row.title, row.status === 'met' ? 'plain' : 'strong')], width);
    const marked = focused && index === cursor ? title.map((one) => ({ ...one, inverse: true })) : title;
    // Where there is little room only what is not met, or looked at, says how it stands.
    const explains = !short || row.status === 'word-needed' || row.status === 'unmet' || (focused && index === cursor);
    if (!explains) return [marked];
    const how = labelled('', evidenceOf(row, state.now), width, 2, row.status === 'met' ? 'dim' : tone);
    // The item under the cursor is read to its end; the others say so much that all of them are seen.
    return [marked, ...how.slice(0, focused && index === cursor ? Math.max(2, height - 1) : 2)];
  });
  const before = groups.slice(0, cursor).flat().length;
  const end = before + (groups[cursor]?.length ?? 0);
  const all = groups.flat();
  const centred = Math.max(before - Math.floor(height / 2), end - height);
  const from = focused ? Math.max(0, Math.min(centred, before, all.length - height)) : 0;
  return all.slice(from, from + height);
}

function evidenceOf(row: ChecklistRow, now: number): string {
  return row.at === undefined ? row.evidence : `${row.evidence} · ${age(now - row.at)} ago`;
}

export const checklistCount = (rows: readonly ChecklistRow[]): string =>
  `${rows.filter((row) => row.status === 'met').length} of ${rows.length}`;
