import { inertLine } from '../../base/inert.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import type { Inventory } from '../../inventory/types.js';
import { showUnit } from '../../k3s/ask.js';
import { k3sPaths } from '../../k3s/paths.js';
import { parseUnit } from '../../k3s/systemd.js';
import { type DiffEntry, diffSnapshots, readSurvivor, type SnapshotDiff } from '../../snapshot/index.js';
import { beyondText, RemoteMember } from '../member-copy.js';
import { err, json, out } from '../output.js';
import { refusal } from '../proven.js';
import {
  type InventoryOption,
  inventoryOf,
  type OpenDesk,
  openDesk,
  progressLine,
  withFiles,
  withSpool,
} from './shared.js';
import { bareInventory, localFile } from './verify.js';

export interface DiffOptions extends InventoryOption {
  readonly passphraseFile?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A live database is copied while etcd writes: how often it is fetched again when the copy is torn. */
const TRIES = 3;

interface Side {
  readonly name: string;
  /** What speaks against taking it for more than it is, said once it was read. */
  notes(): Promise<readonly string[]>;
  /** Gives a file to read; asked again when the file was torn. */
  file(): Promise<string>;
  readonly live: boolean;
}

/** Objects created, changed and deleted from A to B: files, names in the catalogue, or `live:HOST`. Exit 0. */
export async function diffCommand(a: string, b: string, options: DiffOptions): Promise<number> {
  const line = progressLine(!options.quiet && !options.json);
  const plain = (await Promise.all([a, b].map(isPlain))).every((one) => one);
  const inventory = withFiles(plain ? bareInventory(a) : await inventoryOf(options), options);
  return withSpool('diff', async (spool, signal) => {
    const opened = openDesk(inventory, { spool, hosts: !plain });
    const port = { inventory, opened, spool, signal, progress: line.show };
    try {
      const sides = [await sideOf(a, port), await sideOf(b, port)] as const;
      const diff = await compare(sides, signal);
      line.clear();
      const notes = (await Promise.all(sides.map((side) => side.notes()))).flat();
      if (options.json) json({ ...diff, notes });
      else print(diff);
      for (const note of notes) err(note);
      return EXIT.ok;
    } finally {
      line.clear();
      await opened.close();
    }
  });
}

interface Port {
  readonly inventory: Inventory;
  readonly opened: OpenDesk;
  readonly spool: string;
  readonly signal: AbortSignal;
  readonly progress: ReturnType<typeof progressLine>['show'];
}

/** Whether it can be read where it lies: neither encrypted nor zipped. */
async function isPlain(name: string): Promise<boolean> {
  const file = await localFile(name);
  return file !== undefined && !file.encrypted && !file.zipped;
}

async function sideOf(name: string, port: Port): Promise<Side> {
  if (await isPlain(name)) return { name, notes: none, live: false, file: async () => name };
  const host = /^live:(.+)$/.exec(name)?.[1];
  if (host !== undefined) return liveSide(host, port);
  const { desk } = port.opened;
  const backup = (await localFile(name)) ?? (await desk.find(name, port.signal));
  const hooks = { signal: port.signal, onProgress: port.progress };
  const { proof, file } = await desk.prove(backup, { withoutTokens: true }, hooks);
  if (file === undefined) throw refusal(backup.id, proof, [], undefined);
  return { name: backup.id, notes: none, live: false, file: async () => file };
}

/** A survivor's own database, streamed to this machine; nothing is written on the host. */
async function liveSide(name: string, { inventory, opened, spool, signal, progress }: Port): Promise<Side> {
  const about = inventory.servers.find((server) => server.name === name);
  if (about === undefined || opened.hosts === undefined) {
    throw new ProblemError(
      {
        id: 'usage',
        what: `There is no server ${inertLine(name, 100)} in the inventory.`,
        where: inventory.file,
        next: `Servers: ${inventory.servers.map((server) => server.name).join(', ') || 'none'}.`,
      },
      EXIT.usage,
    );
  }
  const host = opened.hosts.get(name);
  const paths = k3sPaths(about.dataDir, about.service);
  const unit = await host.exec({ argv: showUnit(paths.unit), root: true, signal });
  const running = ['active', 'activating', 'deactivating'].includes(parseUnit(unit.stdout).active);
  const onProgress = (done: number, total: number): void => progress({ stage: 'fetch', done, total });
  const member = new RemoteMember({ host, name, etcd: paths.etcd, spool, signal, running, onProgress });
  let last: string | undefined;
  return {
    name: `live:${name}`,
    live: running,
    file: async () => {
      last = await member.database();
      return last;
    },
    notes: async () => {
      const survivor = last === undefined ? undefined : await readSurvivor(member.copy(last), { signal });
      const beyond = survivor === undefined ? undefined : beyondText(survivor);
      return [
        ...(beyond === undefined ? [] : [`live:${name} is what etcd has in its database; ${beyond}.`]),
        ...(running
          ? [
              `K3s runs on ${name}: the file may have been copied in the middle of a write, so single objects may be missing or old.`,
            ]
          : []),
      ];
    },
  };
}

const none = async (): Promise<readonly string[]> => [];

async function compare([a, b]: readonly [Side, Side], signal: AbortSignal): Promise<SnapshotDiff> {
  for (let tries = 1; ; tries++) {
    try {
      const diff = await diffSnapshots(await a.file(), await b.file(), { signal });
      return { ...diff, a: a.name, b: b.name };
    } catch (thrown) {
      const torn = thrown instanceof ProblemError && thrown.problem.id === 'not-comparable' && (a.live || b.live);
      if (!torn || tries >= TRIES) throw torn ? tornApart(thrown, (a.live ? a : b).name) : thrown;
    }
  }
}

function tornApart(thrown: unknown, live: string): unknown {
  if (!(thrown instanceof ProblemError)) return thrown;
  return new ProblemError({
    ...thrown.problem,
    where: live,
    next: 'K3s runs there, so each copy may have been torn by a write: try again, or when K3s is stopped. If it stays so, its database is damaged.',
  });
}

function print(diff: SnapshotDiff): void {
  const lists: [string, readonly DiffEntry[]][] = [
    ['+', diff.created],
    ['~', diff.changed],
    ['-', diff.deleted],
  ];
  for (const [mark, entries] of lists) {
    for (const { kind, namespace, name } of entries)
      out(`${mark} ${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`);
  }
  const counts = `${diff.created.length} created, ${diff.changed.length} changed, ${diff.deleted.length} deleted`;
  const { events, leases } = diff.folded;
  const folded = events + leases === 0 ? '' : `; not listed: ${events} Events, ${leases} Leases`;
  out(`From ${diff.a} to ${diff.b}: ${counts}${folded}.`);
  if (diff.unlisted > 0) out(`${diff.unlisted} more objects differ and were only counted.`);
}
