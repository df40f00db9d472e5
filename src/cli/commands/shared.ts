import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Backup, suggested } from '../../backups/index.js';
import { systemClock } from '../../base/clock.js';
import { EXIT, toProblem } from '../../base/problem.js';
import { surveyHost } from '../../cluster/survey.js';
import type { HostFacts } from '../../incident/facts.js';
import { loadInventory } from '../../inventory/load.js';
import type { Inventory } from '../../inventory/types.js';
import { sha256 } from '../../k3s/ask.js';
import { k3sPaths } from '../../k3s/paths.js';
import { type Hosts, openHosts } from '../../remote/hosts.js';
import { terminalAsk } from '../ask-terminal.js';
import { BackupDesk, type Expectation } from '../backup-desk.js';
import { clusterOf } from '../cluster-of.js';
import { Ledger } from '../ledger.js';
import { err } from '../output.js';
import { stateDir } from '../places.js';
import { SecretBook } from '../secret-book.js';
import { Secrets } from '../secrets.js';
import { processSpool, removeSpool, sweepSpools } from '../spools.js';
import { findTokens } from '../tokens.js';

export interface InventoryOption {
  readonly inventory?: string;
}

export const inventoryOf = (options: InventoryOption): Promise<Inventory> =>
  loadInventory(options.inventory === undefined ? {} : { file: options.inventory });

const DEADLINE_MS = 30_000;

/** One look at every host, for commands that print. Nothing is changed anywhere. */
export async function lookOnce(inventory: Inventory): Promise<Record<string, HostFacts>> {
  const hosts = openHosts(inventory, { warn: err, clock: systemClock });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const silent = (what: string): HostFacts => ({
    reachable: false,
    problem: { id: 'host-timeout', what, next: 'Try again, or look at the host by hand.' },
  });
  try {
    const looks = clusterOf(inventory).hosts.map(
      async (about): Promise<[string, HostFacts]> => [
        about.name,
        await surveyHost(hosts.get(about.name), about, signal).catch(() =>
          silent(`${about.name} did not answer everything within ${DEADLINE_MS / 1000} s`),
        ),
      ],
    );
    return Object.fromEntries(await Promise.all(looks));
  } finally {
    await hosts.closeAll();
  }
}

export interface DeskOptions {
  /** Where fetched snapshots lie meanwhile. */
  readonly spool: string;
  /** Whether hosts may be asked at all. */
  readonly hosts: boolean;
  /** Whether hosts are searched for tokens, too. */
  readonly searchTokens?: boolean;
}

/** A desk for a command that prints, with the hosts it may ask. */
export interface OpenDesk {
  readonly desk: BackupDesk;
  readonly hosts: Hosts | undefined;
  close(): Promise<void>;
}

/** Opens a desk of backups. No host is connected to before one is wanted. */
export function openDesk(inventory: Inventory, options: DeskOptions): OpenDesk {
  const book = new SecretBook();
  const ask = terminalAsk(process.stdin, process.stderr);
  const asking = ask === undefined ? {} : { ask };
  const hosts = options.hosts ? openHosts(inventory, { warn: err, clock: systemClock, ...asking }) : undefined;
  const one = hosts === undefined ? undefined : (name: string) => hosts.get(name);
  const desk = new BackupDesk({
    inventory,
    secrets: new Secrets(inventory, book, ask, err),
    spool: options.spool,
    ...(one === undefined ? {} : { hosts: one }),
    ...(inventory.drill ? {} : { ledger: new Ledger(stateDir(), inventory.cluster) }),
    findTokens: async (signal) =>
      options.searchTokens === true && one !== undefined
        ? findTokens(one, clusterOf(inventory), book, signal)
        : { found: [], silent: [] },
  });
  const close = async (): Promise<void> => {
    await desk.close();
    await hosts?.closeAll();
  };
  return { desk, hosts, close };
}

/** The catalogue of bucket and folder, or why it cannot be read; servers are not asked for snapshots of their own. */
export async function listOnce(
  inventory: Inventory,
): Promise<{ readonly backups: readonly Backup[] } | { readonly problem: string; readonly next: string }> {
  const hosts = inventory.bucket?.through !== undefined;
  const { desk, close } = openDesk(inventory, { spool: spoolPath('list'), hosts });
  try {
    return { backups: (await desk.list(AbortSignal.timeout(DEADLINE_MS), { servers: 'none' })).backups };
  } catch (error) {
    const { what, next } = toProblem(error);
    return { problem: what, next };
  } finally {
    await close();
  }
}

