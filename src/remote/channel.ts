import type { Client, ClientChannel } from 'ssh2';

/** The server would not open one more session; nothing was sent. */
export class SessionRefused extends Error {}

/** How a remote command ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal?: string;
}

export interface CommandSinks {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

/** A command that was sent. */
export interface RunningCommand {
  readonly channel: ClientChannel;
  /** Resolves with the exit; `undefined` when the channel closed without one, so that nobody knows. */
  readonly ended: Promise<Ended | undefined>;
  /** Tells the remote process to end, and gives the channel up. */
  kill(): void;
}

/**
 * Sends one command. No terminal is asked for; both streams are always read, or the channel would never close.
 *
 * @throws SessionRefused when the server allows no further session; any other error leaves it in doubt whether it was sent
 */
export function startCommand(client: Client, text: string, sinks: CommandSinks): Promise<RunningCommand> {
  return new Promise((resolve, reject) => {
    try {
      client.exec(text, (error, channel) => {
        if (error) return reject(isRefusal(error) ? new SessionRefused(error.message) : error);
        resolve(running(client, channel, sinks));
      });
    } catch (error) {
      // ssh2 throws this before anything is written.
      reject(new NotSent(error instanceof Error ? error.message : String(error)));
    }
  });
}

/** The connection was already gone; nothing was sent. */
export class NotSent extends Error {}

function running(client: Client, channel: ClientChannel, sinks: CommandSinks): RunningCommand {
  const ended = new Promise<Ended | undefined>((resolve) => {
    let exit: Ended | undefined;
    channel.on('exit', (code: number | null, signal?: string) => {
      exit = { code, ...(signal === undefined ? {} : { signal }) };
    });
    channel.on('close', () => resolve(exit));
  });
  // Writing to a channel whose other end is gone is told by `ended`.
  channel.on('error', () => undefined);
  channel.on('data', (chunk: Buffer) => sinks.stdout(chunk));
  channel.stderr.on('data', (chunk: Buffer) => sinks.stderr(chunk));
  return {
    channel,
    ended,
    kill: () => {
      sendKill(client, channel);
      channel.close();
    },
  };
}

/**
 * RFC 4254 allows signals after the end of standard input, but ssh2's own `signal()` then does nothing; so this goes to
 * its protocol object where that is there.
 */
function sendKill(client: Client, channel: ClientChannel): void {
  const { _protocol: protocol } = client as unknown as { _protocol?: { signal?(id: number, name: string): void } };
  const outgoing = channel.outgoing as { id?: number; state?: string } | undefined;
  if (outgoing?.id === undefined || outgoing.state === 'closed' || outgoing.state === 'closing') return;
  protocol?.signal?.(outgoing.id, 'KILL');
}

/** OpenSSH says "connect failed" (2) beyond MaxSessions; others "prohibited" (1) or "shortage" (4). */
function isRefusal(error: Error): boolean {
  return 'reason' in error && typeof error.reason === 'number';
}
