import { PROGRAMS } from '../programs/index.js';
import { type Output, type Run, UsageError } from '../programs/run.js';
import { FilesError } from './files.js';
import type { PracticeNode } from './node.js';
import { runShell } from './shell.js';

const WRAPPERS = new Set(['env', 'command', 'timeout', 'sudo']);

/** Runs a program by name or path: K3s, one of ours, a shell, or what the node's shell knows; 127 when there is none. */
export async function runProgram(node: PracticeNode, run: Run): Promise<number> {
  const path = run.argv[0] ?? '';
  const name = path.slice(path.lastIndexOf('/') + 1);
  const program = PROGRAMS.get(name);
  try {
    if (name === 'k3s' && !node.files().exists('/usr/local/bin/k3s')) return notFound(run, path);
    if (program === undefined) return await runShell(node, run);
    // Programs that only run another one are gone through again in a copied cluster; the others are remembered.
    if (run.replay === undefined || WRAPPERS.has(name)) return await program(node, run);
    const what = run.argv.join(' ').slice(0, 200);
    return await run.replay.program(what, run.output, (output, pid, started) =>
      program(node, { ...run, output, started, ...(pid === undefined ? {} : { rejoin: pid }) }),
    );
  } catch (error) {
    if (error instanceof UsageError) {
      await run.output.err(`${error.message}\nTry '${name} --help' for more information.\n`);
      return error.code;
    }
    if (error instanceof FilesError) {
      await run.output.err(`${name}: ${error.path}: ${error.reason}\n`);
      return 1;
    }
    if (run.signal.aborted) return 143;
    throw error;
  }
}

/** What a shell says for a program that is not there. */
export async function notFound(run: { output: Output }, path: string): Promise<number> {
  const absolute = path.startsWith('/');
  await run.output.err(`bash: line 1: ${path}: ${absolute ? 'No such file or directory' : 'command not found'}\n`);
  return 127;
}
