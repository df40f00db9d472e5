import { ProblemError, toProblem } from '../base/problem.js';
import type { ExecResult, Host } from '../remote/host.js';

/** Asking one host several things at once; what it cannot answer is a fact of its own, never an exception. */

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export type AskHost = (
  argv: readonly string[],
  more?: { root?: boolean; timeoutMs?: number; maxBytes?: number },
) => Promise<Said>;

const SILENT: Said = { code: null, stdout: '', stderr: '' };

/**
 * A way to ask on the lane of probes. The first call that finds the host unreachable or refusing throws;
 * a command that is missing or times out is just an answer without content.
 */
export function asker(host: Pick<Host, 'exec'> & Partial<Pick<Host, 'connection'>>, signal: AbortSignal): AskHost {
  return async (argv, { root = true, timeoutMs = 10_000, maxBytes = 1_000_000 } = {}) => {
    try {
      const result: ExecResult = await host.exec({ argv, root, timeoutMs, maxBytes, signal, lane: 'watch' });
      return { code: result.code, stdout: result.stdout, stderr: result.stderr };
    } catch (error) {
      // A connection that stands, with every session busy, is slow and not gone.
      const busy =
        error instanceof ProblemError && error.problem.id === 'host-timeout' && host.connection?.().state === 'up';
      if (busy || (error instanceof ProblemError && error.problem.id === 'command-timeout')) return SILENT;
      throw new ProblemError(toProblem(error), error instanceof ProblemError ? error.exit : 3, { cause: error });
    }
  };
}
