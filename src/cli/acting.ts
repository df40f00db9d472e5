import { systemClock } from '../base/clock.js';
import type { Holder } from '../incident/acting.js';
import type { IncidentEvent } from '../incident/event.js';
import { NOTICE_FILE } from '../k3s/paths.js';
import type { PapersHost } from '../papers/read.js';
import { Site } from '../papers/site.js';
import { type Claimant, claim } from '../record/claim.js';
import type { Hosts } from '../remote/hosts.js';
import type { Runner } from '../runner/runner.js';
import type { ConsoleStore } from '../store/store.js';
import { Lookout } from './lookout.js';
import { clusterKey, type Opening, whoActs } from './open-run.js';
import { papersFor } from './papers-text.js';

export interface ActingOptions {
  readonly store: ConsoleStore;
  readonly hosts: Hosts;
  /** Directory of records. */
  readonly state: string;
  readonly opened: Opening;
  readonly signal: AbortSignal;
  /** The run was rebuilt from the servers. */
  readonly takingOver: boolean;
  runner(): Runner;
}

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
    const { signal, state } = this.#options;
    const lookout = new Lookout({
      runner: this.#options.runner(),
      site: this.site,
      clock: systemClock,
      signal,
      takingOver: this.#options.takingOver,
      servers: () => this.#servers().flatMap(({ host, silent }) => (silent === undefined ? [host] : [])),
      mine: (holder) => this.#mine(holder),
      says: (text) => this.#say(text),
    });
    await Promise.all([
      this.site.keep(signal),
      other === undefined ? lookout.watch() : lookout.followRecord(state, other, () => this.#otherEnded()),
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

  /** The console of this machine that acts is gone when its claim can be had. */
  #otherEnded(): boolean {
    const { store, state } = this.#options;
    const about = { ...whoActs(), pid: process.pid, run: '', since: '' };
    const tried = claim(state, clusterKey(store.getState().cluster), about);
    if ('theirs' in tried) return false;
    tried.ours.release();
    return true;
  }

  #say(text: string | undefined): void {
    const { store } = this.#options;
    if (store.getState().observing !== text) store.setState({ observing: text });
  }
}
