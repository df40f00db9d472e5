import { type Holder, holderText, silence } from './acting.js';
import { findStep, isOver, planOf } from './plan.js';
import { type Cell, cellKey, gateOpen, type IncidentState, isSettled } from './state.js';
import { HERE, type Scenario, type Step } from './step.js';
import { clock, minute } from './times.js';

/** What the next person must know, on one screen: how it stands, what is in doubt, what is decided next, what must not be done. */
export interface Handover {
  readonly state: readonly string[];
  readonly doubts: readonly string[];
  readonly next: readonly string[];
  readonly mustNot: readonly string[];
}

export function handoverOf(scenario: Scenario | undefined, state: IncidentState, holder?: Holder): Handover {
  return {
    state: stateLines(scenario, state, holder),
    doubts: doubtLines(scenario, state),
    next: nextLines(scenario, state),
    mustNot: mustNotLines(scenario, state),
  };
}

function stateLines(scenario: Scenario | undefined, state: IncidentState, holder: Holder | undefined): string[] {
  const steps = scenario === undefined ? [] : planOf(scenario, state).flatMap((phase) => phase.steps);
  const over = steps.filter((step) => step.hosts.every(isOver)).length;
  const { primary, snapshot } = state.choices;
  return [
    `run ${state.runId} on ${state.cluster.name}, opened ${minute(state.openedAt)}`,
    holder === undefined
      ? `acts: ${state.operator} on ${state.machine}`
      : `acts: ${holderText(holder)}, last sign of life ${silence(holder.silentFor)} ago`,
    scenario === undefined ? 'no scenario is chosen' : `${scenario.title}: ${over} of ${steps.length} steps are over`,
    ...(state.undoing === undefined ? [] : [`being undone since ${clock(state.undoing.at)}: ${state.undoing.reason}`]),
    ...(primary === undefined ? [] : [`restored on ${primary}${snapshot === undefined ? '' : ` from ${snapshot}`}`]),
    ...(state.paused ? ['paused: nothing new starts'] : []),
    ...(state.ended === undefined
      ? []
      : [`ended ${clock(state.ended.at)}: ${state.ended.outcome}. ${state.ended.summary}`]),
    ...Object.entries(state.attested).map(
      ([host, one]) => `${host} is ${one.as === 'off' ? 'off' : 'left out'}: ${one.words}`,
    ),
    ...(state.papers?.without ?? []).map(({ host, why }) => `no papers on ${host}: ${why}`),
  ];
}

function doubtLines(scenario: Scenario | undefined, state: IncidentState): string[] {
  return Object.values(state.cells).flatMap((cell) => {
    const step = titleOf(scenario, cell);
    if (cell.status === 'failed' || cell.status === 'doubt')
      return [`${step} ${cell.status === 'failed' ? 'failed' : 'is in doubt'}: ${cell.trouble?.what ?? ''}`];
    if (cell.status !== 'running') return [];
    const open = [...cell.sent, ...(cell.announced === undefined ? [] : [cell.announced])].filter(
      (one) => one.returned === undefined,
    );
    const never = open.filter((one) => one.command.again === 'never');
    if (never.length > 0)
      return never.map(
        (one) => `${step}: it is not known yet whether this ran: ${one.command.argv.join(' ').slice(0, 160)}`,
      );
    return [`${step} is under way${cell.evidence.length > 0 ? `: ${cell.evidence.join('; ')}` : ''}`];
  });
}

function nextLines(scenario: Scenario | undefined, state: IncidentState): string[] {
  if (state.ended !== undefined) return ['nothing: the run has ended'];
  const troubled = Object.values(state.cells).filter((cell) => cell.status === 'failed' || cell.status === 'doubt');
  if (troubled.length > 0)
    return troubled.map((cell) => `${titleOf(scenario, cell)}: ${cell.trouble?.next ?? 'look at the host'}`);
  if (scenario === undefined) return ['choose a scenario'];
  if (!state.begun) return ['begin the plan'];
  for (const { step, hosts } of planOf(scenario, state).flatMap((phase) => phase.steps)) {
    const open = hosts.filter((one) => !isOver(one)).map((one) => one.host);
    if (open.length === 0) continue;
    const gate = scenario.gates.find((one) => one.id === step.gate);
    const waits = gate !== undefined && !open.every((host) => gateOpen(state, gate.id, host));
    return [`${step.title} (${namesOf(open)})${waits ? `, behind the gate "${gate.title}"` : ''}`, step.why];
  }
  return ['nothing is left to do'];
}

function mustNotLines(scenario: Scenario | undefined, state: IncidentState): string[] {
  if (scenario === undefined || state.ended?.outcome === 'recovered' || state.ended?.outcome === 'undone') return [];
  const lines: string[] = [];
  const sentNever = Object.values(state.cells).some(
    (cell) => !isSettled(cell) && [...cell.sent, cell.announced].some((one) => one?.command.again === 'never'),
  );
  if (sentNever) lines.push('repeat a command that is in doubt: look at the host, its receipt tells whether it ran');
  for (const step of scenario.phases.flatMap((phase) => phase.steps)) {
    const held = heldHosts(step, state);
    if (held.length > 0) lines.push(`let "${step.title}" come undone on ${namesOf(held)}: ${step.why}`);
  }
  if (state.begun) lines.push('act from two consoles: one person carries it out, the others look');
  return lines;
}

/** Hosts where what a step brought about must stay as it is. */
function heldHosts(step: Step, state: IncidentState): string[] {
  if (step.holdsUntil === undefined) return [];
  return Object.values(state.cells)
    .filter((cell) => cell.step === step.id && isSettled(cell) && cell.status !== 'skipped')
    .filter(
      (cell) => step.holdsUntil?.some((id) => (state.cells[cellKey(id, cell.host)]?.sent.length ?? 0) > 0) !== true,
    )
    .map((cell) => cell.host);
}

function titleOf(scenario: Scenario | undefined, cell: Cell): string {
  const title = scenario === undefined ? cell.step : (findStep(scenario, cell.step)?.title ?? cell.step);
  return cell.host === HERE ? title : `${title} on ${cell.host}`;
}

const namesOf = (hosts: readonly string[]): string => hosts.map((host) => (host === HERE ? 'here' : host)).join(', ');

/** As plain lines, for paper and for a dialogue of lines. */
export function handoverText(handover: Handover): string[] {
  const list = (title: string, lines: readonly string[]): string[] => [
    title,
    ...(lines.length === 0 ? ['  nothing'] : lines.map((text) => `  - ${text}`)),
    '',
  ];
  return [
    ...list('How it stands', handover.state),
    ...list('In doubt or under way', handover.doubts),
    ...list('Next', handover.next),
    ...list('Do not', handover.mustNot),
  ];
}
