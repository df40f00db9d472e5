import type { JournalFilter } from '../../src/store/view.js';
import { plainLine } from '../panes/journal.js';
import { type PressTools, say } from '../press-tools.js';
import { FILTER_HELP, filterText, LEVELS } from './filter.js';
import { type Found, nextMatch, nextRow } from './find.js';
import { cursorOf, journalRows, type Row } from './rows.js';

/** What the keys of the journal do. */

function seen({ state, view }: PressTools): { rows: readonly Row[]; cursor: number } {
  const { rows } = journalRows(state.journal, view.journal.filter);
  return { rows, cursor: cursorOf(rows, view.journal, state.journal) };
}

/** Stands on a row. The last one is followed from then on, unless it was asked for by name. */
function standOn(tools: PressTools, rows: readonly Row[], index: number, still = false): void {
  const at = Math.max(0, Math.min(rows.length - 1, index));
  const last = at === rows.length - 1 && !still;
  tools.change({ do: 'journal-at', line: last ? undefined : rows[at]?.first.id });
}

export function moveInJournal(by: number, tools: PressTools): void {
  const { rows, cursor } = seen(tools);
  if (rows.length > 0) standOn(tools, rows, cursor + by);
}

export function followJournal(on: boolean, tools: PressTools): void {
  const { rows } = seen(tools);
  if (on || rows.length === 0) tools.change({ do: 'journal-at', line: undefined });
  else standOn(tools, rows, rows.length - 1, true);
}

function goTo(tools: PressTools, rows: readonly Row[], found: Found | undefined | string, none: string): void {
  tools.change({ do: 'focus', pane: 'journal' });
  if (found === undefined || typeof found === 'string') return say(tools, found ?? none);
  standOn(tools, rows, found.index, true);
  if (found.wrapped) say(tools, 'Past the end: it went on at the other one.');
}

export function nextError(direction: 1 | -1, tools: PressTools): void {
  const { rows, cursor } = seen(tools);
  const found = nextRow(rows, cursor, direction, (row) => row.line.severity === 'error');
  goTo(tools, rows, found, 'No error line is shown.');
}

/** The next line the search matches; `search` where it was only just typed. */
export function searchOn(direction: 1 | -1, tools: PressTools, search = tools.view.journal.search): void {
  const { rows, cursor } = seen(tools);
  goTo(tools, rows, nextMatch(rows, search, cursor, direction), `No line holds ${search}.`);
}

export function askSearch({ change }: PressTools): void {
  change({
    do: 'open',
    dialog: {
      kind: 'words',
      purpose: { do: 'search' },
      question: 'Search the journal: words, or /a regular expression/. n goes on, N goes back.',
    },
  });
}

export function askFilter({ change, view }: PressTools): void {
  const question = `Show only lines with: ${FILTER_HELP}. Empty shows all; ctrl-u clears.`;
  const initial = filterText(view.journal.filter);
  change({ do: 'open', dialog: { kind: 'words', purpose: { do: 'filter' }, question, initial } });
}

/** All, warnings and worse, errors, everything down to debug; and round again. */
export function nextLevel({ change, view }: PressTools): void {
  const { filter } = view.journal;
  const level = LEVELS[(LEVELS.indexOf(filter.level) + 1) % LEVELS.length] ?? 'info';
  change({ do: 'filter', filter: { ...filter, level } });
}

/** One host after the other, then all again. */
export function nextHost({ change, state, view }: PressTools): void {
  const { filter } = view.journal;
  const names = state.cluster.hosts.map((host) => host.name);
  const at = names.indexOf(filter.hosts.length === 1 ? (filter.hosts[0] ?? '') : '');
  const next = names[at + 1];
  const hosts: JournalFilter['hosts'] = next === undefined ? [] : [next];
  change({ do: 'filter', filter: { ...filter, hosts } });
}

export function openLine(tools: PressTools): void {
  const { rows, cursor } = seen(tools);
  const row = rows[cursor];
  if (row === undefined) return say(tools, 'There is no line.');
  // It stays where it is while it is read.
  standOn(tools, rows, cursor, true);
  tools.change({ do: 'open', dialog: { kind: 'line', id: row.first.id } });
}

export function copyLine(tools: PressTools): void {
  const { rows, cursor } = seen(tools);
  const row = rows[cursor];
  if (row === undefined) return say(tools, 'There is no line.');
  tools.copy(plainLine(row.line));
  say(tools, 'Copied, if this terminal lets programs copy (OSC 52).');
}

/** What the filter lets through, unfolded. */
export function saveJournal(tools: PressTools): void {
  const { state, view, intents } = tools;
  const { lines } = journalRows(state.journal, view.journal.filter);
  if (lines.length === 0) return say(tools, 'There is no line to save.');
  const what = filterText(view.journal.filter);
  const head = `# ${lines.length} journal lines of ${state.cluster.name}${what === '' ? '' : `, ${what}`}\n`;
  void intents.saveText('journal', `${head}${lines.map(plainLine).join('\n')}\n`).then((said) => say(tools, said));
}
