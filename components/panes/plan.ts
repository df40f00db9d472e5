import type { PlannedHost, PlannedPhase, PlannedStep } from '../../src/incident/plan.js';
import { type Cell, type CellStatus, cellSpan } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import type { ConsoleState } from '../../src/store/store.js';
import { exactly, type Line, pad, seg, spread, windowOf } from '../line.js';
import { effectGlyph, statusGlyph } from '../symbols.js';
import { clockSpan } from '../words.js';

/** The plan with the progress and the time of every step. */

export interface PlanRow {
  readonly kind: 'phase' | 'step';
  readonly title: string;
  readonly planned?: PlannedStep;
}

/** Rows of the plan; phases are headings and cannot be chosen. */
export function planRows(plan: readonly PlannedPhase[]): PlanRow[] {
  const needed = plan.flatMap((phase) => {
    const steps = phase.steps.filter((step) => step.hosts.some((one) => one.when.run !== 'no'));
    return steps.length === 0 ? [] : [{ title: phase.phase.title, steps }];
  });
  return needed.flatMap(({ title, steps }, index) => {
    const heading: PlanRow = { kind: 'phase', title: `${index + 1} ${title}` };
    return [heading, ...steps.map((planned): PlanRow => ({ kind: 'step', title: planned.step.title, planned }))];
  });
}

/** Where the work is: the row of the first step that is not over. */
export function currentRow(rows: readonly PlanRow[]): number {
  const at = rows.findIndex(
    (row) =>
      row.planned !== undefined && !['done', 'already', 'skipped', 'undone'].includes(stepStatus(row.planned) ?? ''),
  );
  return at < 0 ? Math.max(0, rows.length - 1) : at;
}

const ORDER: readonly CellStatus[] = ['failed', 'doubt', 'running', 'begun'];

/** One status for a step on several hosts: the one that needs eyes. */
export function stepStatus(planned: PlannedStep): CellStatus | undefined {
  const cells = planned.hosts.filter((one) => one.when.run !== 'no').map((one) => shownStatus(one.cell) ?? 'waiting');
  for (const status of ORDER) if (cells.includes(status)) return status;
  if (cells.includes('waiting')) return cells.every((status) => status === 'waiting') ? 'waiting' : 'running';
  return cells.includes('undone')
    ? 'undone'
    : cells.every((status) => status === 'skipped')
      ? 'skipped'
      : cells.includes('done')
        ? 'done'
        : cells[0];
}

export function planLines(
  state: ConsoleState,
  width: number,
  height: number,
  cursor: number,
  focused: boolean,
): Line[] {
  const rows = planRows(state.plan);
  const { items, from } = windowOf(rows, cursor, height);
  return items.map((row, index) => {
    const drawn = row.planned === undefined ? [seg(row.title, 'strong')] : stepLine(state, row.planned, width);
    return focused && from + index === cursor ? exactly(drawn, width).map((one) => ({ ...one, inverse: true })) : drawn;
  });
}

function stepLine(state: ConsoleState, planned: PlannedStep, width: number): Line {
  const status = stepStatus(planned);
  const { glyph, tone } = statusGlyph(status);
  const hosts = planned.hosts.filter((one) => one.when.run !== 'no');
  const over = hosts.filter((one) => ['done', 'already', 'skipped', 'undone'].includes(one.cell?.status ?? '')).length;
  const count = hosts.length > 1 ? `${over}/${hosts.length}` : hosts[0]?.host === HERE ? '' : (hosts[0]?.host ?? '');
  const active = status === 'running' || status === 'begun';
  const effect = status === 'waiting' ? effectGlyph(planned.step.effect) : ' ';
  const left: Line = [
    seg(`${glyph} `, tone),
    seg(`${effect} `, planned.step.effect === 'destroy' ? 'bad' : 'dim'),
    seg(planned.step.title, active ? 'accent' : status === 'waiting' ? 'dim' : 'plain'),
  ];
  return spread(
    left,
    [seg(` ${count} `, 'dim'), seg(pad(timeOf(state, hosts, planned), 7).padStart(7), active ? 'accent' : 'dim')],
    width,
  );
}

/** How long it took, takes, or usually takes. Hosts one by one add up; together the longest counts. */
function timeOf(state: ConsoleState, hosts: readonly PlannedHost[], planned: PlannedStep): string {
  const spans = hosts.flatMap((one) => cellSpan(one.cell, state.now) ?? []);
  if (spans.length === 0)
    return (stepStatus(planned) === 'waiting' ? `~${clockSpan(expected(state, planned))}` : '').padStart(7);
  return clockSpan(stepSpan(planned, spans)).padStart(7);
}

/** What a step usually takes: as drills on this machine showed, else as its author says. */
export function expected(state: ConsoleState, { step }: PlannedStep): number {
  const drilled = state.estimates.get(step.id);
  return drilled === undefined ? step.expectMs : drilled * 1000;
}

export const stepSpan = (planned: PlannedStep, spans: readonly number[]): number =>
  planned.order === 'together' ? Math.max(...spans) : spans.reduce((sum, span) => sum + span, 0);

/** A step that has only been looked at before its gate is shown as waiting: nothing of it runs. */
export const shownStatus = (cell: Cell | undefined): CellStatus | undefined =>
  cell?.status === 'begun' && cell.gated && cell.sent.length === 0 ? 'waiting' : cell?.status;

/** `6/21`: how many steps are over, of how many. */
export function planCount(plan: readonly PlannedPhase[]): { done: number; all: number } {
  const steps = planRows(plan).flatMap((row) => (row.planned === undefined ? [] : [stepStatus(row.planned)]));
  return {
    done: steps.filter((status) => ['done', 'already', 'skipped', 'undone'].includes(status ?? '')).length,
    all: steps.length,
  };
}
