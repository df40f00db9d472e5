import type { CellStatus } from '../src/incident/state.js';
import type { Effect } from '../src/incident/step.js';
import type { Tone } from './line.js';

/** Glyphs with their words: colour never carries meaning alone, and a terminal without Unicode gets letters. */

const ascii =
  process.env.BLACKSTART_ASCII === '1' ||
  (process.env.LC_ALL ?? process.env.LC_CTYPE ?? process.env.LANG ?? 'UTF-8').toUpperCase() === 'POSIX';
const glyph = (unicode: string, plain: string): string => (ascii ? plain : unicode);

export const GLYPH = {
  done: glyph('✔', '[ok]'),
  running: glyph('▸', '[>]'),
  waiting: glyph('·', '[.]'),
  skipped: glyph('↷', '[-]'),
  failed: glyph('✖', '[x]'),
  doubt: glyph('?', '[?]'),
  undone: glyph('↶', '[<]'),
  destroy: glyph('◆', '[!!]'),
  change: glyph('◇', '[!]'),
  cursor: glyph('▸', '>'),
  known: glyph('ⓘ', '(i)'),
  block: glyph('▌', '_'),
  paused: glyph('‖', '[=]'),
} as const;

export const BORDER = ascii
  ? { tl: '+', tr: '+', bl: '+', br: '+', h: '-', v: '|' }
  : { tl: '╭', tr: '╮', bl: '╰', br: '╯', h: '─', v: '│' };

export const HEAVY = ascii
  ? { tl: '#', tr: '#', bl: '#', br: '#', h: '=', v: '#' }
  : { tl: '╔', tr: '╗', bl: '╚', br: '╝', h: '═', v: '║' };

export function statusGlyph(status: CellStatus | undefined): { glyph: string; tone: Tone; word: string } {
  switch (status) {
    case undefined:
    case 'waiting':
      return { glyph: GLYPH.waiting, tone: 'dim', word: 'waiting' };
    case 'begun':
    case 'running':
      return { glyph: GLYPH.running, tone: 'accent', word: 'running' };
    case 'done':
      return { glyph: GLYPH.done, tone: 'good', word: 'done' };
    case 'already':
      return { glyph: GLYPH.done, tone: 'good', word: 'was so already' };
    case 'skipped':
      return { glyph: GLYPH.skipped, tone: 'dim', word: 'skipped' };
    case 'failed':
      return { glyph: GLYPH.failed, tone: 'bad', word: 'failed' };
    case 'doubt':
      return { glyph: GLYPH.doubt, tone: 'warn', word: 'in doubt' };
    case 'undone':
      return { glyph: GLYPH.undone, tone: 'warn', word: 'undone' };
  }
}

export const effectGlyph = (effect: Effect): string =>
  effect === 'destroy' ? GLYPH.destroy : effect === 'change' ? GLYPH.change : ' ';
