import type { Clock } from '../base/clock.js';
import { type Holder, holderText, isoClock, isStale, silence, type Vacancy } from '../incident/acting.js';
import type { AnyEvent } from '../incident/event.js';
import { fold } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';
import { journalDir, pieceName } from '../papers/places.js';
import { type PapersHost, rowsOf, seeLock } from '../papers/read.js';
import type { Site } from '../papers/site.js';
import type { Claimant } from '../record/claim.js';
import { eventsOf } from '../record/record.js';
import { recordPath, rowsAfter } from '../record/runs.js';
import type { Runner } from '../runner/runner.js';

export interface LookoutOptions {
  readonly runner: Runner;
  readonly site: Site;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Servers that answer. */
  servers(): readonly PapersHost[];
  /** This console goes on in place of another, whose lock this was: it looks on only where somebody else acts by now. */
  readonly takenFrom?: { readonly id?: string };
  /** A lock left by a dead process of this very console's place. */
  mine(holder: Holder): boolean;
  /** Who acts instead of us, or why nobody does now; undefined: nobody else is seen. `vacant`: this console can go on. */
  says(text: string | undefined, vacant?: Vacancy): void;
}

const LOOK_MS = 3_000;
const FOLLOW_MS = 400;
/** A lock is renewed every 10 s: who is silent for longer is said to be, seconds. */
const QUIET_S = 25;

/** Watches for other consoles, and shows live what the one that acts is doing. Looks only. */
export class Lookout {
  readonly #options: LookoutOptions;
  /** The run that is shown: where it is read, and as far as it was. */
  #from = '';
  #seq = 0;
  #state: IncidentState | undefined;
  #followed: Holder | undefined;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /**
   * Another console of this machine: its record is read as it grows; when it has ended, that of whoever goes on instead.
   * @param acts who writes the record now
   */
  async followRecord(state: string, first: Claimant, acts: () => Claimant | undefined): Promise<void> {
    const { clock, signal, runner } = this.#options;
    let other = first;
    let seenAt = clock.now();
    while (!signal.aborted) {
      const now = acts();
      if (now !== undefined) {
        seenAt = clock.now();
        if (now.run !== other.run || now.pid !== other.pid) runner.observe(actsHere(now));
        other = now;
      }
      this.#read(other.run);
      this.#show(rowsAfter(recordPath(state, other.run), this.#seq));
      this.#sayHere(other, now !== undefined, seenAt);
      await clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
    }
  }

  /** Consoles on other machines: their lock and their journal are read on the servers. */
  async watch(): Promise<void> {
    const { site, clock, signal } = this.#options;
    while (!signal.aborted) {
      if (site.acting) this.#options.says(undefined);
      else await this.#look().catch(() => undefined);
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  #sayHere(other: Claimant, acts: boolean, seenAt: number): void {
    const { says } = this.#options;
    if (acts) return says(`${other.operator} acts here, since ${isoClock(other.since)}`);
    const { operator, machine, run } = other;
    const lastSign = new Date(seenAt).toISOString();
    says(`the console of ${operator} ended, last sign of life ${isoClock(lastSign)}`, {
      operator,
      machine,
      run,
      lastSign,
      in: 'record',
    });
  }

  async #look(): Promise<void> {
    const { runner, says, takenFrom, site } = this.#options;
    const holder = await this.#holder();
    if (site.acting) return;
    const alive = holder !== undefined && !isStale(holder);
    // Until its first gate is answered, whoever goes on in place of another sees only those who were quicker, and who woke up again.
    if (takenFrom !== undefined && runner.observing === undefined && (!alive || holder.id === takenFrom.id)) return;
    if (holder !== undefined && alive) {
      if (runner.observing === undefined)
        runner.observe(`${holderText(holder)} acts on this cluster. This console only looks.`);
      this.#followed = holder;
      const how =
        holder.silentFor > QUIET_S ? `silent for ${silence(holder.silentFor)}` : `since ${isoClock(holder.since)}`;
      says(`${holder.operator} on ${holder.machine} acts, ${how}`);
      return this.#follow(holder);
    }
    if (this.#followed !== undefined) return this.#ended(this.#followed, holder);
    if (holder !== undefined && !this.#options.mine(holder)) {
      const text = `stale lock: ${holderText(holder)}, silent for ${silence(holder.silentFor)}`;
      // What was begun here is this console's run: its own first gate asks about the lock.
      if (runner.state.begun) says(text);
      else says(text, vacancy(holder));
    } else if (runner.observing === undefined) says(undefined);
  }

  /** Whom we followed has let go, or gives no sign of life. */
  async #ended(followed: Holder, holder: Holder | undefined): Promise<void> {
    const { says } = this.#options;
    await this.#follow(followed);
    const who = `${followed.operator} on ${followed.machine}`;
    const ended = this.#state?.ended?.outcome;
    if (ended !== undefined) return says(`${who} has let go: ${ended}`);
    if (holder === undefined) return says(`${who} has let go`, vacancy(followed));
    says(
      `no sign of life of ${holder.operator} on ${holder.machine} for ${silence(holder.silentFor)}`,
      vacancy(holder),
    );
  }

  /** The lock that is most alive, of all servers that answer. */
  async #holder(): Promise<Holder | undefined> {
    const { servers, signal, site, mine } = this.#options;
    const seen = await Promise.all(servers().map((host) => seeLock(host, signal).catch(() => undefined)));
    return seen
      .flatMap((one) => (one?.kind === 'held' && one.by.id !== site.id && !mine(one.by) ? [one.by] : []))
      .sort((a, b) => a.silentFor - b.silentFor)[0];
  }

  async #follow(holder: Holder): Promise<void> {
    const { servers, signal } = this.#options;
    const directory = journalDir(holder.run, holder.id);
    this.#read(directory);
    const last = this.#seq;
    const host = servers().find((one) => one.name === holder.on);
    if (host === undefined) return;
    const rows = await rowsOf(host, directory, signal, last === 0 ? '' : pieceName(last)).catch(() => []);
    this.#show(eventsOf(rows.filter((row) => row.seq > last)));
  }

  /** From another place it is read from its beginning. */
  #read(from: string): void {
    if (this.#from === from) return;
    this.#from = from;
    this.#seq = 0;
    this.#state = undefined;
  }

  #show(fresh: readonly AnyEvent[]): void {
    for (const event of fresh) {
      this.#state = fold(this.#state, event);
      this.#seq = event.seq;
    }
    if (fresh.length > 0 && this.#state !== undefined) this.#options.runner.follow(this.#state);
  }
}

/** Why a console of the same machine and state directory only looks. */
export const actsHere = (other: Claimant): string =>
  `${other.operator} acts in another console here, since ${isoClock(other.since)} (process ${other.pid}). This one only looks.`;

const vacancy = ({ operator, machine, run, lastSign }: Holder): Vacancy => ({
  operator,
  machine,
  run,
  lastSign,
  in: 'servers',
});
