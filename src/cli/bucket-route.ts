import type { Duplex } from 'node:stream';
import { answers, type BucketConfig, bucketProblem, endpointOf } from '../backups/index.js';
import { ProblemError, toProblem } from '../base/problem.js';
import type { Inventory } from '../inventory/types.js';
import type { Forward } from '../remote/forward.js';
import type { Host } from '../remote/host.js';

/** A host as the desk of backups uses it. */
export interface DeskHost extends Pick<Host, 'exec' | 'get'> {
  connectTo(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  forward(host: string, port: number, signal: AbortSignal): Promise<Forward>;
}

export type DeskHosts = (name: string) => DeskHost;

/** How long this machine, or a node, may take to reach the storage before another way is tried, milliseconds. */
const DIRECT = 5_000;
const THROUGH = 10_000;

/**
 * The way to the bucket: straight, through the node the inventory names, or, where straight fails, through the first server that
 * reaches it. Going through a node only opens connections from it; nothing is changed on it. Host name and certificate stay the
 * endpoint's.
 */
export class BucketRoute {
  readonly #options: {
    readonly inventory: Inventory;
    readonly config: () => Promise<BucketConfig | undefined>;
    readonly hosts: DeskHosts | undefined;
  };
  readonly #closing = new AbortController();
  readonly #forwards = new Map<string, Promise<Forward>>();
  #found: Promise<BucketConfig | undefined> | undefined;
  /** What the operator should know of the way that was found. */
  remark: string | undefined;

  constructor(options: { inventory: Inventory; config: () => Promise<BucketConfig | undefined>; hosts?: DeskHosts }) {
    this.#options = { ...options, hosts: options.hosts };
  }

  /** The bucket with the way to it, as last found; `undefined` when the inventory has none. Throws {@link ProblemError}. */
  config(signal: AbortSignal): Promise<BucketConfig | undefined> {
    if (this.#found === undefined) {
      const finding = this.#find(signal);
      this.#found = finding;
      finding.catch(() => {
        if (this.#found === finding) this.#found = undefined;
      });
    }
    return this.#found;
  }

  /** Looks for the way again at the next use: the network may have changed. */
  forget(): void {
    this.#found = undefined;
  }

  /** Ends forwards; what still uses them fails. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    const open = await Promise.allSettled(this.#forwards.values());
    await Promise.all(open.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)));
  }

  async #find(signal: AbortSignal): Promise<BucketConfig | undefined> {
    this.remark = undefined;
    const config = await this.#options.config();
    const { hosts, inventory } = this.#options;
    if (config === undefined) return undefined;
    const named = inventory.bucket?.through;
    const servers = inventory.servers.map((server) => server.name);
    if (named !== undefined) {
      if (hosts === undefined) throw noHosts(named, inventory);
      return this.#through(config, named === 'any' ? servers : [named], hosts, signal);
    }
    if (hosts === undefined) return config;
    const refused = await answers(config, DIRECT, signal);
    if (refused === undefined) return config;
    const straight = bucketProblem(refused, config);
    try {
      const found = await this.#through(config, servers, hosts, signal);
      this.remark = `The bucket does not answer from this machine; it is reached through ${found.through}. To say so for good: bucket: { through: ${found.through} }`;
      return found;
    } catch (thrown) {
      signal.throwIfAborted();
      throw withBoth(straight, thrown);
    }
  }

  /** Through the first of these hosts that reaches it. */
  async #through(
    config: BucketConfig,
    names: readonly string[],
    hosts: DeskHosts,
    signal: AbortSignal,
  ): Promise<BucketConfig> {
    const { host, port } = endpointOf(config);
    const limit = AbortSignal.any([signal, this.#closing.signal, AbortSignal.timeout(THROUGH)]);
    const tries = names.map(async (name) => {
      // One connection beforehand: a forward itself could only say that it was reset, not why.
      (await hosts(name).connectTo(host, port, limit)).destroy();
      return name;
    });
    const settled = await Promise.any(tries).catch(async () => {
      const why = await Promise.all(tries.map((one) => one.then(String, (thrown: unknown) => toProblem(thrown).what)));
      signal.throwIfAborted();
      throw unreachableThrough(names, why, config);
    });
    const known = this.#forwards.get(settled) ?? hosts(settled).forward(host, port, this.#closing.signal);
    this.#forwards.set(settled, known);
    const near = await known;
    return { ...config, through: settled, connectTo: { host: near.host, port: near.port } };
  }
}

function unreachableThrough(names: readonly string[], why: readonly string[], config: BucketConfig): ProblemError {
  return new ProblemError({
    id: 'bucket-unreachable',
    what: `The storage cannot be reached through ${names.join(', ')}: ${why.join(' ')}`,
    where: `${config.bucket} at ${config.endpoint ?? `AWS ${config.region}`}`,
    left: 'Nothing was changed.',
    next: 'Name another host in bucket: { through: … }, or use a folder on this machine (snapshots:) or a snapshot on a server.',
  });
}

/** The problem of the straight way, with what the nodes said. */
function withBoth(straight: unknown, through: unknown): unknown {
  if (!(straight instanceof ProblemError)) return straight;
  const { problem, exit } = straight;
  if (!(through instanceof ProblemError)) return straight;
  // Going through a node was tried just now: advising it would be a bad joke.
  const next =
    'Check the endpoint and the storage itself; else use a folder on this machine (snapshots:) or a snapshot on a server.';
  return new ProblemError({ ...problem, what: `${problem.what} ${through.problem.what}`, next }, exit, {
    cause: through,
  });
}

function noHosts(named: string, inventory: Inventory): ProblemError {
  return new ProblemError({
    id: 'bucket-unreachable',
    what: `The bucket is reached through ${named}, and hosts are not asked here.`,
    where: inventory.file,
    left: 'Nothing was changed.',
    next: 'Leave --no-hosts out, or take bucket.through out of the inventory.',
  });
}
