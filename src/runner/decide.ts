import type { Attention } from '../incident/attention.js';
import type { Command } from '../incident/command.js';
import { isOver, type PlannedHost, type PlannedPhase, type PlannedStep, planOf } from '../incident/plan.js';
import { type Cell, cellKey, contextOf, gateOpen, type IncidentState } from '../incident/state.js';
import type { Scenario, Step } from '../incident/step.js';

/**
 * What comes next, from the record alone. A crash changes nothing here: whoever folds the same events decides the same.
 * What is already being done in this process is left out by the runner, not here.
 */
export type Decision =
  | { readonly do: 'begin'; readonly step: Step; readonly host: string }
  /** Keep what the attempt sends, before the first of it is sent. */
  | { readonly do: 'fix'; readonly step: Step; readonly host: string; readonly commands: readonly Command[] }
  /** Ask whether the step is done: before running it, or after (again and again until it is). */
  | { readonly do: 'ask'; readonly step: Step; readonly host: string; readonly when: 'before' | 'after' }
  | {
      readonly do: 'send';
      readonly step: Step;
      readonly host: string;
      readonly index: number;
      readonly command: Command;
    }
  /** A command that must not run twice was sent and nobody knows what became of it. */
  | { readonly do: 'resolve'; readonly step: Step; readonly host: string; readonly index: number }
  | { readonly do: 'fail'; readonly step: Step; readonly host: string; readonly index: number }
  | { readonly do: 'gate'; readonly gate: string }
  | { readonly do: 'attend'; readonly step: Step; readonly host: string; readonly why: 'failed' | 'doubt' | 'late' }
  | { readonly do: 'finish' };

/** What waits for a person among decisions: a trouble before a gate. */
export function waiting(decisions: readonly Decision[]): Attention {
  const trouble = decisions.find((decision) => decision.do === 'attend');
  if (trouble !== undefined) return { kind: 'trouble', step: trouble.step.id, host: trouble.host, why: trouble.why };
  const gate = decisions.find((decision) => decision.do === 'gate');
  return gate === undefined ? { kind: 'none' } : { kind: 'gate', gate: gate.gate, checking: false };
}

export function decide(scenario: Scenario, state: IncidentState): Decision[] {
  if (state.ended !== undefined) return [];
  const plan = planOf(scenario, state);
  const decisions: Decision[] = [];
  const troubled = attention(plan);
  const mayStart = state.begun && !state.paused && troubled.length === 0;
  decisions.push(...troubled);
  const reached = frontier(plan);
  const early = earlySteps(plan, reached);
  for (const { planned, step, start } of [
    ...reached.map((one) => ({ ...one, start: mayStart || one.step.early === true })),
    ...early,
  ]) {
    const decision = nextFor(scenario, state, step, planned, start);
    if (decision !== undefined) decisions.push(decision);
  }
  if (reached.length === 0 && state.begun && troubled.length === 0) decisions.push({ do: 'finish' });
  return onlyOneGate(decisions);
}

interface Reached {
  readonly step: Step;
  readonly planned: PlannedHost;
}

/** Steps and hosts whose turn it is: those before them are over, but for phases that they run beside. */
function frontier(plan: readonly PlannedPhase[]): Reached[] {
  const open = plan.map(frontierOf);
  // Also how many phases from the first one on are over; -1 when all are.
  const firstOpen = open.findIndex((reached) => reached.length > 0);
  return plan.flatMap(({ phase }, at) => {
    const from = phase.beside === undefined ? at : plan.findIndex((one) => one.phase.id === phase.beside);
    return firstOpen < from ? [] : (open[at] ?? []);
  });
}

