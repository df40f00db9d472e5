import { findStep } from '../../src/incident/plan.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, seg } from '../line.js';
import { GLYPH } from '../symbols.js';

/** One entry of the catalogue with this cluster's names in it; `host` is the one whose line it is. */
export function entryLines(state: ConsoleState, id: string, host: string | undefined, width: number): Line[] {
  const entry = state.entries.get(id);
  if (entry === undefined) return [];
  const named = (text: string): string =>
    text
      .replaceAll('{server}', host ?? 'this server')
      .replaceAll('{primary}', state.incident?.choices.primary ?? 'the primary');
  const { scenario } = state;
  const steps = entry.steps.map(
    (step) => (scenario === undefined ? undefined : findStep(scenario, step))?.title ?? step,
  );
  return [
    line(seg(`${GLYPH.known} ${entry.id}  `, 'warn'), seg(entry.title, 'strong')),
    ...labelled('means', named(entry.means), width, 8),
    ...labelled('do', named(entry.doThis), width, 8, 'good'),
    ...(entry.notThis === undefined ? [] : labelled('not', named(entry.notThis), width, 8, 'bad')),
    ...(steps.length === 0 ? [] : labelled('steps', steps.join(', '), width, 8, 'accent')),
    ...labelled('source', entry.source, width, 8, 'dim'),
    [],
  ];
}
