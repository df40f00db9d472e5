import type { JournalLine } from '../../src/incident/journal.js';
import { cut, type Line, pad, seg, spread, type Tone } from '../line.js';
import { GLYPH } from '../symbols.js';

/** All journals merged by time. */

const LETTER: Record<JournalLine['severity'], { letter: string; tone: Tone }> = {
  debug: { letter: 'D', tone: 'dim' },
  info: { letter: ' ', tone: 'dim' },
  warning: { letter: 'W', tone: 'warn' },
  error: { letter: 'E', tone: 'bad' },
};

export function matching(lines: readonly JournalLine[], search: string): readonly JournalLine[] {
  if (search === '') return lines;
  const wanted = search.toLowerCase();
  return lines.filter((one) => one.text.toLowerCase().includes(wanted) || one.host.includes(wanted));
}

/** The last lines, or those further up; debug lines are for the details of etcd and left out. */
export function journalLines(
  all: readonly JournalLine[],
  width: number,
  height: number,
  scrolled: number,
  search: string,
): Line[] {
  const lines = shown(all, search);
  const end = Math.max(0, lines.length - scrolled);
  const part = lines.slice(Math.max(0, end - height), end);
  if (part.length === 0) return [[seg(search === '' ? 'No line has come yet.' : `No line holds “${search}”.`, 'dim')]];
  return part.map((one) => drawn(one, width));
}

export const shown = (all: readonly JournalLine[], search: string): readonly JournalLine[] =>
  matching(
    all.filter((one) => one.severity !== 'debug'),
    search,
  );

function drawn(one: JournalLine, width: number): Line {
  const { letter, tone } = LETTER[one.severity];
  const time = new Date(one.at).toISOString().slice(11, width > 100 ? 23 : 19);
  const unit = one.unit.startsWith('blackstart-') ? one.unit.replace(/^blackstart-[\d-]+-[0-9a-f]+-/, '') : one.unit;
  const known = one.symptoms[0] === undefined ? [] : [seg(` ${GLYPH.known} ${one.symptoms[0]} `, 'warn')];
  return spread(
    [
      seg(`${time} `, 'dim'),
      seg(`${pad(one.host, 9)} `, 'accent'),
      seg(`${pad(unit, width > 100 ? 12 : 6)} `, 'dim'),
      seg(`${letter} `, tone),
      seg(cut(one.text, width), one.severity === 'info' ? 'plain' : tone),
    ],
    known,
    width,
  );
}

/** Distinct symptoms in the journal, the latest first. */
export function symptomsSeen(all: readonly JournalLine[]): string[] {
  const seen = new Set<string>();
  for (let index = all.length - 1; index >= 0; index--) for (const id of all[index]?.symptoms ?? []) seen.add(id);
  return [...seen];
}

/** How far up one must scroll to the next error above, or undefined. */
export function errorAbove(
  all: readonly JournalLine[],
  search: string,
  scrolled: number,
  direction: 1 | -1,
): number | undefined {
  const lines = shown(all, search);
  const at = lines.length - 1 - scrolled;
  for (let index = at - direction; index >= 0 && index < lines.length; index -= direction) {
    if (lines[index]?.severity === 'error') return lines.length - 1 - index;
  }
  return undefined;
}

export const errorCount = (all: readonly JournalLine[]): number => all.filter((one) => one.severity === 'error').length;