function frontierOf(phase: PlannedPhase): Reached[] {
  const hosts = [...new Set(phase.steps.flatMap((step) => step.hosts.map((one) => one.host)))];
  const size = phase.order === 'together' ? hosts.length : phase.order === 'one-by-one' ? 1 : phase.order.batches;
  for (let at = 0; at < hosts.length; at += Math.max(1, size)) {
    const group = new Set(hosts.slice(at, at + Math.max(1, size)));
    for (const planned of phase.steps) {
      const open = planned.hosts.filter((one) => group.has(one.host) && !isOver(one));
      if (open.length > 0) return open.map((one) => ({ step: planned.step, planned: one }));
    }
  }
  return [];
}

/** Observing steps that may begin before their turn, as soon as their inputs are known. */
function earlySteps(plan: readonly PlannedPhase[], reached: readonly Reached[]): (Reached & { start: boolean })[] {
  const taken = new Set(reached.map((one) => cellKey(one.step.id, one.planned.host)));
  return plan
    .flatMap((phase) => phase.steps)
    .filter((planned: PlannedStep) => planned.step.early === true)
    .flatMap((planned) =>
      planned.hosts
        .filter((one) => one.when.run === 'yes' && !isOver(one) && !taken.has(cellKey(planned.step.id, one.host)))
        .map((one) => ({ step: planned.step, planned: one, start: true })),
    );
}

function attention(plan: readonly PlannedPhase[]): Extract<Decision, { do: 'attend' }>[] {
  return plan
    .flatMap((phase) => phase.steps)
    .flatMap((planned) =>
      planned.hosts.flatMap(({ host, cell }): Extract<Decision, { do: 'attend' }>[] => {
        if (cell?.status === 'failed' || cell?.status === 'doubt') {
          return [{ do: 'attend' as const, step: planned.step, host, why: cell.status }];
        }
        return cell?.late === true ? [{ do: 'attend' as const, step: planned.step, host, why: 'late' as const }] : [];
      }),
    );
}

function nextFor(
  scenario: Scenario,
  state: IncidentState,
  step: Step,
  planned: PlannedHost,
  mayStart: boolean,
): Decision | undefined {
  const { host, cell } = planned;
  if (planned.when.run === 'not-known-yet') return undefined;
  if (cell === undefined || cell.status === 'waiting') return mayStart ? { do: 'begin', step, host } : undefined;
  if (cell.status === 'failed' || cell.status === 'doubt') return undefined;
  if (!cell.clear) return { do: 'ask', step, host, when: 'before' };
  if (step.run === undefined) return { do: 'ask', step, host, when: 'after' };
  const commands = cell.commands ?? step.run(contextOf(state, host, cell.attempt));
  return nextCommand(scenario, state, { step, host, cell, commands, mayStart });
}

interface Sending {
  readonly step: Step;
  readonly host: string;
  readonly cell: Cell;
  readonly commands: readonly Command[];
  readonly mayStart: boolean;
}

function nextCommand(scenario: Scenario, state: IncidentState, sending: Sending): Decision | undefined {
  const { step, host, cell, commands, mayStart } = sending;
  for (const [index, command] of commands.entries()) {
    const sent = cell.sent.find((one) => one.index === index);
    if (sent?.returned?.ok === true) continue;
    const inDoubt = sent !== undefined && (sent.returned === undefined || sent.returned.doubt);
    if (sent !== undefined && !inDoubt) return { do: 'fail', step, host, index };
    if (inDoubt && command.again === 'never') return { do: 'resolve', step, host, index };
    if (!mayStart) return undefined;
    if (step.gate !== undefined && !gateOpen(state, step.gate, host)) {
      return scenario.gates.some((gate) => gate.id === step.gate) ? { do: 'gate', gate: step.gate } : undefined;
    }
    if (cell.commands === undefined) return { do: 'fix', step, host, commands };
    return { do: 'send', step, host, index, command };
  }
  return { do: 'ask', step, host, when: 'after' };
}

/** Several hosts may stand before the same gate: it is one decision. */
function onlyOneGate(decisions: readonly Decision[]): Decision[] {
  let gate = false;
  return decisions.filter((decision) => {
    if (decision.do !== 'gate') return true;
    const first = !gate;
    gate = true;
    return first;
  });
}
