import { type Problem, problemLines } from '../base/problem.js';

/** Standard output and standard error: the only file that writes to them, besides the renderer. */

// Whoever reads may have seen enough (`| head`): that must not end the work, which still has to clean up.
process.stdout.on('error', () => undefined);

export const out = (text: string): void => void process.stdout.write(`${text}\n`);
export const err = (text: string): void => void process.stderr.write(`${text}\n`);
export const json = (value: unknown): void => out(JSON.stringify(value, null, 2));

export function sayProblem(problem: Problem): void {
  for (const line of problemLines(problem)) err(line);
}
