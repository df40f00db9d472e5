import type { LookupHit } from '../../src/incident/journal.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, seg } from '../line.js';
import { GLYPH } from '../symbols.js';
import { entryLines } from './entry.js';

/** Looking a message, an id or some words up; every result with the part that matched. */
export function lookupLines(
  state: ConsoleState,
  typed: string,
  found: { readonly text: string; readonly hits: readonly LookupHit[] } | undefined,
  width: number,
): Line[] {
  const head = line(seg('Look up: ', 'dim'), seg(typed.slice(-(width - 12)), 'strong'), seg(GLYPH.block, 'accent'));
  if (found === undefined)
    return [
      head,
      [],
      ...labelled(
        '',
        'Type or paste a line, a piece of one, an id or plain words (“disk full”, “rotate-ca”), then enter.',
        width,
        0,
        'dim',
      ),
    ];
  if (found.hits.length === 0)
    return [
      head,
      [],
      ...labelled('', `Nothing is known about “${found.text}”. Try fewer or other words.`, width, 0, 'warn'),
    ];
  return [
    head,
    [],
    ...found.hits.flatMap(({ id, marked }) => {
      const [first = [], ...rest] = entryLines(state, id, undefined, width);
      return [first, ...(marked === '' ? [] : labelled('found', marked, width, 8, 'accent')), ...rest];
    }),
  ];
}
