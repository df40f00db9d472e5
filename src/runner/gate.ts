import type { GateView } from '../incident/attention.js';
import { behindGate, findStep, gateEffect, gateSpec } from '../incident/plan.js';
import { contextOf, type IncidentState, isSettled } from '../incident/state.js';
import { type GateCheck, HERE, type Scenario } from '../incident/step.js';

export function gateView(scenario: Scenario, state: IncidentState, id: string): Omit<GateView, 'facts' | 'changed'> {
  const spec = gateSpec(scenario, id);
  const behind = behindGate(scenario, state, id);
  const context = contextOf(state, HERE, 1, true);
  const titles = [...new Set(behind.map((one) => one.step.title))];
  const typed = spec.typed(context);
  return {
    id,
    title: spec.title,
    effect: gateEffect(scenario, id),
    ...(typed === undefined ? {} : { typed }),
    hosts: [...new Set(behind.map((one) => one.host))],
    steps: titles.map((title) => ({
      title,
      hosts: behind.filter((one) => one.step.title === title).map((one) => one.host),
    })),
    does: spec.does(context),
    loses: spec.loses(context),
    losses: spec.losses?.(context) ?? [],
    keeps: spec.keeps(context),
    undo: spec.undo,
    commands: behind.flatMap(({ step, host, context: own }) =>
      (step.run?.(own) ?? []).map((command) => ({
        host: command.kind === 'exec' ? (command.on ?? host) : host,
        command,
      })),
    ),
  };
}

/** What must be true at this gate: its own checks, and the postconditions that earlier steps promised to keep till later. */
export function gateChecks(scenario: Scenario, state: IncidentState, id: string): GateCheck[] {
  const own = gateSpec(scenario, id).checks?.(contextOf(state, HERE, 1, true)) ?? [];
  return [...heldChecks(scenario, state), ...own];
}

function heldChecks(scenario: Scenario, state: IncidentState): GateCheck[] {
  return Object.values(state.cells).flatMap((cell) => {
    const step = findStep(scenario, cell.step);
    if (step?.holdsUntil === undefined || !isSettled(cell) || cell.status === 'skipped') return [];
    // What holds for the cluster as a whole ends with the step on whatever host it runs.
    const released = step.holdsUntil.some((id) =>
      Object.values(state.cells).some(
        (until) => until.step === id && until.sent.length > 0 && (cell.host === HERE || until.host === cell.host),
      ),
    );
    if (released) return [];
    return [{ title: step.title, host: cell.host, question: step.done }];
  });
}
