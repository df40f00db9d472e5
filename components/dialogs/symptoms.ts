import { cellKey } from '../../src/incident/state.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, line, seg } from '../line.js';
import { symptomsSeen } from '../panes/journal.js';
import { entryLines } from './entry.js';

/** What is known of the trouble at hand and of the lines in the journal: meaning, remedy, and the remedy that makes it worse. */
export function symptomLines(state: ConsoleState, width: number): Line[] {
  const { attention, incident, journal } = state;
  const trouble = attention.kind === 'trouble' ? attention : undefined;
  const cell = trouble === undefined ? undefined : incident?.cells[cellKey(trouble.step, trouble.host)];
  const atHand = cell?.trouble?.lookup ?? [];
  const ids = [...new Set([...atHand, ...symptomsSeen(journal)])].filter((id) => state.entries.has(id));
  if (ids.length === 0) return [line(seg('No line in the journal is known as a symptom.', 'dim'))];
  return ids.flatMap((id) => {
    const said = atHand.includes(id) ? trouble?.host : journal.findLast((one) => one.symptoms.includes(id))?.host;
    return entryLines(state, id, said, width);
  });
}
