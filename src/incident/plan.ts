import { type Cell, cellKey, contextOf, type IncidentState, isSettled } from './state.js';
import type { Effect, GateSpec, Order, Phase, Scenario, Step, StepContext, When } from './step.js';
import { HERE } from './step.js';

/** A step with the hosts it concerns now; made again from scenario and state after every event. */
export interface PlannedStep {
  readonly step: Step;
  readonly number: number;
  readonly order: Order;
  readonly hosts: readonly PlannedHost[];
}

export interface PlannedHost {
  readonly host: string;
  readonly when: When;
  readonly cell?: Cell;
}

export interface PlannedPhase {
  readonly phase: Phase;
  readonly order: Order;
  readonly steps: readonly PlannedStep[];
}

const ALWAYS: When = { run: 'yes' };

/** The whole plan as it stands. Numbers run through the steps that are carried out: the sixth of 24 is step 6. */
export function planOf(scenario: Scenario, state: IncidentState): PlannedPhase[] {
  let number = 0;
  return scenario.phases.map((phase) => {
    const whole = contextOf(state, HERE, 1, true);
    const hosts = phase.hosts(whole);
    const order = phase.order(whole);
    return {
      phase,
      order,
      steps: phase.steps.map((step) => {
        const planned = hosts.map((host) => plannedHost(step, host, state));
        if (planned.some((one) => one.when.run !== 'no')) number += 1;
        return { step, number, order, hosts: planned };
      }),
    };
  });
}

function plannedHost(step: Step, host: string, state: IncidentState): PlannedHost {
  const cell = state.cells[cellKey(step.id, host)];
  const when = step.when?.(contextOf(state, host, Math.max(1, cell?.attempt ?? 1), true)) ?? ALWAYS;
  return { host, when, ...(cell === undefined ? {} : { cell }) };
}

/** Whether nothing remains to be done for this step on this host. */
export const isOver = (planned: PlannedHost): boolean => isSettled(planned.cell) || planned.when.run === 'no';

export function findStep(scenario: Scenario, id: string): Step | undefined {
  return scenario.phases.flatMap((phase) => phase.steps).find((step) => step.id === id);
}

/** The strongest effect among the steps behind a gate. */
export function gateEffect(scenario: Scenario, gate: string): Effect {
  const effects = scenario.phases
    .flatMap((phase) => phase.steps)
    .filter((step) => step.gate === gate)
    .map((step) => step.effect);
  return effects.includes('destroy') ? 'destroy' : effects.includes('change') ? 'change' : 'observe';
}

export function gateSpec(scenario: Scenario, id: string): GateSpec {
  const spec = scenario.gates.find((gate) => gate.id === id);
  if (spec === undefined) throw new Error(`scenario ${scenario.id} has no gate ${id}`);
  return spec;
}

/** Steps and hosts behind a gate that are not over yet, in order. */
export function behindGate(
  scenario: Scenario,
  state: IncidentState,
  gate: string,
): { step: Step; host: string; context: StepContext }[] {
  return planOf(scenario, state)
    .flatMap((phase) => phase.steps)
    .filter((planned) => planned.step.gate === gate)
    .flatMap((planned) =>
      planned.hosts
        .filter((host) => !isOver(host))
        .map(({ host, cell }) => ({
          step: planned.step,
          host,
          context: contextOf(state, host, Math.max(1, cell?.attempt ?? 1), true),
        })),
    );
}

/** What is wrong with a scenario as data: steps without gates, gates without steps, names used twice. */
export function scenarioFaults(scenario: Scenario): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  const gates = new Set(scenario.gates.map((gate) => gate.id));
  const used = new Set<string>();
  for (const step of scenario.phases.flatMap((phase) => phase.steps)) {
    if (seen.has(step.id)) faults.push(`two steps are called ${step.id}`);
    seen.add(step.id);
    if (step.effect !== 'observe' && step.gate === undefined)
      faults.push(`${step.id} changes something and has no gate`);
    if (step.gate !== undefined && !gates.has(step.gate)) faults.push(`${step.id} names an unknown gate ${step.gate}`);
    if (step.gate !== undefined) used.add(step.gate);
    if (step.effect !== 'observe' && step.run === undefined) faults.push(`${step.id} has an effect but runs nothing`);
  }
  for (const gate of gates) if (!used.has(gate)) faults.push(`gate ${gate} guards no step`);
  for (const step of scenario.phases.flatMap((phase) => phase.steps)) {
    if (step.holdsUntil?.some((id) => !seen.has(id)) === true) faults.push(`${step.id} holds until an unknown step`);
  }
  for (const [at, { id, beside }] of scenario.phases.entries()) {
    if (beside !== undefined && !scenario.phases.slice(0, at).some((phase) => phase.id === beside))
      faults.push(`phase ${id} runs beside ${beside}, which is no earlier phase`);
  }
  if (!seen.has(scenario.pointOfNoReturn)) faults.push('the point of no return is no step');
  return faults;
}
