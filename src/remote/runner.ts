import type { Clock } from '../base/clock.js';
import { inertLine } from '../base/inert.js';
import { EXIT, ProblemError } from '../base/problem.js';
import {
  type CommandSinks,
  type Ended,
  NotSent,
  type RunningCommand,
  SessionRefused,
  startCommand,
} from './channel.js';
import type { Lane } from './host.js';
import type { Keeper } from './keeper.js';
import type { Session } from './lanes.js';
import { type Link, rejectOn } from './link.js';
import { AfterMarker } from './output.js';
import {
  cancelled,
  commandTimeout,
  connectionLost,
  madeWay,
  stillHangs,
  timedOut,
  unreachable,
  unsupported,
} from './problems.js';
import { quoteArgv } from './quote.js';

/** One command as it goes over the wire. */
export interface WireCommand {
  readonly argv: readonly string[];
  readonly sinks: CommandSinks;
  readonly lane: Lane;
  /** Milliseconds for all of it, waiting included; without it only the signal ends it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** It has no end of its own, and makes way where the host allows one session only. */
  readonly lasting?: boolean;
  /** Writes standard input and ends it; without it the input is empty. */
  feed?(running: RunningCommand): Promise<void> | void;
}

/** sshd looks at what was closed after it has read what comes with it: without a pause an ended session and the next count twice. Milliseconds. */
const SETTLE_MS = 20;
/** A question that was given up is not asked again for so long, milliseconds: what it hangs on would hang once more, beside the first. */
const HANGS_MS = 60_000;
/** A host that refuses a session while none or one is in use, or no more than it has had open, is asked again after these pauses, milliseconds. */
const REFUSED_MS = [50, 100, 200, 400];
const LAST_REFUSED_MS = 400;

/**
 * Sends commands over a kept connection: waits for it and for a session, and turns every way of failing into a problem that
 * says whether the command may have run.
 */
export class CommandRunner {
  /** Questions that were given up and have not ended, and when. */
  readonly #hanging = new Map<string, number>();

  constructor(
    readonly host: string,
    readonly keeper: Keeper,
    readonly clock: Clock,
  ) {}

  async run(command: WireCommand): Promise<Ended> {
    const shown = showArgv(command.argv);
    const text = quoteArgv(['env', 'LC_ALL=C', ...command.argv]);
    const question = command.lane === 'watch' && command.lasting !== true;
    if (question && this.clock.mono() - (this.#hanging.get(text) ?? Number.NEGATIVE_INFINITY) < HANGS_MS)
      throw stillHangs(this.host, shown);
    const limit = new AbortController();
    const over = new AbortController();
    const { timeoutMs } = command;
    if (timeoutMs !== undefined) {
      this.clock.sleep(timeoutMs, over.signal).then(
        () => limit.abort(),
        () => undefined,
      );
    }
    const yielding = new AbortController();
    const signals = [limit.signal, yielding.signal];
    const stop = AbortSignal.any(command.signal === undefined ? signals : [...signals, command.signal]);
    const progress = { sent: false };
    try {
      return await this.#sendUntilAccepted(command, text, shown, stop, progress, () => yielding.abort());
    } catch (error) {
      if (!stop.aborted || error instanceof ProblemError) throw error;
      if (command.signal?.aborted) throw cancelled(this.host, shown, progress.sent);
      if (yielding.signal.aborted) throw madeWay(this.host, shown);
      if (!progress.sent)
        throw timedOut(this.host, this.keeper.reached ?? `no connection or free session for: ${shown}`);
      if (question) this.#hanging.set(text, this.clock.mono());
      throw commandTimeout(this.host, shown, timeoutMs ?? 0);
    } finally {
      over.abort();
    }
  }

  async #sendUntilAccepted(
    command: WireCommand,
    text: string,
    shown: string,
    stop: AbortSignal,
    progress: { sent: boolean },
    yields: () => void,
  ): Promise<Ended> {
    for (let refusals = 0; ; ) {
      const link = await this.keeper.link(command.lane, stop);
      const { lanes } = link;
      const session = await lanes.acquire(command.lane, stop, command.lasting === true ? yields : undefined);
      if (link.closed.aborted) {
        session.release();
        continue;
      }
      try {
        return await this.#send(link, command, text, shown, stop, progress, session);
      } catch (error) {
        if (error instanceof NotSent) {
          throw unreachable(this.host, 'the connection was lost');
        }
        if (!(error instanceof SessionRefused)) throw error;
        progress.sent = false;
        const others = lanes.used;
        if (others > 1 && others >= lanes.proven) {
          lanes.lower(others);
          continue;
        }
        // That a host allows one session or none has consequences: it is believed when it was said several times.
        const pause = REFUSED_MS[refusals++];
        if (pause === undefined) {
          if (others === 0) throw this.#noSession(error);
          lanes.lower(others);
        }
        await this.clock.sleep(pause ?? LAST_REFUSED_MS, stop);
      }
    }
  }

  async #send(
    link: Link,
    command: WireCommand,
    text: string,
    shown: string,
    stop: AbortSignal,
    progress: { sent: boolean },
    session: Session,
  ): Promise<Ended> {
    const { sinks } = command;
    const marked = link.marker === undefined ? undefined : new AfterMarker(link.marker, (chunk) => sinks.stdout(chunk));
    const wire = link.marker === undefined ? text : `${quoteArgv(['echo', link.marker])}; ${text}`;
    let running: RunningCommand | undefined;
    progress.sent = true;
    const starting = startCommand(link.client, wire, {
      stdout: (chunk) => (marked === undefined ? sinks.stdout(chunk) : marked.push(chunk)),
      stderr: (chunk) => sinks.stderr(chunk),
    });
    // The session is given back when the channel is really closed, however the caller fared.
    starting.then(({ ended }) => {
      session.opened();
      return ended.then((exit) => {
        // A channel that closed without one says nothing of the process.
        if (exit !== undefined) this.#hanging.delete(text);
        return this.clock.sleep(SETTLE_MS).then(session.release);
      });
    }, session.release);
    try {
      running = await Promise.race([starting, rejectOn(stop)]);
      const fed = Promise.resolve(command.feed === undefined ? running.channel.end() : command.feed(running));
      fed.catch(() => undefined);
      const ended = await Promise.race([running.ended, rejectOn(stop), fed.then(() => never())]);
      if (ended === undefined) throw connectionLost(this.host, shown);
      return ended;
    } catch (error) {
      if (running === undefined)
        starting.then(
          (late) => late.kill(),
          () => undefined,
        );
      else running.kill();
      session.abandon();
      if (
        stop.aborted ||
        error instanceof ProblemError ||
        error instanceof SessionRefused ||
        error instanceof NotSent
      ) {
        throw error;
      }
      throw link.closed.aborted || running === undefined ? connectionLost(this.host, shown) : error;
    }
  }

  #noSession(error: Error): ProblemError {
    const next = 'Let its sshd open sessions for this user (MaxSessions above 0, no forced subsystem).';
    return unsupported(this.host, `it opens no session: ${error.message}`, next);
  }
}

/** A command for people: what `quoteArgv` makes of it, on one line. */
export function showArgv(argv: readonly string[]): string {
  return inertLine(quoteArgv(argv), 300);
}

/** Refuses what is no absolute path before it becomes an argument. */
export function requireAbsolute(path: string): void {
  if (path.startsWith('/') && !path.includes('\0') && !path.endsWith('/')) return;
  throw new ProblemError(
    {
      id: 'command-refused',
      what: `Not the path of a file: ${inertLine(path)}`,
      next: 'This is a mistake in the program: report it.',
    },
    EXIT.bug,
  );
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
