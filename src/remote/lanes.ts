import type { Clock } from '../base/clock.js';
import type { Lane } from './host.js';

/** OpenSSH's default for MaxSessions. */
const SESSIONS = 10;
const RESERVED = 3;
/** After a refusal one session more is tried after this long, and twice as long after each further one, milliseconds. */
const FIRST_RAISE_MS = 2_000;
const LAST_RAISE_MS = 60_000;
/** Between two that went well. */
const NEXT_RAISE_MS = 1_000;
/** So long a command waits for probes to end by themselves; a probe may hang for its whole time limit. Milliseconds. */
const PATIENCE_MS = 500;
/** So long it is waited for given up sessions where there are no others, before the connection is made anew, milliseconds. */
const STUCK_MS = 3_000;

/** One session that was asked for. */
interface Asked {
  readonly lane: Lane;
  /** Given for one without an end: how it is asked to give its place up. */
  readonly yields?: () => void;
}

interface Waiting extends Asked {
  go(): void;
}

/** A session in use. */
export interface Session {
  /** The server has opened it. */
  opened(): void;
  /** Nobody waits for its end any more; the server counts it until the process has ended, which it may never do (a disk that hangs). */
  abandon(): void;
  /** It is over, or was refused; more than once is once. */
  release(): void;
}

/**
 * Shares the sessions of one connection: `watch` (probes, journals) leaves some to `runner`, whose commands go first. A server
 * that refuses one is believed for a while only: sshd counts sessions that have just ended, so it may refuse although it allows more, and
 * a connection with too few of them would look like a host that does not answer. How many it allows is fixed for a connection, so fewer than it
 * has had open at once are never believed.
 */
export class Lanes {
  #limit: number;
  #used = 0;
  #watching = 0;
  #queue: Waiting[] = [];
  /** How each session without an end is asked to give its place up. */
  readonly #lasting = new Set<() => void>();
  /** Sessions that are open, and the how-manieth each was. */
  readonly #open = new Map<object, number>();
  #openedSoFar = 0;
  #proven = 0;
  #raiseAt = 0;
  #raiseAfter = FIRST_RAISE_MS;
  readonly #abandoned = new Set<Session>();
  /** Set while a timer waits for the next session to try. */
  #timer: AbortController | undefined;

  /**
   * @param most sessions in use at once
   * @param stuck told where somebody waits and nothing that is in use will end by itself
   */
  constructor(
    private readonly clock: Clock,
    private readonly most = SESSIONS,
    private readonly stuck: () => void = () => undefined,
  ) {
    this.#limit = most;
  }

  /** Sessions in use. */
  get used(): number {
    return this.#used;
  }

  get limit(): number {
    return this.#limit;
  }

  /** So many the server has had open at once, for certain; 0 = none has ended yet. */
  get proven(): number {
    return this.#proven;
  }

