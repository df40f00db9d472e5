import { systemClock } from '../base/clock.js';
import { type Holder, holderText, isStale, type Vacancy } from '../incident/acting.js';
import type { IncidentEvent } from '../incident/event.js';
import { NOTICE_FILE } from '../k3s/paths.js';
import type { PapersHost } from '../papers/read.js';
import { Site } from '../papers/site.js';
import { type Claimant, claimant, claimants } from '../record/claim.js';
import type { Hosts } from '../remote/hosts.js';
import type { Previous } from '../runner/right.js';
import { Refused, type Runner } from '../runner/runner.js';
import type { ConsoleStore } from '../store/store.js';
import { actsHere, Lookout } from './lookout.js';
import { clusterKey, type Opening, whoActs } from './open-run.js';
import { papersFor } from './papers-text.js';
import { type Rebuilt, rebuild } from './rebuild.js';

export interface ActingOptions {
  readonly store: ConsoleStore;
  readonly hosts: Hosts;
  /** Directory of records. */
  readonly state: string;
  readonly opened: Opening;
  readonly signal: AbortSignal;
  /** The run was rebuilt from the servers: whose it was. */
  readonly takenOver?: Previous;
  /** It was asked to look only: nothing is offered. */
  readonly observe: boolean;
  runner(): Runner;
}

/** The servers may answer slowly; then it is said, and a person tries again. */
const PATIENCE_MS = 60_000;

/** Who acts on this cluster: our lock, journal and papers on the servers, and whoever else has theirs there. */
export class Acting {
  readonly site: Site;
  readonly #options: ActingOptions;
  #left: Promise<void> = Promise.resolve();

  constructor(options: ActingOptions) {
    this.#options = options;
    const { record, run, seat } = options.opened;
    const { operator, machine } = whoActs();
    this.site = new Site({
      servers: () => this.#servers(),
      clock: systemClock,
      owner: { operator, machine, run, seat },
      rows: (after) => record.rowsAfter(after),
      papers: (host) => papersFor({ scenario: options.runner().chosen, state: options.runner().state, host }),
      gone: () => [NOTICE_FILE],
      mine: (holder) => this.#mine(holder),
      lost: (by) => options.runner().lost(by),
      kept: (on, without) => options.runner().kept(on, without),
    });
  }

  /** Until the signal: keeps our lock alive, and watches for other consoles or follows the one of this machine that acts. */
  async run(other: Claimant | undefined): Promise<void> {
    const { signal, state, takenOver } = this.#options;
    const lookout = new Lookout({
      runner: this.#options.runner(),
      site: this.site,
      clock: systemClock,
      signal,
      ...(takenOver === undefined ? {} : { takenFrom: takenOver }),
      servers: () => this.#servers().flatMap(({ host, silent }) => (silent === undefined ? [host] : [])),
      mine: (holder) => this.#mine(holder),
      says: (text, vacant) => this.#say(text, vacant),
    });
    await Promise.all([
      this.site.keep(signal),
      other === undefined ? lookout.watch() : lookout.followRecord(state, other, () => this.#actsHere()),
    ]);
  }

  /** What was recorded is brought to the servers; the end of the run is the last thing that is. */
  recorded(event: IncidentEvent): void {
    if (event.type !== 'run-ended') this.site.gather();
    else this.#left = this.site.leave(event.outcome === 'recovered' || event.outcome === 'undone');
  }

  /** Lets go of the lock; what stands on the servers about an unfinished run stays. */
  async close(): Promise<void> {
    await this.#left;
    await this.site.leave(false);
  }

  /** A lock left by a process that wrote to this very state directory, which only one at a time can do. */
  #mine(holder: Holder): boolean {
    const { alone, seat } = this.#options.opened;
    return alone && holder.seat === seat;
  }

  /** Servers that take part, with why one is out of reach. */
  #servers(): { host: PapersHost; silent?: string }[] {
    const { store, hosts } = this.#options;
    const { facts, choices } = this.#options.runner().state;
    const { cluster, live } = store.getState();
    return cluster.hosts
      .filter((host) => host.role === 'server')
      .map(({ name }) => {
        const seen = live[name]?.facts ?? facts[name];
        const silent = choices.fenced.includes(name)
          ? 'left out of this run'
          : seen?.reachable === true
            ? undefined
            : (seen?.problem?.what ?? 'it has not answered yet');
        return { host: hosts.get(name), ...(silent === undefined ? {} : { silent }) };
      });
  }

  /**
   * What a person goes on with where nobody acts any more: the run as the servers tell it, or undefined where it stands in the record here.
   * @throws Refused with who acts by now, or why there is nothing to go on with
   */
  async inTheirPlace(): Promise<Rebuilt | undefined> {
    const { store, signal } = this.#options;
    const { vacant } = store.getState();
    const other = this.#actsHere();
    if (vacant === undefined || (vacant.in === 'record' && other !== undefined))
      throw new Refused(other === undefined ? 'Nobody has left a run to go on with.' : actsHere(other));
    if (vacant.in === 'record') return undefined;
    const servers = this.#servers().flatMap(({ host, silent }) => (silent === undefined ? [host] : []));
    const found = await rebuild(servers, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
    if (found === undefined) throw new Refused('No server that answers holds the journal of a run.');
    const { holder, state, previous } = found;
    if (holder !== undefined && !isStale(holder))
      throw new Refused(`${holderText(holder)} acts on this cluster by now.`);
    if (state.ended !== undefined) throw new Refused(`Run ${previous.run} has ended: ${state.ended.outcome}.`);
    return found;
  }

  /** The console of this state directory that acts; undefined where its claim is free, or ours. */
  #actsHere(): Claimant | undefined {
    const { store, state, opened } = this.#options;
    if (opened.alone) return undefined;
    const own = claimant(state, clusterKey(store.getState().cluster));
    return own ?? claimants(state).find((one) => one.run === opened.other?.run);
  }

  #say(text: string | undefined, vacant?: Vacancy): void {
    const { store, observe } = this.#options;
    const { observing, vacant: before } = store.getState();
    const now = observe ? undefined : vacant;
    if (observing !== text || JSON.stringify(before) !== JSON.stringify(now))
      store.setState({ observing: text, vacant: now });
  }
}
