import { randomBytes } from 'node:crypto';
import type { Client } from 'ssh2';
import type { Clock } from '../base/clock.js';
import { inertLine } from '../base/inert.js';
import { startCommand } from './channel.js';
import { Lanes } from './lanes.js';
import { Kept } from './output.js';
import { timedOut, unreachable, unsupported } from './problems.js';
import { quoteArgv } from './quote.js';

/** A connection that is up, its login shell known. */
export interface Link {
  readonly client: Client;
  readonly lanes: Lanes;
  /** Aborted when the connection is gone. */
  readonly closed: AbortSignal;
  /** Round trip of a command, milliseconds. */
  readonly latencyMs: number;
  /** Set when the login shell prints something of its own: then each command's output begins after this line. */
  readonly marker?: string;
}

/**
 * Makes a link of a fresh client: one small command shows that the login shell runs commands at all, how long a round trip
 * takes, and whether the shell prints a banner before them (a `.bashrc` that echoes).
 */
export async function makeLink(
  client: Client,
  host: string,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Link> {
  const gone = new AbortController();
  client.once('close', () => gone.abort(new Error('the connection is gone')));
  const marker = `blackstart-${randomBytes(9).toString('hex')}`;
  const out = new Kept(64 * 1024);
  const err = new Kept(4 * 1024);
  const timer = new AbortController();
  const started = clock.mono();
  const stopped = Promise.race([
    clock.sleep(timeoutMs, timer.signal).then(() => {
      throw timedOut(host, `its login shell did not run a command within ${timeoutMs / 1000} s`);
    }),
    rejectOn(signal),
  ]);
  try {
    const running = await Promise.race([
      startCommand(client, quoteArgv(['echo', marker]), {
        stdout: (chunk) => out.push(chunk),
        stderr: (c) => err.push(c),
      }),
      stopped,
    ]);
    running.channel.end();
    const ended = await Promise.race([running.ended, stopped]);
    const latencyMs = Math.max(0, Math.round(clock.mono() - started));
    const text = out.text();
    const at = text.indexOf(`${marker}\n`);
    if (at < 0 && gone.signal.aborted) throw unreachable(host, 'the connection was lost');
    if (at < 0) {
      const said = inertLine(`${text} ${err.text()}`.trim(), 200) || `exit code ${ended?.code ?? 'none'}`;
      const next = 'Give the login user a shell that runs commands (chsh), without a forced command or a menu.';
      throw unsupported(host, `its login shell does not run commands: ${said}`, next);
    }
    const noisy = text.slice(0, at) !== '';
    return {
      client,
      // What hangs there holds its session for good; another connection has its own.
      lanes: new Lanes(clock, undefined, () => client.end()),
      closed: gone.signal,
      latencyMs,
      ...(noisy ? { marker } : {}),
    };
  } catch (error) {
    client.destroy();
    throw error instanceof Error && !('problem' in error) && !signal.aborted
      ? unreachable(host, `no session: ${error.message}`)
      : error;
  } finally {
    timer.abort();
    stopped.catch(() => undefined);
  }
}

/** Never resolves; rejects with the signal's reason. */
export function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