  /**
   * Waits for a session. Rejects with the signal's reason.
   *
   * @param yields of a session without an end: called where it is the only one there is, and another is wanted
   */
  acquire(lane: Lane, signal: AbortSignal, yields?: () => void): Promise<Session> {
    this.#raise();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = (): void => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        reject(signal.reason);
      };
      const asked: Asked = { lane, ...(yields === undefined ? {} : { yields }) };
      const waiting: Waiting = {
        ...asked,
        go: () => {
          signal.removeEventListener('abort', stop);
          resolve(this.#take(asked));
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#queue.push(waiting);
      this.#advance();
      this.#makeRoom();
      if (lane === 'runner' && this.#queue.includes(waiting)) void this.#insist(waiting);
      void this.#unstick();
    });
  }

  async #unstick(): Promise<void> {
    if (!this.#isStuck()) return;
    await this.clock.sleep(STUCK_MS);
    if (this.#isStuck()) this.stuck();
  }

  #isStuck(): boolean {
    const { size } = this.#abandoned;
    return this.#queue.length > 0 && size > 0 && this.#used === size + this.#lasting.size;
  }

  /** Beside a journal and a probe that hangs there is no third session on many hosts: the journal makes way, and goes on behind its cursor. */
  async #insist(waiting: Waiting): Promise<void> {
    await this.clock.sleep(PATIENCE_MS);
    // Where there are more, some are left to commands, and those end.
    if (!this.#queue.includes(waiting) || this.#limit > RESERVED) return;
    const [first] = this.#lasting;
    first?.();
  }

  /** The server refused a session while `open` others were in use: no more than these for now, but for what is proven. */
  lower(open: number): void {
    this.#limit = Math.max(1, this.#proven, Math.min(this.#limit, open));
    this.#raiseAt = this.clock.mono() + this.#raiseAfter;
    this.#raiseAfter = Math.min(this.#raiseAfter * 2, LAST_RAISE_MS);
    this.#makeRoom();
  }

  #raise(): void {
    if (this.#limit >= this.most || this.clock.mono() < this.#raiseAt) return;
    this.#limit++;
    this.#raiseAt = this.clock.mono() + NEXT_RAISE_MS;
    if (this.#limit === this.most) this.#raiseAfter = FIRST_RAISE_MS;
    this.#advance();
  }

  /** Who waits is not left to wait until somebody else comes or goes: with one session in use for good nobody may. */
  #raiseInTime(): void {
    if (this.#queue.length === 0 || this.#limit >= this.most) {
      this.#timer?.abort();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    this.clock.sleep(Math.max(0, this.#raiseAt - this.clock.mono()), timer.signal).then(
      () => {
        this.#timer = undefined;
        this.#raise();
        this.#raiseInTime();
      },
      () => undefined,
    );
  }

  /** A server that allows one session only: whatever has no end makes way. */
  #makeRoom(): void {
    if (this.#used < this.#limit || this.#used > this.#lasting.size) return;
    if (!this.#queue.some(hasEnd)) return;
    const [first] = this.#lasting;
    first?.();
  }

  #take({ lane, yields }: Asked): Session {
    this.#used++;
    if (lane === 'watch') this.#watching++;
    if (yields !== undefined) this.#lasting.add(yields);
    let given = false;
    const session: Session = {
      opened: () => void (given || this.#open.set(session, this.#openedSoFar++)),
      abandon: () => {
        if (given) return;
        this.#abandoned.add(session);
        if (yields !== undefined) this.#lasting.delete(yields);
        void this.#unstick();
      },
      release: () => {
        if (given) return;
        given = true;
        this.#used--;
        if (lane === 'watch') this.#watching--;
        if (yields !== undefined) this.#lasting.delete(yields);
        this.#abandoned.delete(session);
        this.#prove(session);
        this.#raise();
        this.#advance();
        void this.#unstick();
      },
    };
    return session;
  }

  /** Those opened before this one and still open were open as long as it was, whenever we came to hear of it. */
  #prove(ended: Session): void {
    const at = this.#open.get(ended);
    if (at === undefined) return;
    this.#open.delete(ended);
    const beside = [...this.#open.values()].filter((one) => one < at).length;
    this.#proven = Math.max(this.#proven, beside + 1);
    this.#limit = Math.max(this.#limit, this.#proven);
  }

  #advance(): void {
    for (;;) {
      const next =
        this.#queue.find((one) => one.lane === 'runner' && this.#free(one)) ??
        this.#queue.find((one) => one.lane === 'watch' && this.#free(one));
      if (next === undefined) break;
      this.#queue = this.#queue.filter((other) => other !== next);
      next.go();
    }
    this.#raiseInTime();
  }

  #free(asked: Waiting): boolean {
    if (this.#used >= this.#limit) return false;
    // What has no end does not take the last one from what soon gives it back.
    if (!hasEnd(asked) && this.#used + 1 === this.#limit && this.#queue.some(hasEnd)) return false;
    // Of few sessions a journal takes one for good: another is left to probes.
    const reserved = Math.min(RESERVED, Math.max(0, this.#limit - 2));
    return asked.lane === 'runner' || this.#watching < this.#limit - reserved;
  }
}

const hasEnd = (asked: Asked): boolean => asked.yields === undefined;
