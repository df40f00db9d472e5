import { Bash, type Command, defineCommand } from 'just-bash';
import { PROGRAMS } from '../programs/index.js';
import { type Run, readAll } from '../programs/run.js';
import type { PracticeNode } from './node.js';
import { CALL, ShellFiles } from './shell-files.js';

/** Programs a node does not have although the shell library does. */
const ABSENT = new Set([
  'curl',
  'python',
  'python3',
  'node',
  'sqlite3',
  'yq',
  'jq',
  'rg',
  'xan',
  'html-to-markdown',
  'js-exec',
  'kubectl',
]);
/** Its own words of the shell language and tools that are good as they are. */
const OWN = new Set(['echo', 'true', 'test', '[', 'sh', 'bash', 'command', 'printf']);

/** Text of a byte string as just-bash hands it around. */
const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const unlatin = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function asCommand(node: PracticeNode, outer: Run, name: string): Command {
  return defineCommand(name, async (args, ctx) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const keep = (list: Buffer[]) => (chunk: Uint8Array | string) => void list.push(Buffer.from(chunk));
    const stdin = unlatin(String(ctx.stdin));
    const exitCode = await node.run({
      argv: name === CALL ? args : [name, ...args],
      env: { ...outer.env, ...(ctx.exportedEnv ?? Object.fromEntries(ctx.env)) },
      cwd: ctx.cwd,
      user: outer.user,
      stdin: (async function* () {
        if (stdin.length > 0) yield stdin;
      })(),
      output: { out: keep(out), err: keep(err) },
      signal: outer.signal,
      unit: outer.unit,
      pid: outer.pid,
      replay: outer.replay,
    });
    return { stdout: utf8(Buffer.concat(out)), stderr: utf8(Buffer.concat(err)), exitCode };
  });
}

/**
 * Runs a shell, or a command line of one, over the node's file system: `sh -c SCRIPT ARGS`, `sh FILE ARGS`,
 * or a plain program the shell library has. Every other program in it is the node's own.
 */
export async function runShell(node: PracticeNode, run: Run): Promise<number> {
  const name = run.argv[0]?.split('/').at(-1) ?? '';
  const isShell = ['sh', 'bash', 'dash'].includes(name);
  let script: string;
  let args: readonly string[] = [];
  if (!isShell) script = run.argv.map(quote).join(' ');
  else {
    let at = 1;
    let fromText = false;
    for (; run.argv[at]?.startsWith('-') && run.argv[at] !== '--'; at++) {
      const word = run.argv[at] ?? '';
      if (!/^-[ceulx]+$/.test(word)) {
        await run.output.err(`${name}: 0: Illegal option ${word}\n`);
        return 2;
      }
      if (word.includes('c')) fromText = true;
    }
    const next = run.argv[at];
    if (fromText) {
      script = next ?? '';
      args = run.argv.slice(at + 2);
    } else if (next !== undefined) {
      if (!node.files(run.user).exists(next)) {
        await run.output.err(`${name}: 0: cannot open ${next}: No such file\n`);
        return 2;
      }
      script = node.files(run.user).text(next);
      args = run.argv.slice(at + 1);
    } else {
      script = utf8(await readAll(run.stdin));
      return runScript(node, run, script, args, '');
    }
  }
  return runScript(node, run, script, args, latin(await readAll(run.stdin)));
}

/** Runs shell text with positional parameters. `$0` is the library's own. */
export async function runScript(
  node: PracticeNode,
  run: Run,
  script: string,
  args: readonly string[],
  stdin: string,
): Promise<number> {
  const files = new ShellFiles(() => node.files(run.user), new Set(PROGRAMS.keys()));
  const bash = new Bash({
    fs: run.replay?.files(files) ?? files,
    cwd: run.cwd,
    env: { ...run.env, HOME: run.user === 'root' ? '/root' : `/home/${run.user}` },
    customCommands: [
      asCommand(node, run, CALL),
      ...[...PROGRAMS.keys()].filter((name) => !OWN.has(name)).map((name) => asCommand(node, run, name)),
      ...[...ABSENT]
        .filter((name) => !PROGRAMS.has(name))
        .map((name) =>
          defineCommand(name, async () => ({
            stdout: '',
            stderr: `bash: line 1: ${name}: command not found\n`,
            exitCode: 127,
          })),
        ),
    ],
    executionLimits: { maxCommandCount: 1_000_000, maxLoopIterations: 1_000_000 },
    defenseInDepth: false,
    sleep: (ms) => node.time.sleep(ms, run.signal),
  });
  const positional = args.length > 0 ? `set -- ${args.map(quote).join(' ')}\n` : '';
  const result = await bash.exec(positional + script, {
    stdin,
    stdinKind: 'bytes',
    signal: run.signal,
    rawScript: true,
  });
  if (result.stdout !== '') await run.output.out(result.stdout);
  if (result.stderr !== '') await run.output.err(result.stderr);
  return run.signal.aborted ? 143 : result.exitCode;
}

/** POSIX quoting of one word. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_/.:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
