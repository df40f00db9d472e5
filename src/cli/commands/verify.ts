import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Backup, fileBackup, nextBest, suggested } from '../../backups/index.js';
import { inertLine } from '../../base/inert.js';
import { EXIT, type ExitCode, ProblemError } from '../../base/problem.js';
import { minute } from '../../incident/times.js';
import type { Inventory } from '../../inventory/types.js';
import { quoteArgv } from '../../remote/quote.js';
import { failedProof, looksLikeOpenPgp, type Proof } from '../../snapshot/index.js';
import { verifyMetrics, writeMetrics } from '../metrics.js';
import { json, out } from '../output.js';
import { proofLines } from '../proof-text.js';
import {
  expectationOf,
  type InventoryOption,
  inventoryOf,
  type OpenDesk,
  openDesk,
  progressLine,
  withFiles,
  withSpool,
} from './shared.js';

export interface VerifyOptions extends InventoryOption {
  readonly latest: boolean;
  readonly tokenFile?: string;
  readonly passphraseFile?: string;
  readonly metrics?: string;
  /** `--no-hosts` makes it false. */
  readonly hosts?: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Proves a backup without a restore: a file, a name in the catalogue, or the newest. Exit 0 restorable, 1 not, 2 usage, 3 unreachable. */
export async function verifyCommand(backup: string | undefined, options: VerifyOptions): Promise<number> {
  if ((backup === undefined) === !options.latest) {
    throw new ProblemError(
      {
        id: 'usage',
        what: backup === undefined ? 'Nothing to verify was named.' : 'Both a backup and --latest were given.',
        next: 'Give a file, the name of a backup, or --latest.',
      },
      EXIT.usage,
    );
  }
  let cluster = '';
  const end = (exit: ExitCode, proof?: Proof): ExitCode => {
    if (options.metrics !== undefined)
      writeMetrics(options.metrics, verifyMetrics({ cluster, exit, proof, now: Date.now() }));
    return exit;
  };
  try {
    const file = backup === undefined ? undefined : await localFile(backup);
    const inventory = withFiles(await inventoryFor(file, options), options);
    cluster = inventory.cluster;
    const proven = await proveIn(inventory, file, backup, options);
    if (proven === undefined) return EXIT.interrupted;
    const { proof, instead } = proven;
    if (options.json) json(proof);
    else for (const line of [...proofLines(proof, Date.now()), ...insteadLines(instead, options)]) out(line);
    return end(proof.ok ? EXIT.ok : EXIT.no, proof);
  } catch (thrown) {
    if (thrown instanceof ProblemError && thrown.problem.id !== 'metrics-unwritable') end(thrown.exit);
    throw thrown;
  }
}

interface Proven {
  readonly proof: Proof;
  /** The next one of the catalogue, where this one is not restorable. */
  readonly instead: Backup | undefined;
}

function insteadLines(instead: Backup | undefined, { inventory }: InventoryOption): string[] {
  if (instead === undefined) return [];
  const taken = instead.takenAt === undefined ? '' : `, taken ${minute(instead.takenAt)}`;
  const id = inertLine(instead.id, 300);
  const again = ['blackstart', 'verify', id, ...(inventory === undefined ? [] : ['--inventory', inventory])];
  return ['', `The newest other backup is ${id}${taken}, not proven yet: ${quoteArgv(again)}`];
}

/** `undefined` when it was interrupted. */
async function proveIn(
  inventory: Inventory,
  file: Backup | undefined,
  name: string | undefined,
  options: VerifyOptions,
): Promise<Proven | undefined> {
  let proven: Proven | undefined;
  const bare = inventory.servers.length === 0;
  const line = progressLine(!options.quiet && !options.json);
  await withSpool('verify', async (spool, signal) => {
    const opened = openDesk(inventory, { spool, hosts: !bare && options.hosts !== false });
    try {
      const expecting = bare ? Promise.resolve(undefined) : expectationOf(inventory, opened.hosts, signal);
      expecting.catch(() => undefined);
      const backup = file ?? (await fromCatalogue(opened, inventory, name, signal));
      // In the words it was asked by: the proof itself knows only the decrypted file's name.
      const source = file === undefined ? backup.id : backup.name;
      const hooks = { signal, onProgress: line.show };
      const proof: Proof = await opened.desk.prove(backup, await expecting, hooks).then(
        (done) => ({ ...done.proof, source }),
        (thrown: unknown) => {
          // Not even decrypted: as much an answer as a damaged page.
          if (!(thrown instanceof ProblemError) || thrown.exit !== EXIT.no) throw thrown;
          const format = backup.encrypted ? 'openpgp' : 'unknown';
          return { ...failedProof(source, backup.size, thrown.problem), format };
        },
      );
      // A passphrase or a token that does not fit says nothing of the backup.
      const bad = !proof.ok && !proof.problems.some((one) => /passphrase|token/.test(one.id));
      const other = bad && file === undefined ? await otherThan(backup, opened, inventory, signal) : undefined;
      proven = { proof, instead: other };
    } finally {
      line.clear();
      await opened.close();
    }
    return EXIT.ok;
  });
  return proven;
}

/** Only a word at the end of an answer: a catalogue that cannot be read again takes nothing from it. */
async function otherThan(
  backup: Backup,
  { desk }: OpenDesk,
  inventory: Inventory,
  signal: AbortSignal,
): Promise<Backup | undefined> {
  const listed = await desk.list(signal, { servers: serversTold(inventory) }).catch(() => undefined);
  return listed === undefined ? undefined : nextBest(listed.backups, new Set([backup.id]));
}

/** A nightly check is about what the backup job stored: servers' own snapshots must not hide that it stored nothing. */
const serversTold = (inventory: Inventory): 'none' | 'all' =>
  inventory.bucket !== undefined || inventory.snapshots !== undefined ? 'none' : 'all';

async function fromCatalogue(
  { desk }: OpenDesk,
  inventory: Inventory,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Backup> {
  if (name !== undefined) return desk.find(name, signal);
  const { backups } = await desk.list(signal, { servers: serversTold(inventory) });
  const newest = suggested(backups);
  if (newest !== undefined) return newest;
  throw new ProblemError({ id: 'catalogue-empty', what: 'There is no backup.', next: 'See: blackstart backups' });
}

/** A file of this machine, as a backup; undefined where there is none of that name. */
export async function localFile(path: string): Promise<Backup | undefined> {
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined || !info.isFile()) return undefined;
  const backup = fileBackup(resolve(path), info.size, info.mtimeMs);
  // What is encrypted needs a passphrase whatever it is called.
  return { ...backup, encrypted: backup.encrypted || looksLikeOpenPgp(await headOf(path)) };
}

async function headOf(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const head = Buffer.alloc(128);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      return head.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new ProblemError(
      {
        id: 'file-unreadable',
        what: `The file cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
        where: path,
        left: 'Nothing was changed.',
        next: 'Check its permissions.',
      },
      EXIT.unreachable,
      { cause },
    );
  }
}

/** What is needed to prove one backup: a file by itself, or one of the catalogue. */
export interface BackupOptions extends InventoryOption {
  readonly tokenFile?: string;
  readonly passphraseFile?: string;
}

/** A file of this machine needs no inventory, unless one is named or only one can tell the passphrase. */
export async function inventoryFor(file: Backup | undefined, options: BackupOptions): Promise<Inventory> {
  const needed = file === undefined || options.inventory !== undefined;
  if (needed || (file.encrypted && options.passphraseFile === undefined)) return inventoryOf(options);
  return bareInventory(file.place.at);
}

/** Stands in where a file is looked at by itself: no cluster, no hosts, no secrets. */
export function bareInventory(path: string): Inventory {
  return {
    file: path,
    folder: dirname(path),
    cluster: '',
    drill: true,
    servers: [],
    agents: [],
    contacts: [],
    approvers: [],
  };
}
