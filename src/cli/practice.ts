import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, ProblemError } from '../base/problem.js';

export interface PracticeOptions {
  readonly faults: readonly string[];
  readonly seed?: number;
  readonly speed?: number;
  /** It may be overwritten with another cluster's backup. */
  readonly rehearsal?: boolean;
  /** Directory with the copy of a real backup it is loaded with. */
  readonly load?: string;
}

export interface Practice {
  /** Path of its `cluster.yaml`. */
  readonly inventory: string;
  /** Directory with its keys and files. */
  readonly directory: string;
  readonly pid: number;
  /** Ends it and removes its directory. */
  stop(): void;
}

/**
 * Starts the practice cluster as a process of its own, which outlives this one: a console that was killed finds it standing.
 * It is reached only through the inventory it writes, like any other cluster.
 */
export function startPractice(options: PracticeOptions): Promise<Practice> {
  const directory = mkdtempSync(join(tmpdir(), 'blackstart-practice-'));
  const entry = fileURLToPath(new URL('../practice/main.js', import.meta.url));
  const args = [entry, '--dir', directory, ...options.faults.flatMap((fault) => ['--fault', fault])];
  if (options.seed !== undefined) args.push('--seed', String(options.seed));
  if (options.speed !== undefined) args.push('--speed', String(options.speed));
  if (options.rehearsal === true) args.push('--rehearsal');
  if (options.load !== undefined) args.push('--load', options.load);
  // Its messages go to a file: a pipe would break when this process is killed, and it has to outlive us.
  const log = join(directory, 'practice.log');
  const messages = openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', messages] });
  closeSync(messages);
  const failed = (what: string): ProblemError =>
    new ProblemError(
      {
        id: 'practice-failed',
        what: `The practice cluster did not start: ${what}`,
        next: 'Try again; if it stays so, report it with this text.',
      },
      EXIT.bug,
    );
  return new Promise((resolve, reject) => {
    let out = '';
    const { stdout } = child;
    if (stdout === null) return reject(failed('it has no standard output'));
    child.on('error', (error) => reject(failed(error.message)));
    child.on('exit', (code) => {
      const said = readFileSync(log, 'utf8').slice(-4_000).trim();
      // A wrong fault name is a usage error of ours to pass on; everything else is a bug.
      reject(
        code === EXIT.usage
          ? new ProblemError({ id: 'usage', what: said, next: 'See: blackstart drill --help' }, EXIT.usage)
          : failed(said || `exit ${code}`),
      );
    });
    stdout.on('data', (data: Buffer) => {
      out += data.toString();
      const line = out.indexOf('\n');
      if (line < 0) return;
      const ready = JSON.parse(out.slice(0, line)) as { inventory: string; pid: number };
      stdout.destroy();
      child.removeAllListeners('exit');
      child.unref();
      resolve(practiceAt({ inventory: ready.inventory, directory, pid: ready.pid }));
    });
  });
}

/** A practice cluster that runs already. */
export const practiceAt = ({ inventory, directory, pid }: Omit<Practice, 'stop'>): Practice => ({
  inventory,
  directory,
  pid,
  stop: () => stop(pid, directory),
});

function stop(pid: number, directory: string): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
  rmSync(directory, { recursive: true, force: true });
}
