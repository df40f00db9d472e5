import { ProblemError, toProblem } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import type { ExecCommand, MadeContent, PutCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import { envFileLine } from '../k3s/env-file.js';
import type { Host } from '../remote/host.js';
import type { HostAnswer, HostsPort, ProgressListener } from '../runner/ports.js';

export interface HostsPortOptions {
  host(name: string): Host;
  /** Content that is made from what another host has. */
  make?(content: MadeContent, signal: AbortSignal): Promise<Uint8Array>;
  /** The token that opened the snapshot, for the reset's environment file. */
  token(): Promise<Secret>;
  mono(): number;
}

/** Problems after which nobody knows whether the command ran. */
const DOUBT = new Set(['connection-lost', 'command-timeout']);
/** Problems that waiting does not mend: the step ends with them, and a person reads what to do. */
const ANSWERS = new Set(['put-failed', 'file-unreadable']);

/** Carries the runner's commands to hosts; what goes wrong on the way becomes an answer, never an exception. */
export function hostsPort(options: HostsPortOptions): HostsPort {
  const answering = async (argv: readonly string[], send: () => Promise<Partial<HostAnswer>>): Promise<HostAnswer> => {
    const from = options.mono();
    const base = { argv, code: null, stdout: '', stderr: '', doubt: false, notSent: false };
    try {
      const said = await send();
      return { ...base, ms: options.mono() - from, ...said };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const problem = toProblem(error);
      const ms = options.mono() - from;
      if (ANSWERS.has(problem.id))
        return { ...base, ms, code: 1, stderr: problem.what, result: problem as unknown as Json };
      const doubt = DOUBT.has(problem.id);
      return { ...base, ms, silent: problem.what, doubt, notSent: !doubt };
    }
  };
  return {
    exec: (name, command: ExecCommand, signal) =>
      answering(command.argv, async () => {
        const { code, stdout, stderr } = await options.host(name).exec({
          argv: command.argv,
          root: command.root,
          signal,
          lane: 'runner',
          ...(command.timeoutMs === undefined ? {} : { timeoutMs: command.timeoutMs }),
          ...(command.maxBytes === undefined ? {} : { maxBytes: command.maxBytes }),
        });
        return { code, stdout, stderr };
      }),
    put: (name, command: PutCommand, signal, progress) =>
      answering(['put', command.path], async () => {
        const { bytes } = await options.host(name).put({
          path: command.path,
          mode: command.mode,
          root: true,
          signal,
          source: await sourceOf(command, options, signal),
          onProgress: rate(progress, options.mono),
        });
        return { code: 0, stdout: `${bytes} bytes` };
      }),
  };
}

async function sourceOf(
  command: PutCommand,
  options: HostsPortOptions,
  signal: AbortSignal,
): Promise<{ file: string } | { bytes: Uint8Array }> {
  const { content } = command;
  if ('text' in content) return { bytes: Buffer.from(content.text) };
  if ('file' in content) return { file: content.file };
  if ('made' in content) {
    if (options.make === undefined) throw new Error('nobody makes files here');
    return { bytes: await options.make(content, signal) };
  }
  const token = await options.token();
  return { bytes: Buffer.from(envFileLine('K3S_TOKEN', token.reveal())) };
}

/** Turns "so many bytes of so many" into a rate and the time left. */
function rate(progress: ProgressListener, mono: () => number): (done: number, total: number) => void {
  const from = mono();
  let last = 0;
  return (done, total) => {
    const now = mono();
    if (now - last < 200 && done < total) return;
    last = now;
    const bytesPerSecond = (done / Math.max(1, now - from)) * 1000;
    progress({
      stage: 'deliver',
      done,
      total,
      bytesPerSecond,
      ...(bytesPerSecond > 0 ? { secondsLeft: (total - done) / bytesPerSecond } : {}),
    });
  };
}
