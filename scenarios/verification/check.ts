import type { Answer, ExecCommand } from '../../src/incident/command.js';
import { look } from '../../src/incident/command.js';
import type { IncidentState } from '../../src/incident/state.js';
import type { StepContext } from '../../src/incident/step.js';
import type { VerificationRow } from '../../src/incident/verification.js';
import { kubectl } from '../../src/k3s/ask.js';
import { k3sTools } from '../steps/hosts.js';

/** What a check of the verification is, and words its judges share. */

export interface Check {
  readonly id: string;
  readonly title: string;
  ask(seen: CheckContext): readonly ExecCommand[];
  judge(answers: readonly Answer[], seen: CheckContext): Found;
}

export type Found = Omit<VerificationRow, 'id' | 'title'>;

export interface CheckContext {
  /** About the server that is asked. */
  readonly context: StepContext;
  readonly state: IncidentState;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What lives in the proven snapshot by kind, as `namespace/name`; undefined where the file is not at hand: then kinds are counted. */
  readonly held?: ReadonlyMap<string, readonly string[]>;
}

export const kube = ({ context }: CheckContext, ...args: string[]): ExecCommand =>
  look(kubectl(k3sTools(context), ...args), { maxBytes: 64e6 });

export const get = (seen: CheckContext, what: string): ExecCommand => kube(seen, 'get', what, '-A', '-o', 'json');

export const pass = (seen: string): Found => ({ result: 'pass', seen });
export const info = (seen: string, next?: string): Found => ({
  result: 'info',
  seen,
  ...(next === undefined ? {} : { next }),
});
export const fail = (seen: string, next: string): Found => ({ result: 'fail', seen, next });

/** The first answer that is none, as a row; undefined when all are there. */
export function unanswered(answers: readonly Answer[]): Found | undefined {
  const bad = answers.find((one) => one.silent !== undefined || one.code !== 0);
  if (bad === undefined) return undefined;
  const why = bad.silent ?? (bad.stderr.trim().split('\n').at(-1) || `exit ${bad.code}`);
  return { result: 'unknown', seen: `no answer: ${why}`, next: 'Run the verification again when the API answers.' };
}

/** The first names, and how many more there are. */
export function named(items: readonly string[], most = 5): string {
  const first = items.slice(0, most).join(', ');
  return items.length > most ? `${first} and ${items.length - most} more` : first;
}
