import type { ConsoleState } from '../../src/store/store.js';
import { PANES, type PaneId, type ViewState } from '../../src/store/view.js';
import { type CommandId, digitsArePanes, workingKeys } from '../keys.js';
import { exactly, type Line, line, pad, seg, windowOf } from '../line.js';
import { GLYPH } from '../symbols.js';

/** Every command that works now, found by a few letters of its name; made from the table of keys. */
export type PaletteItem =
  | { readonly do: 'command'; readonly id: CommandId; readonly label: string; readonly keys: string }
  | { readonly do: 'pane'; readonly pane: PaneId; readonly label: string; readonly keys: string }
  | { readonly do: 'lookup'; readonly words: string; readonly label: string; readonly keys: string };

/** Moving about is for fingers, not for names. */
const NOT_NAMED = new Set<CommandId>([
  'up',
  'down',
  'page-up',
  'page-down',
  'top',
  'bottom',
  'pane',
  'scenario',
  'next-pane',
  'previous-pane',
  'back',
  'palette',
  'enter',
  'line',
]);

/** Those whose words all begin with what was typed come first, then those that hold it. */
export function paletteItems(state: ConsoleState, view: ViewState, text: string): PaletteItem[] {
  const typed = text.trim().toLowerCase().replace(/^:/, '');
  const words = /^(?:lookup|look up)\s+(.+)$/.exec(typed)?.[1];
  if (words !== undefined) return [{ do: 'lookup', words, label: `look up “${words}”`, keys: 'l' }];
  const seen = new Set<CommandId>();
  const commands = workingKeys(state, { ...view, dialogs: [] }).flatMap((key): PaletteItem[] => {
    if (NOT_NAMED.has(key.id) || seen.has(key.id)) return [];
    seen.add(key.id);
    return [{ do: 'command', id: key.id, label: key.label, keys: key.keys }];
  });
  const panes = PANES.map(
    (pane, index): PaletteItem => ({
      do: 'pane',
      pane,
      label: `pane ${pane}`,
      keys: digitsArePanes(state) ? String(index + 1) : 'tab',
    }),
  );
  const rank = (item: PaletteItem): number => {
    const label = item.label.toLowerCase();
    if (label.startsWith(typed)) return 0;
    if (label.split(/\W+/).some((word) => word.startsWith(typed))) return 1;
    return label.includes(typed) || (item.do === 'command' && item.id.includes(typed)) ? 2 : 3;
  };
  return [...commands, ...panes]
    .map((item) => ({ item, rank: rank(item) }))
    .filter((one) => one.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map((one) => one.item);
}

export function paletteLines(
  items: readonly PaletteItem[],
  text: string,
  cursor: number,
  width: number,
  height: number,
): Line[] {
  const at = Math.min(cursor, Math.max(0, items.length - 1));
  const { items: shown, from } = windowOf(items, at, Math.max(1, height - 2));
  return [
    line(seg(': ', 'dim'), seg(text, 'strong'), seg(GLYPH.block, 'accent')),
    [],
    ...(shown.length === 0 ? [line(seg('Nothing that works now is called so.', 'dim'))] : []),
    ...shown.map((item, index) => {
      const row = exactly([seg(pad(item.label, Math.max(20, width - 24))), seg(pad(item.keys, 20), 'dim')], width);
      return from + index === at ? row.map((one) => ({ ...one, inverse: true })) : row;
    }),
  ];
}
