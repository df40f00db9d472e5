import { findStep } from '../../src/incident/plan.js';
import { clock } from '../../src/incident/times.js';
import type { ConsoleState } from '../../src/store/store.js';
import type { JournalFilter } from '../../src/store/view.js';
import { journalRows } from '../journal/rows.js';
import { type Line, labelled, line, seg } from '../line.js';
import { planRows } from '../panes/plan.js';
import type { PressTools } from '../press-tools.js';
import { entryLines } from './entry.js';

/** Everything of one journal line: when, where, its text in full, its fields, and beside it what is known of such a line. */
export function journalLineLines(state: ConsoleState, filter: JournalFilter, id: number, width: number): Line[] {
  const folded = journalRows(state.journal, filter).rows.find((one) => one.first.id === id);
  const row = folded?.line ?? state.journal.find((one) => one.id === id);
  if (row === undefined) return [line(seg('The line is too old to be kept here; the host still has it.', 'dim'))];
  const fields = Object.entries(row.fields ?? {});
  const label = Math.min(24, Math.max(9, ...fields.map(([key]) => key.length + 2)));
  return [
    ...labelled('time', `${new Date(row.at).toISOString()}, by the clock of ${row.host}`, width, label),
    ...(folded === undefined || folded.count === 1
      ? []
      : labelled(
          'repeated',
          `${folded.count} times since ${clock(folded.first.at)}; this is the latest`,
          width,
          label,
        )),
    ...labelled('from', `${row.host}, unit ${row.unit || 'unknown'}, ${row.severity}`, width, label),
    ...labelled('text', row.text, width, label, 'strong'),
    ...fields.flatMap(([key, value]) => labelled(key, value, width, label, 'dim')),
    [],
    ...(row.symptoms.length === 0
      ? [line(seg('No symptom is known for this line. l looks words up.', 'dim'))]
      : row.symptoms.flatMap((one) => entryLines(state, one, row.host, width))),
  ];
}

/** Goes to the step of the plan that carries out the remedy; it stays behind its gate. */
export function openStep(id: number, tools: PressTools): void {
  const { state, change } = tools;
  const row = state.journal.find((one) => one.id === id);
  const steps = (row?.symptoms ?? []).flatMap((one) => state.entries.get(one)?.steps ?? []);
  const rows = planRows(state.plan);
  const at = rows.findIndex(({ planned }) => planned !== undefined && steps.includes(planned.step.id));
  if (at < 0) {
    const text =
      steps.length === 0
        ? 'No step of a plan is the remedy for this.'
        : 'The remedy is a step of a plan that is not chosen: choose the scenario first.';
    return change({ do: 'notice', text });
  }
  change({ do: 'close' });
  change({ do: 'focus', pane: 'plan' });
  change({ do: 'place', pane: 'plan', at });
  const title = state.scenario === undefined ? undefined : findStep(state.scenario, rows[at]?.planned?.step.id ?? '');
  change({ do: 'notice', text: `The remedy: ${title?.title ?? 'this step'}. Its gate stays before it.` });
}
