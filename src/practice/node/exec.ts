import { runProgram } from './launch.js';
import type { ExecOptions, ExecResult, PracticeNode } from './node.js';
import { runScript } from './shell.js';
import { simpleCommand } from './words.js';

const LOGIN_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/games';

async function* once(bytes: Uint8Array | AsyncIterable<Uint8Array> | undefined): AsyncGenerator<Uint8Array> {
  if (bytes === undefined) return;
  if (bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
}

/** What sshd does with an exec request: a login shell that runs one command line. */
export async function execute(node: PracticeNode, command: string, options: ExecOptions): Promise<ExecResult> {
  if (node.state.power !== 'on') {
    if (node.state.power === 'off') throw new Error(`connect ECONNREFUSED ${node.name}`);
    await node.time.wait(() => (node.state.power === 'on' ? true : undefined), options.signal);
  }
  const user = options.user ?? 'root';
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const stop = new AbortController();
  const hangUp = (): void => node.kill(proc.pid, 'HUP');
  const proc = node.newProc(command, user, undefined, 79);
  const live = node.live(proc.pid, stop);
  if (options.signal?.aborted) hangUp();
  options.signal?.addEventListener('abort', hangUp, { once: true });
  const run = {
    env: {
      PATH: LOGIN_PATH,
      HOME: user === 'root' ? '/root' : `/home/${user}`,
      USER: user,
      LOGNAME: user,
      SHELL: '/bin/bash',
    },
    cwd: user === 'root' ? '/root' : `/home/${user}`,
    user,
    stdin: once(options.stdin),
    output: {
      out: (chunk: Uint8Array | string) => {
        const bytes = Buffer.from(chunk);
        if (options.onStdout) return options.onStdout(bytes);
        stdout.push(bytes);
      },
      err: (chunk: Uint8Array | string) => {
        const bytes = Buffer.from(chunk);
        if (options.onStderr) return options.onStderr(bytes);
        stderr.push(bytes);
      },
    },
    signal: stop.signal,
    unit: undefined,
    pid: proc.pid,
  };
  const words = simpleCommand(command);
  let code: number;
  try {
    code =
      words === undefined
        ? await runScript(node, { ...run, argv: ['bash', '-c', command] }, command, [], '')
        : await runProgram(node, { ...run, argv: words });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    code = 143;
  } finally {
    options.signal?.removeEventListener('abort', hangUp);
    node.endProc(proc.pid);
  }
  const signal =
    live.killedBy === undefined
      ? undefined
      : ({ 9: 'KILL', 15: 'TERM', 1: 'HUP' } as const)[live.killedBy as 9 | 15 | 1];
  return {
    code,
    ...(signal === undefined ? {} : { signal }),
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}