/** The backup a restore would begin with, by its id; undefined where none is listed. */
export async function newestOf(inventory: Inventory): Promise<string | undefined> {
  const { desk, close } = openDesk(inventory, { spool: spoolPath('list'), hosts: true });
  try {
    const { backups } = await desk.list(AbortSignal.timeout(DEADLINE_MS), { servers: 'none' });
    return suggested(backups)?.id;
  } catch {
    return undefined;
  } finally {
    await close();
  }
}

/** A server that is slow to say whose it is leaves the question open, milliseconds. */
const QUICK = 8_000;

/** Whose cluster this is and which K3s it runs, as far as its servers answer at once. Only looks. */
export async function expectationOf(
  inventory: Inventory,
  hosts: Hosts | undefined,
  signal: AbortSignal,
): Promise<Expectation> {
  const nodes = [...inventory.servers, ...inventory.agents].map((host) => host.nodeName);
  if (hosts === undefined) return { nodes };
  const ask = async (name: string, argv: readonly string[], root: boolean): Promise<string> => {
    const request = { argv, root, signal, timeoutMs: QUICK, lane: 'watch' as const };
    const said = await hosts
      .get(name)
      .exec(request)
      .catch(() => undefined);
    return said?.code === 0 ? said.stdout : '';
  };
  const answers = await Promise.all(
    inventory.servers.map(async ({ name, dataDir, service }) => {
      const ca = sha256(k3sPaths(dataDir, service).serverCa);
      return Promise.all([ask(name, ca, true), ask(name, ['/usr/local/bin/k3s', '--version'], false)]);
    }),
  );
  signal.throwIfAborted();
  const caHashes = answers.flatMap(([ca]) => /^\\?([0-9a-f]{64})/.exec(ca)?.[1] ?? []);
  const installedK3s = answers.flatMap(([, version]) => /k3s version (\S+)/.exec(version)?.[1] ?? [])[0];
  return { nodes, caHashes: [...new Set(caHashes)], ...(installedK3s === undefined ? {} : { installedK3s }) };
}

/**
 * Runs work that needs a spool of its own, ended by Ctrl-C or SIGTERM. Whatever happens, nothing stays in it: what lies there holds every
 * Secret of the cluster. Spools of processes that were killed are removed as well.
 */
export async function withSpool(
  kind: string,
  work: (spool: string, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const spool = spoolPath(kind);
  sweepSpools(stateDir(), systemClock.now());
  const stop = new AbortController();
  let code: number = EXIT.interrupted;
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  const terminate = (): void => {
    code = EXIT.terminated;
    interrupt();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', terminate);
  try {
    mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
    return await work(spool, stop.signal);
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
    err('Interrupted. Nothing was changed, and what was fetched is removed.');
    return code;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', terminate);
    removeSpool(spool);
  }
}

const spoolPath = (kind: string): string => processSpool(stateDir(), kind);

/** The inventory with a passphrase or token file given on the command line in place of its own. */
export function withFiles(
  inventory: Inventory,
  files: { readonly passphraseFile?: string; readonly tokenFile?: string },
): Inventory {
  const source = (path: string) => ({ kind: 'file' as const, path: resolve(path) });
  return {
    ...inventory,
    ...(files.passphraseFile === undefined ? {} : { passphrase: source(files.passphraseFile) }),
    ...(files.tokenFile === undefined ? {} : { token: source(files.tokenFile) }),
  };
}

/** Shows how far something is, on one line of a terminal that is rewritten; nothing anywhere else. */
export function progressLine(wanted: boolean): {
  show(progress: { stage: string; done: number; total: number; secondsLeft?: number | undefined }): void;
  clear(): void;
} {
  const on = wanted && process.stderr.isTTY && process.env.CI === undefined;
  return {
    show: ({ stage, done, total, secondsLeft }) => {
      if (!on) return;
      const share = total === 0 ? '' : ` ${Math.floor((done / total) * 100)} %`;
      const left = secondsLeft === undefined || secondsLeft < 1 ? '' : `, ${Math.ceil(secondsLeft)} s left`;
      process.stderr.write(`\r\u001b[K${stage}${share}${left}`);
    },
    clear: () => {
      if (on) process.stderr.write('\r\u001b[K');
    },
  };
}
