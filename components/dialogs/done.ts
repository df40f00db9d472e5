import { cellSpan } from '../../src/incident/state.js';
import { restoreSummary } from '../../src/incident/summary.js';
import { verificationSummary } from '../../src/incident/verification.js';
import type { ConsoleState } from '../../src/store/store.js';
import { type Line, labelled, line, pad, seg } from '../line.js';
import { planRows, stepSpan, stepStatus } from '../panes/plan.js';
import { GLYPH } from '../symbols.js';
import { clockSpan } from '../words.js';

/** The end: how long it took, what was lost, what is left to do, where the report is. */
export function doneLines(state: ConsoleState, width: number, report: string | undefined): Line[] {
  const { incident } = state;
  if (incident?.ended === undefined) return [];
  const { ended } = incident;
  const { lost, left, tolerance } = restoreSummary(incident);
  const good = ended.outcome === 'recovered' || ended.outcome === 'undone';
  return [
    line(
      seg(`${good ? GLYPH.done : GLYPH.failed} ${ended.outcome.toUpperCase()}`, good ? 'good' : 'bad'),
      seg(`  ${ended.summary}`),
    ),
    ...(ended.outcome === 'recovered' ? [line(seg(tolerance, 'dim'))] : []),
    [],
    ...(incident.begunAt === undefined
      ? []
      : labelled(
          'took',
          `${clockSpan(ended.at - incident.begunAt)} from the beginning of the plan, ${clockSpan(ended.at - incident.openedAt)} from opening`,
          width,
          8,
          'strong',
        )),
    ...shares(state, width),
    [],
    ...lost.flatMap((text, index) => labelled(index === 0 ? 'lost' : '', text, width, 8, 'warn')),
    ...left.flatMap((text, index) => labelled(index === 0 ? 'to do' : '', text, width, 8)),
    [],
    ...verified(state, width),
    ...(state.chain === undefined
      ? []
      : labelled('record', `${state.chain.events} entries, chain head ${state.chain.head}`, width, 8, 'dim')),
    ...labelled('report', report ?? 'r writes it', width, 8, report === undefined ? 'dim' : 'accent'),
  ];
}

function verified(state: ConsoleState, width: number): Line[] {
  const found = state.incident?.verification;
  if (found === undefined) return state.verifying ? labelled('checks', 'being asked…', width, 8, 'dim') : [];
  const fails = found.rows.some((row) => row.result === 'fail');
  return labelled('checks', `${verificationSummary(found)}: v shows them`, width, 8, fails ? 'bad' : 'good');
}

/** The steps that took longest, with a bar. */
function shares(state: ConsoleState, width: number): Line[] {
  const steps = planRows(state.plan).flatMap((row) => {
    if (row.planned === undefined || stepStatus(row.planned) === 'waiting') return [];
    const spans = row.planned.hosts.flatMap((one) => cellSpan(one.cell, state.now) ?? []);
    return spans.length === 0 ? [] : [{ title: row.title, ms: stepSpan(row.planned, spans) }];
  });
  const longest = [...steps].sort((a, b) => b.ms - a.ms).slice(0, 6);
  const most = Math.max(1, ...longest.map((step) => step.ms));
  const bar = Math.max(4, Math.min(30, width - 50));
  return longest.map((step) =>
    line(
      seg('        '),
      seg(pad(step.title, 34)),
      seg(clockSpan(step.ms).padStart(6), 'dim'),
      seg('  '),
      seg('█'.repeat(Math.max(1, Math.round((step.ms / most) * bar))), 'accent'),
    ),
  );
}
