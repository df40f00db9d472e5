import type { Command } from '../incident/command.js';
import { findStep, isOver, planOf } from '../incident/plan.js';
import { type Cell, contextOf, type IncidentState, isSettled } from '../incident/state.js';
import { type ChoiceKey, HERE, type Scenario, type Step } from '../incident/step.js';
import { Refused } from './refused.js';

/** What a changed choice touches. Pure. */

/** Why a choice cannot change any more: a step that was made from it has been sent and not undone. */
export function lockedBy(steps: readonly Step[], state: IncidentState, key: ChoiceKey): string | undefined {
  const fixing = steps.filter((step) => step.fixes?.includes(key) === true);
  const sent = fixing.find((step) =>
    Object.values(state.cells).some(
      (cell) => cell.step === step.id && cell.sent.length > 0 && cell.status !== 'undone',
    ),
  );
  return sent === undefined
    ? undefined
    : `"${sent.title}" has been run: the ${key} cannot change any more in this run. Undo first.`;
}

/** Why an operator's word on a step is not taken: a step that is done, or still works, must not be begun anew by it. */
export function answerRefused(cell: Cell, choice: 'wait' | 'give-up' | 'retry' | 'look-again'): string | undefined {
  const failed = cell.status === 'failed' || cell.status === 'doubt';
  if (choice === 'wait' || choice === 'give-up')
    return cell.late ? undefined : 'It is not late: nothing waits for that.';
  if (failed) return undefined;
  if (cell.late)
    return 'It is still under way, and a second attempt beside it would not be safe. Wait, or give it up first.';
  return isSettled(cell)
    ? 'It is done: it is not begun again. Undo it first.'
    : 'It is under way: there is nothing to decide.';
}

/** What depended on a changed choice and is to be done again. */
export function staleCells(steps: readonly Step[], state: IncidentState, key: ChoiceKey): Cell[] {
  const stale = new Set(steps.filter((step) => step.dependsOn?.includes(key) === true).map((step) => step.id));
  return Object.values(state.cells).filter((cell) => stale.has(cell.step) && cell.status !== 'waiting');
}

/** What was done here by a step that the newly chosen scenario does in another way: a backup proven for this cluster, or for another one. */
export function askedOtherwise(scenarios: Iterable<Scenario>, chosen: Scenario, state: IncidentState): Cell[] {
  const others = [...scenarios];
  return Object.values(state.cells).filter((cell) => {
    const own = findStep(chosen, cell.step);
    if (cell.host !== HERE || own === undefined || cell.status === 'waiting') return false;
    return others.some((one) => (findStep(one, cell.step) ?? own).run !== own.run);
  });
}

/** Judgements over all hosts that count no longer when a host comes back, as long as nothing was done on them. */
export function judgedAnew(steps: readonly Step[], state: IncidentState): Cell[] {
  const judging = steps.filter((step) => step.judgesAll === true);
  return Object.values(state.cells).filter((cell) =>
    judging.some((step) => {
      const acted = step.holdsUntil?.some((id) =>
        Object.values(state.cells).some((one) => one.step === id && one.sent.length > 0 && one.status !== 'undone'),
      );
      return step.id === cell.step && cell.status !== 'waiting' && acted !== true;
    }),
  );
}

/**
 * Work on this machine whose file is gone while a step that is still to come needs it, on a host or here: it was fetched by a console
 * elsewhere, or its spool was emptied since. It has to be done again.
 */
export function lostFiles(scenario: Scenario, state: IncidentState, holds: (file: string) => boolean): Cell[] {
  const needed = planOf(scenario, state)
    .flatMap((phase) => phase.steps)
    .flatMap(({ step, hosts }) =>
      hosts
        // What is not known yet cannot say what it will send.
        .filter((one) => one.when.run === 'yes' && !isOver(one))
        .flatMap(({ host, cell }) => cell?.commands ?? step.run?.(contextOf(state, host, 1, true)) ?? []),
    )
    .flatMap(fileOf);
  const lost = new Set([...new Set(needed)].filter((file) => !holds(file)));
  return Object.values(state.cells).filter(
    (cell) =>
      cell.host === HERE && isSettled(cell) && Object.values(cell.learned).some((value) => lost.has(String(value))),
  );
}

/** The file of this machine that a command reads. */
function fileOf(command: Command): string[] {
  if (command.kind === 'put') return 'file' in command.content ? [command.content.file] : [];
  return command.kind === 'task' && typeof command.input.file === 'string' ? [command.input.file] : [];
}

/** Suggestions that change something: never over a choice made by hand, never after it was acted upon. */
export function suggestions(
  steps: readonly Step[],
  state: IncidentState,
  wanted: Partial<Record<ChoiceKey, string>>,
): [ChoiceKey, string][] {
  const { choices } = state;
  return (Object.entries(wanted) as [ChoiceKey, string][]).filter(
    ([key, value]) =>
      choices[key] !== value &&
      (choices[key] === undefined || choices.suggested?.includes(key) === true) &&
      lockedBy(steps, state, key) === undefined,
  );
}

/** @throws Refused where a plan that has begun cannot go on as another one */
export function mayHandOver(scenario: Scenario | undefined, state: IncidentState, to: string): void {
  const over = scenario?.handsOver;
  if (state.undoing !== undefined || over === undefined || over.to !== to)
    throw new Refused('The plan has begun. Undo it or stop before choosing another scenario.');
  const passed = Object.values(state.cells).some((cell) => cell.step === over.until && cell.sent.length > 0);
  if (passed) throw new Refused('The server has been started on its own data: stop this run before choosing another.');
}
