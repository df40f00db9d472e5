import { cellKey, contextOf, type IncidentState } from './state.js';
import { HERE, type Scenario, type Step } from './step.js';

/**
 * Undoing as a plan of its own: the recorded successes in reverse, each with its own undo. One gate stands before all of it.
 * Steps without an undo are listed with the reason and left.
 */
export function undoScenario(scenario: Scenario, state: IncidentState): Scenario {
  const steps = scenario.phases.flatMap((phase) => phase.steps);
  const order = new Map(steps.map((step, index) => [step.id, index]));
  const finished = Object.values(state.cells)
    .filter((cell) => touched(cell.status, cell.sent.length))
    .filter((cell) => order.has(cell.step))
    .sort((a, b) => (order.get(b.step) ?? 0) - (order.get(a.step) ?? 0));
  const ids = [...new Set(finished.map((cell) => cell.step))];
  const undone = ids.filter((id) => steps.some((step) => step.id === id && !('none' in step.undo)));
  const named = finished.flatMap((cell) => {
    const undo = steps.find((step) => step.id === cell.step)?.undo;
    if (undo === undefined || 'none' in undo || undo.names === undefined) return [];
    return [undo.names(contextOf(state, cell.host, Math.max(1, cell.attempt), true))];
  });
  return {
    id: `undo-${scenario.id}`,
    title: `Undo: ${scenario.title}`,
    when: 'Puts back what this run has changed, in reverse.',
    pointOfNoReturn: undoId(ids[0] ?? ''),
    missing: () => [],
    backup: 'unused',
    asks: [],
    gates: [
      {
        id: 'undo',
        title: 'Put everything back',
        typed: (context) => context.cluster.name,
        does: () => [`undoes ${undone.length} steps in reverse order`, ...named].join('; '),
        loses: () => 'what the restore has done so far',
        keeps: () => 'every copy and everything that was moved aside',
        undo: 'none: begin the restore again instead',
      },
    ],
    phases: ids.flatMap((id) => {
      const step = steps.find((one) => one.id === id);
      const undoing = step === undefined ? undefined : undoStep(step);
      if (step === undefined || undoing === undefined) return [];
      const hosts = finished.filter((cell) => cell.step === id).map((cell) => cell.host);
      return [
        { id: `undo-${id}`, title: step.title, hosts: () => hosts, order: () => 'together' as const, steps: [undoing] },
      ];
    }),
  };
}

export const undoId = (step: string): string => `undo:${step}`;

function undoStep(step: Step): Step | undefined {
  const undo = step.undo;
  if ('none' in undo) return undefined;
  return {
    id: undoId(step.id),
    title: undo.title,
    runbook: step.runbook,
    effect: undo.effect,
    why: `Undoes: ${step.title}`,
    gate: 'undo',
    done: undo.done,
    run: undo.run,
    pollMs: step.pollMs,
    expectMs: step.expectMs,
    withinMs: step.withinMs,
    undo: { none: 'it is an undo itself' },
    lookup: step.lookup,
  };
}

/** Whether a step may have changed something: also one that failed or is in doubt after something was sent. */
function touched(status: string, sent: number): boolean {
  return status === 'done' || status === 'running' || ((status === 'failed' || status === 'doubt') && sent > 0);
}

/** Steps of the run that cannot be undone any more, with why. */
export function notUndoable(scenario: Scenario, state: IncidentState): { title: string; why: string }[] {
  return scenario.phases
    .flatMap((phase) => phase.steps)
    .filter((step) => 'none' in step.undo && step.effect !== 'observe')
    .filter((step) => hostsOf(state, step.id).length > 0)
    .map((step) => ({ title: step.title, why: 'none' in step.undo ? step.undo.none : '' }));
}

function hostsOf(state: IncidentState, step: string): string[] {
  return [HERE, ...state.cluster.hosts.map((host) => host.name)].filter((host) => {
    const cell = state.cells[cellKey(step, host)];
    return cell !== undefined && touched(cell.status, cell.sent.length);
  });
}
