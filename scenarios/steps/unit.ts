import type { Answer } from '../../src/incident/command.js';
import { look } from '../../src/incident/command.js';
import type { Judgement, StepContext } from '../../src/incident/step.js';
import { readFile, showUnit } from '../../src/k3s/ask.js';
import { parseReceipt, type Receipt } from '../../src/k3s/reset.js';
import { runDir } from '../../src/k3s/scripts.js';
import { parseUnit, type UnitState } from '../../src/k3s/systemd.js';
import { at, no, silence, underWay } from './judge.js';

/** Long work as a transient unit with a receipt (architecture, *Doing it once*). */

/** Named from run, step, host and attempt, so that no two attempts can be confused. */
export const unitName = (context: StepContext, step: string): string =>
  `blackstart-${context.runId}-${step}-${context.host}-a${context.attempt}`;

export const attemptDir = (context: StepContext, step: string): string =>
  `${runDir(context.runId)}/${step}-a${context.attempt}`;

export const wrapperPath = (context: StepContext): string => `${runDir(context.runId)}/with-receipt.sh`;

/** Asks for receipt, unit, attempt directory and the end of the output, in this order. */
export const askUnit = (context: StepContext, step: string) => [
  look(readFile(`${attemptDir(context, step)}/receipt`)),
  look(
    showUnit(`${unitName(context, step)}.service`, [
      'LoadState',
      'ActiveState',
      'SubState',
      'Result',
      'ExecMainStatus',
    ]),
  ),
  look(['stat', '-c', '%Y', `${attemptDir(context, step)}/started`]),
  look(['tail', '-n', '200', `${attemptDir(context, step)}/output`], { maxBytes: 256_000 }),
];

export interface UnitAnswer {
  readonly receipt: Receipt | undefined;
  readonly unit: UnitState;
  readonly output: string;
}

/** The receipt when there is one; else a judgement: under way, never started, or killed in the middle. */
export function readUnit(answers: readonly Answer[]): UnitAnswer | Judgement {
  const quiet = silence(answers.slice(0, 4));
  if (quiet !== undefined) return quiet;
  const receipt = at(answers, 0).code === 0 ? parseReceipt(at(answers, 0).stdout) : undefined;
  const unit = parseUnit(at(answers, 1).stdout);
  const output = at(answers, 3).stdout;
  if (receipt !== undefined) return { receipt, unit, output };
  const begun = at(answers, 2).code === 0;
  const running =
    unit.load === 'loaded' && (unit.active === 'active' || unit.active === 'activating') && unit.sub !== 'exited';
  if (running) return underWay(begun ? 'under way' : 'unit starting');
  return begun ? { receipt: undefined, unit, output } : no('not started');
}

export const isJudgement = (value: UnitAnswer | Judgement): value is Judgement => 'answer' in value;
