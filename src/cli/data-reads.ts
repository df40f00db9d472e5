import type { Survivor } from '../../scenarios/steps/survivors.js';
import type { Clock } from '../base/clock.js';
import type { ClusterHost } from '../incident/cluster.js';
import type { DataContent, HostFacts } from '../incident/facts.js';
import { k3sPaths } from '../k3s/paths.js';

export interface DataReadsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Reads one server's data on a copy. */
  read(host: string, etcd: string, signal: AbortSignal): Promise<Survivor>;
  /** Whether it is time for it: once a plan acts, its own steps read. */
  active(): boolean;
}

/** Copying more than this over the network is left to the plan, or to the operator's word. */
const MOST_BYTES = 2e9;
/** A database that is written all the time is not read more often than this, milliseconds. */
const AGAIN_MS = 120_000;

interface Read {
  readonly key: string;
  readonly at: number;
  readonly content: DataContent | undefined;
}

/**
 * Knows what the data of servers holds whose etcd does not run: sound or damaged, up to which revision. Read once in the background, one
 * server at a time, on a copy; so the recommendation rests on what is there and not on what one hopes.
 */
export class DataReads {
  readonly #read = new Map<string, Read>();
  /** Hosts whose turn has not come, or whose answer has not been told yet. */
  readonly #waiting = new Set<string>();
  #reading: Promise<void> | undefined;

  constructor(private readonly options: DataReadsOptions) {}

  /** The facts with what is known of the data; begins to read where that is missing. */
  with(host: ClusterHost, facts: HostFacts): HostFacts {
    const { data } = facts;
    if (!worthReading(host, facts) || data === undefined) {
      if (data?.datastore !== 'etcd') this.#read.delete(host.name);
      this.#waiting.delete(host.name);
      return facts;
    }
    const key = `${data.dbBytes} ${data.dbModified}`;
    const last = this.#read.get(host.name);
    const due = last === undefined || (last.key !== key && this.options.clock.now() - last.at > AGAIN_MS);
    if (due && this.#reading === undefined && this.options.active()) this.#begin(host, facts, key);
    if (last === undefined) this.#waiting.add(host.name);
    else this.#waiting.delete(host.name);
    return last?.content === undefined ? facts : { ...facts, data: { ...data, content: last.content } };
  }

  /** Whether something is being read, or is still to be. */
  get pending(): boolean {
    return this.#reading !== undefined || this.#waiting.size > 0;
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    await this.#reading;
  }

  #begin(host: ClusterHost, facts: HostFacts, key: string): void {
    const { etcd } = k3sPaths(facts.service?.dataDir ?? host.dataDir, host.service);
    const { clock, signal } = this.options;
    this.#reading = this.options
      .read(host.name, etcd, signal)
      .then((survivor) => void this.#read.set(host.name, { key, at: clock.now(), content: contentOf(survivor) }))
      .catch(() => void this.#read.set(host.name, { key, at: clock.now(), content: undefined }))
      .finally(() => {
        this.#reading = undefined;
      });
  }
}

/** Only where etcd does not run: a copy taken while it writes may be torn, and would look damaged. */
function worthReading(host: ClusterHost, facts: HostFacts): boolean {
  const unit = facts.service?.unit;
  const quiet = unit !== undefined && (unit.crashLoop || unit.active === 'inactive' || unit.active === 'failed');
  return (
    host.role === 'server' &&
    facts.reachable &&
    facts.data?.datastore === 'etcd' &&
    facts.etcd === undefined &&
    quiet &&
    (facts.data.etcdBytes ?? 0) <= MOST_BYTES
  );
}

const contentOf = ({ intact, problems, revision, index, term, clusterUid }: Survivor): DataContent => ({
  intact,
  ...(problems[0] === undefined ? {} : { problem: problems[0] }),
  revision,
  index,
  term,
  ...(clusterUid === null ? {} : { clusterUid }),
});
