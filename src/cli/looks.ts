import { systemClock } from '../base/clock.js';
import { type Peer, peersOf, surveyHost } from '../cluster/survey.js';
import { watchCluster } from '../cluster/watch.js';
import { type Cluster, type ClusterHost, hostOf } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import type { Hosts } from '../remote/hosts.js';

/** Between two looks at a host: often enough to follow a step, seldom enough to load nobody. */
const LOOK_MS = 3_000;
const FULL_LOOK_MS = 60_000;

export interface LooksOptions {
  readonly hosts: Hosts;
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  /** Adds what is known of a server's data. */
  read?(host: ClusterHost, facts: HostFacts): HostFacts;
  onLook(host: string, facts: HostFacts, changed: boolean): void;
}

/** Looks at every host again and again: a full look once a minute, else only at what changes by itself. */
export class Looks {
  readonly #options: LooksOptions;
  readonly #last = new Map<string, { facts: HostFacts; fullAt: number; peers: number }>();

  constructor(options: LooksOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  watch(): Promise<void> {
    const { cluster, signal, onLook } = this.#options;
    return watchCluster({
      hosts: cluster.hosts,
      clock: systemClock,
      signal,
      everyMs: () => LOOK_MS,
      look: (host) => this.#look(host),
      onLook,
    });
  }

  /** Looks at one host again at once, for an intent that waits for it. */
  async at(name: string): Promise<void> {
    const { hosts, cluster, signal, onLook } = this.#options;
    const about = hostOf(cluster, name);
    onLook(name, await surveyHost(hosts.get(name), about, signal, undefined, this.#peers(about)), true);
  }

  async #look(host: ClusterHost): Promise<HostFacts> {
    const { hosts, signal, read } = this.#options;
    const last = this.#last.get(host.name);
    const peers = this.#peers(host);
    // Where others listen is known once they were looked at: then this one is asked what it reaches.
    const fresh = last !== undefined && systemClock.now() - last.fullAt < FULL_LOOK_MS;
    const known = fresh && last.peers === peers.length ? last : undefined;
    const seen = await surveyHost(hosts.get(host.name), host, signal, known?.facts, peers);
    const facts = read?.(host, seen) ?? seen;
    this.#last.set(host.name, {
      facts,
      fullAt: facts.reachable ? (known?.fullAt ?? systemClock.now()) : 0,
      peers: peers.length,
    });
    return facts;
  }

  #peers(host: ClusterHost): Peer[] {
    return peersOf(this.#options.cluster, host, (name) => this.#last.get(name)?.facts);
  }
}
