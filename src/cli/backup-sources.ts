import { posix } from 'node:path';
import { type Backup, listBucket, listFolder, listServer, merge, suggested, usable } from '../backups/index.js';
import { inertLine } from '../base/inert.js';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import { asker } from '../cluster/ask-host.js';
import { readServiceConfig } from '../cluster/service-config.js';
import type { Inventory } from '../inventory/types.js';
import { listDirectory, showUnit } from '../k3s/ask.js';
import { parseEntries } from '../k3s/listing.js';
import { k3sPaths } from '../k3s/paths.js';
import { parseUnit } from '../k3s/systemd.js';
import type { BucketRoute, DeskHosts } from './bucket-route.js';

/** Everything that can be restored from, newest first, with what was odd about getting the list. */
export interface Listing {
  readonly backups: readonly Backup[];
  readonly remarks: readonly string[];
}

export interface ListOptions {
  /** Which servers' `db/snapshots` are looked into; default all. */
  readonly servers?: 'all' | 'none' | readonly string[];
  /** Given what the bucket and the folder hold as soon as that is known, while servers may still be silent. */
  onOutside?(listing: Listing): void;
}

/** A server that does not answer must not keep the rest of the catalogue waiting, milliseconds. */
const PATIENCE = 8_000;

interface SourceResult {
  readonly backups: readonly Backup[];
  readonly problem?: unknown;
  /** The source in a remark: `the bucket`. */
  readonly what: string;
}

/**
 * Lists every source of an inventory at once. A source that fails while another has something is a remark; only when nothing is
 * found does it fail, with the problem of the first source that has one.
 */
export async function listSources(
  inventory: Inventory,
  route: BucketRoute,
  hosts: DeskHosts | undefined,
  signal: AbortSignal,
  options: ListOptions = {},
): Promise<Listing> {
  const outside: Promise<SourceResult>[] = [];
  if (inventory.bucket !== undefined) {
    route.forget();
    const bucket = route.config(signal).then((config) => (config === undefined ? [] : listBucket(config, signal)));
    outside.push(settle('the bucket', bucket));
  }
  if (inventory.snapshots !== undefined) outside.push(settle('the folder', listFolder(inventory.snapshots.folder)));
  const asked = options.servers ?? 'all';
  const servers = inventory.servers.filter(({ name }) => asked === 'all' || (asked !== 'none' && asked.includes(name)));
  const inside =
    hosts === undefined
      ? []
      : servers.map(({ name, dataDir, service }) => settle(name, askServer({ name, dataDir, service }, hosts, signal)));
  if (outside.length + inside.length === 0) throw noSource(inventory);
  const first = await Promise.all(outside);
  signal.throwIfAborted();
  if (first.some((one) => one.backups.length > 0)) options.onOutside?.(listingOf(first, route));
  const all = [...first, ...(await Promise.all(inside))];
  signal.throwIfAborted();
  const listing = listingOf(all, route);
  const failed = all.find((one) => one.problem !== undefined);
  if (listing.backups.length === 0) throw failed?.problem ?? nothing(inventory);
  return listing;
}

async function settle(what: string, listing: Promise<readonly Backup[]>): Promise<SourceResult> {
  try {
    return { what, backups: usable(await listing) };
  } catch (problem) {
    return { what, backups: [], problem };
  }
}

function listingOf(results: readonly SourceResult[], route: BucketRoute): Listing {
  const backups = merge(results.map((one) => one.backups));
  const failed = results.filter((one) => one.problem !== undefined);
  const remarks = failed.map(({ what, problem }) => `${what} gave no list: ${reasonOf(problem, PATIENCE)}`);
  if (route.remark !== undefined) remarks.unshift(route.remark);
  const [newest] = backups;
  const outside = suggested(backups);
  if (newest !== undefined && outside !== undefined && newest.place.source === 'server' && newest !== outside) {
    if (outside.place.source !== 'server')
      remarks.unshift(`${newest.place.holder} holds a newer one than those stored elsewhere: ${newest.id}`);
  }
  return { backups, remarks };
}

/** Why a host or a source gave nothing, without the command that was waiting. */
export function reasonOf(thrown: unknown, limitMs: number): string {
  const { id, what } = toProblem(thrown);
  return id === 'host-timeout' || id === 'command-timeout' ? `no answer within ${limitMs / 1000} s.` : what;
}

/** The snapshots K3s took by itself on a server, also where its configuration puts them elsewhere; none where no folder is there. Only looks. */
async function askServer(
  about: { name: string; dataDir: string; service: string },
  hosts: DeskHosts,
  signal: AbortSignal,
): Promise<Backup[]> {
  const lists = await Promise.all(
    (await snapshotFolders(about, hosts, signal)).map((folder) => listOne(about.name, folder, hosts, signal)),
  );
  return lists.flat();
}

/** The folder K3s is told to use, and its usual one, where older ones may lie. */
async function snapshotFolders(
  about: { name: string; dataDir: string; service: string },
  hosts: DeskHosts,
  signal: AbortSignal,
): Promise<string[]> {
  const paths = k3sPaths(about.dataDir, about.service);
  const ask = asker(hosts(about.name), AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]));
  const unit = await ask(showUnit(paths.unit, ['LoadState', 'ExecStart']));
  const { config } = await readServiceConfig(ask, about.service, paths, parseUnit(unit.stdout).execStart);
  const usual =
    config.dataDir === undefined ? paths.snapshots : k3sPaths(config.dataDir.value, about.service).snapshots;
  const own = config.snapshotDir?.value;
  return own !== undefined && own !== usual && posix.isAbsolute(own) ? [own.replace(/\/+$/, ''), usual] : [usual];
}

async function listOne(name: string, folder: string, hosts: DeskHosts, signal: AbortSignal): Promise<Backup[]> {
  const said = await hosts(name).exec({
    argv: listDirectory(folder),
    root: true,
    lane: 'watch',
    signal,
    timeoutMs: PATIENCE,
  });
  if (said.code !== 0 && !/No such file/.test(said.stderr)) {
    throw new ProblemError({
      id: 'snapshots-unreadable',
      what: `${folder} cannot be listed: ${inertLine(said.stderr.trim(), 200)}.`,
      where: name,
      left: 'Nothing was changed.',
      next: 'Look at the folder on the host.',
    });
  }
  const files = parseEntries(said.stdout).filter((entry) => entry.type === 'f');
  return listServer(
    name,
    files.map((entry) => ({ path: `${folder}/${entry.name}`, size: entry.size, modified: entry.modified * 1000 })),
  );
}

function noSource(inventory: Inventory): ProblemError {
  return new ProblemError(
    {
      id: 'no-source',
      what: 'The inventory names no place with backups.',
      where: inventory.file,
      next: 'Add bucket: or snapshots: { folder: … } to it.',
    },
    EXIT.usage,
  );
}

function nothing(inventory: Inventory): ProblemError {
  return new ProblemError({
    id: 'catalogue-empty',
    what: 'There is no backup: neither in the bucket or folder, nor on a server.',
    where: inventory.file,
    left: 'Nothing was changed.',
    next: 'Check bucket and prefix in the inventory, or copy a backup to this machine and name its folder: snapshots: { folder: … }',
  });
}
