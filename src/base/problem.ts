/** Exit codes of the program: the contract with scripts and cron (README, *Exit codes*). */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  unreachable: 3,
  stopped: 4,
  locked: 5,
  bug: 70,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error as the operator reads it: what failed, where, what it left behind, what to do next. */
export interface Problem {
  /** Stable short name, for tests, JSON and lookup: `host-key-changed`. */
  readonly id: string;
  /** One sentence: what failed. */
  readonly what: string;
  /** Host, file with line and column, bucket: where it failed. */
  readonly where?: string;
  /** What is now different from before, or that nothing is. */
  readonly left?: string;
  /** What to do next. */
  readonly next: string;
}

/** Carries a {@link Problem} through code that throws. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly problem: Problem,
    readonly exit: ExitCode = EXIT.unreachable,
    options?: { cause?: unknown },
  ) {
    super(problem.what, options);
  }
}

/** The problem inside anything thrown; what is not one of ours becomes an unexpected one, without a stack trace. */
export function toProblem(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return thrown.problem;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return { id: 'unexpected', what: text, next: 'This was not foreseen. Look at the details, then retry or stop here.' };
}

/** A problem on one or more plain lines, for commands that print. */
export function problemLines(problem: Problem): string[] {
  const lines = [problem.where === undefined ? problem.what : `${problem.where}: ${problem.what}`];
  if (problem.left !== undefined) lines.push(`  left behind: ${problem.left}`);
  lines.push(`  next: ${problem.next}`);
  return lines;
}
