import type { Clock } from '../base/clock.js';
import { type Holder, holderText, isoClock, isStale, silence } from '../incident/acting.js';
import type { AnyEvent } from '../incident/event.js';
import { foldAll } from '../incident/fold.js';
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
  /** This console goes on in place of another: it looks on only when it loses the right itself. */
  readonly takingOver: boolean;
  /** A lock left by a dead process of this very console's place. */
  mine(holder: Holder): boolean;
  /** Who acts instead of us, or why nobody does now; undefined: nobody else is seen. */
  says(text: string | undefined): void;
}

const LOOK_MS = 3_000;
const FOLLOW_MS = 400;

/** Watches for other consoles, and shows live what the one that acts is doing. Looks only. */
export class Lookout {
  readonly #options: LookoutOptions;
  #events: AnyEvent[] = [];
  #journal = '';
  #followed: Holder | undefined;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Another console of this machine: its record is read as it grows. */
  async followRecord(state: string, other: Claimant, ended: () => boolean): Promise<void> {
    const { clock, signal, says } = this.#options;
    const file = recordPath(state, other.run);
    while (!signal.aborted) {
      this.#show(rowsAfter(file, this.#events.length));
      if (ended()) says(`The console of ${other.operator} has ended. Leave (q) and start blackstart again to act.`);
      await clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
    }
  }

  /** Consoles on other machines: their lock and their journal are read on the servers. */
  async watch(): Promise<void> {
    const { site, clock, signal } = this.#options;
    while (!signal.aborted) {
      if (!site.acting) await this.#look().catch(() => undefined);
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { runner, says, takingOver } = this.#options;
    if (takingOver && runner.observing === undefined) return;
    const holder = await this.#holder();
    if (this.#options.site.acting) return;
    if (holder !== undefined && !isStale(holder)) {
      if (runner.observing === undefined)
        runner.observe(`${holderText(holder)} acts on this cluster. This console only looks.`);
      this.#followed = holder;
      says(`${holder.operator} on ${holder.machine} acts, since ${isoClock(holder.since)}`);
      return this.#follow(holder);
    }
    if (this.#followed !== undefined) {
      const who = `${this.#followed.operator} on ${this.#followed.machine}`;
      await this.#follow(this.#followed);
      return says(
        holder === undefined
          ? `${who} has let go. Leave (q) and use: blackstart take-over`
          : `no sign of life of ${who} for ${silence(holder.silentFor)}: blackstart take-over goes on with it`,
      );
    }
    if (holder !== undefined && !this.#options.mine(holder))
      says(
        `stale lock: ${holderText(holder)}, silent for ${silence(holder.silentFor)}; blackstart take-over goes on with it`,
      );
    else if (runner.observing === undefined) says(undefined);
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
    if (this.#journal !== directory) this.#events = [];
    this.#journal = directory;
    const last = this.#events.at(-1)?.seq ?? 0;
    const host = servers().find((one) => one.name === holder.on);
    if (host === undefined) return;
    const rows = await rowsOf(host, directory, signal, last === 0 ? '' : pieceName(last)).catch(() => []);
    this.#show(eventsOf(rows.filter((row) => row.seq > last)));
  }

  #show(fresh: readonly AnyEvent[]): void {
    if (fresh.length === 0) return;
    this.#events.push(...fresh);
    const state = foldAll(this.#events);
    if (state !== undefined) this.#options.runner.follow(state);
  }
}
