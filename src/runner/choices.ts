import type { Cell, IncidentState } from '../incident/state.js';
import type { ChoiceKey, Step } from '../incident/step.js';

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

/** What depended on a changed choice and is to be done again. */
export function staleCells(steps: readonly Step[], state: IncidentState, key: ChoiceKey): Cell[] {
  const stale = new Set(steps.filter((step) => step.dependsOn?.includes(key) === true).map((step) => step.id));
  return Object.values(state.cells).filter((cell) => stale.has(cell.step) && cell.status !== 'waiting');
}
