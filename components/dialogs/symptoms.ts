import { cellKey } from '../../src/incident/state.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, seg } from '../line.js';
import { symptomsSeen } from '../panes/journal.js';
import { GLYPH } from '../symbols.js';

/** What is known of the trouble at hand and of the lines in the journal: meaning, remedy, and the remedy that makes it worse. */
export function symptomLines(state: ConsoleState, width: number): Line[] {
  const { attention, incident, entries } = state;
  const cell = attention.kind === 'trouble' ? incident?.cells[cellKey(attention.step, attention.host)] : undefined;
  const ids = [...new Set([...(cell?.trouble?.lookup ?? []), ...symptomsSeen(state.journal)])];
  const known = ids.flatMap((id) => entries.get(id) ?? []);
  if (known.length === 0) return [line(seg('No line in the journal is known as a symptom.', 'dim'))];
  return known.flatMap((entry) => [
    line(seg(`${GLYPH.known} ${entry.id}  `, 'warn'), seg(entry.title, 'strong')),
    ...labelled('means', entry.means, width, 8),
    ...labelled('do', entry.doThis, width, 8, 'good'),
    ...(entry.notThis === undefined ? [] : labelled('not', entry.notThis, width, 8, 'bad')),
    ...labelled('source', entry.source, width, 8, 'dim'),
    [],
  ]);
}
