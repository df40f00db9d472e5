import type { Answer } from '../../src/incident/command.js';
import type { JsonObject } from '../../src/incident/json.js';
import type { Judgement } from '../../src/incident/step.js';
import type { UnitState } from '../../src/k3s/systemd.js';

/** Small words for the judges of the steps. */

export const yes = (evidence: string[], learned?: JsonObject): Judgement => ({
  answer: 'yes',
  evidence,
  ...(learned === undefined ? {} : { learned }),
});

export const no = (...evidence: string[]): Judgement => ({ answer: 'no', evidence });

export const underWay = (...evidence: string[]): Judgement => ({ answer: 'no', evidence, underWay: true });

export const unknown = (...evidence: string[]): Judgement => ({ answer: 'unknown', evidence });

export const failed = (evidence: string[], more: Partial<Judgement> = {}): Judgement => ({
  answer: 'failed',
  evidence,
  ...more,
});

/** Tries after which a K3s that was started for the first time is no longer waited for. */
const LOOPS = 5;

/** A K3s that starts and dies over and over, as a failure; undefined where it does not. */
export const looping = (unit: UnitState, more: Partial<Judgement>): Judgement | undefined =>
  unit.restarts < LOOPS ? undefined : failed([`crash loop: restarted ${unit.restarts} times`], more);

/** The first answer nobody gave, as a judgement; undefined when all were given. */
export function silence(answers: readonly Answer[]): Judgement | undefined {
  const silent = answers.find((answer) => answer.silent !== undefined);
  return silent === undefined ? undefined : unknown(`no answer: ${silent.silent}`);
}

/** The answer at a position; a missing one is an answer nobody gave. */
export const at = (answers: readonly Answer[], index: number): Answer =>
  answers[index] ?? { argv: [], code: null, stdout: '', stderr: '', silent: 'not asked' };

/** Bytes for people: `413 MB`. Decimal, as disks and K3s count. */
export function bytes(count: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(count >= size * 10 ? 0 : 1)} ${unit}`;
  }
  return `${count} B`;
}

export const seconds = (count: number): number => count * 1000;
export const minutes = (count: number): number => count * 60_000;
