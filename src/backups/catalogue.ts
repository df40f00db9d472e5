import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { inertLine } from '../base/inert.js';
import { ProblemError } from '../base/problem.js';
import { type BucketConfig, folderOf, openBucket } from './bucket.js';
import { bucketProblem } from './bucket-problems.js';
import { type BackupName, readName } from './names.js';

/** Where a backup lies. `at` is the S3 key, the path on this machine, or the path on the server. */
export interface BackupPlace {
  readonly source: 'bucket' | 'folder' | 'server';
  /** Bucket name, folder, or host. */
  readonly holder: string;
  readonly at: string;
}

/** One backup in the catalogue. */
export interface Backup extends Omit<BackupName, 'time'> {
  /** What it is chosen by, unique in a catalogue: the bare name in a bucket, `file:NAME` in a folder, `HOST:NAME` on a server. */
  readonly id: string;
  readonly name: string;
  readonly place: BackupPlace;
  /** Bytes, as stored. */
  readonly size: number;
  /** When it was taken, by its name or else by when it was stored; milliseconds since the epoch. */
  readonly takenAt: number | undefined;
  readonly takenAtFrom: 'name' | 'stored' | undefined;
  readonly etag?: string;
}

/** A file on a server, as a listing over SSH gives it. Size in bytes, time in milliseconds. */
export interface ServerFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
}

/** A bucket that lists this many keys holds something else than backups. */
const MOST_KEYS = 200_000;

/**
 * Everything below the bucket's prefix that may be a backup, newest first. Throws {@link ProblemError}: `bucket-missing`,
 * `bucket-denied`, `bucket-wrong-key`, `bucket-clock`, `bucket-tls`, `bucket-unreachable`, `bucket-region`, `catalogue-empty`.
 */
export async function listBucket(config: BucketConfig, signal?: AbortSignal): Promise<Backup[]> {
  const bucket = await openBucket(config);
  const folder = folderOf(config);
  const found: Backup[] = [];
  try {
    let token: string | undefined;
    let seen = 0;
    do {
      const page = await bucket.client.send(
        new bucket.sdk.ListObjectsV2Command({
          Bucket: config.bucket,
          Prefix: folder,
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        signal === undefined ? {} : { abortSignal: signal },
      );
      for (const one of page.Contents ?? []) {
        seen++;
        const key = one.Key ?? '';
        if (key.endsWith('/') || key.slice(folder.length).split('/').includes('.metadata')) continue;
        const place = { source: 'bucket', holder: config.bucket, at: key } as const;
        const backup = backupOf(place, one.Size ?? 0, one.LastModified?.getTime());
        found.push(one.ETag === undefined ? backup : { ...backup, etag: one.ETag });
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined && seen < MOST_KEYS);
  } catch (thrown) {
    signal?.throwIfAborted();
    throw bucketProblem(thrown, config);
  } finally {
    bucket.close();
  }
  if (found.length === 0) throw empty(`${config.bucket}/${folder}`);
  return newestFirst(found);
}

/** The backups in a folder of this machine and one level of folders below it (`daily/`, `weekly/`), newest first. */
export async function listFolder(folder: string): Promise<Backup[]> {
  const found: Backup[] = [];
  const look = async (directory: string, deeper: boolean): Promise<void> => {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && deeper && entry.name !== '.metadata') await look(path, false);
      else if (entry.isFile()) {
        const info = await stat(path);
        found.push(backupOf({ source: 'folder', holder: folder, at: path }, info.size, info.mtimeMs));
      }
    }
  };
  try {
    await look(folder, true);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProblemError(
      {
        id: 'folder-unreadable',
        what: `The folder cannot be read: ${reason}.`,
        where: folder,
        left: 'Nothing was changed.',
        next: 'Check the path and its permissions.',
      },
      undefined,
      { cause },
    );
  }
  if (found.length === 0) throw empty(folder);
  return newestFirst(found);
}

/** The backups among the files of a server's `db/snapshots`, newest first; none is an answer too. Copies we delivered there are left out. */
export function listServer(host: string, files: readonly ServerFile[]): Backup[] {
  return newestFirst(
    files
      .filter((file) => !/\/blackstart-[^/]*$/.test(file.path))
      .map((file) => backupOf({ source: 'server', holder: host, at: file.path }, file.size, file.modified)),
  );
}

/** One file of this machine, as a backup. */
export function fileBackup(path: string, size: number, modified: number): Backup {
  return backupOf({ source: 'folder', holder: dirname(path), at: path }, size, modified);
}

/** Several lists as one, newest first; where two would be chosen by the same id, each gets a longer one. */
export function merge(lists: readonly (readonly Backup[])[]): Backup[] {
  const all = newestFirst(lists.flat());
  const seen = new Map<string, number>();
  for (const { id } of all) seen.set(id, (seen.get(id) ?? 0) + 1);
  return all.map((one) => ((seen.get(one.id) ?? 0) > 1 ? { ...one, id: longId(one.place) } : one));
}

/**
 * The one to begin with: the newest outside the servers, whose disks may be what failed; the newest on a server where there is
 * no other.
 */
export function suggested(backups: readonly Backup[]): Backup | undefined {
  return backups.find((one) => one.place.source !== 'server') ?? backups[0];
}

/** The one to take instead of those refused: as {@link suggested}, of what can be chosen at all. */
export function nextBest(backups: readonly Backup[], refused: ReadonlySet<string>): Backup | undefined {
  return suggested(usable(backups).filter((one) => !refused.has(one.id)));
}

/** What somebody typed: an id, a place, or a bare name that only one of them has. */
export function pick(backups: readonly Backup[], typed: string): Backup | undefined {
  const exact = backups.find((one) => one.id === typed || one.place.at === typed);
  if (exact !== undefined) return exact;
  const named = backups.filter((one) => one.name === typed);
  return named.length === 1 ? named[0] : undefined;
}

/** Those that can be chosen: whole, and with something in them. */
export function usable(backups: readonly Backup[]): Backup[] {
  return backups.filter(
    (one) =>
      !one.unfinished && one.size > 0 && (one.kind !== 'other' || one.encrypted || /\.(db|snap|zip)$/.test(one.name)),
  );
}

function backupOf(place: BackupPlace, size: number, stored: number | undefined): Backup {
  const { time, ...about } = readName(place.at);
  const name = inertLine(place.at.replace(/^.*\//, ''), 300);
  return {
    ...about,
    id: place.source === 'bucket' ? name : place.source === 'folder' ? `file:${name}` : `${place.holder}:${name}`,
    name,
    place,
    size,
    takenAt: time ?? stored,
    takenAtFrom: time !== undefined ? 'name' : stored !== undefined ? 'stored' : undefined,
  };
}

function longId({ source, holder, at }: BackupPlace): string {
  return inertLine(
    source === 'folder' ? `file:${relative(holder, at)}` : source === 'server' ? `${holder}:${at}` : at,
    400,
  );
}

function newestFirst(backups: Backup[]): Backup[] {
  return backups.sort((a, b) => (b.takenAt ?? 0) - (a.takenAt ?? 0) || (a.place.at < b.place.at ? -1 : 1));
}

function empty(where: string): ProblemError {
  return new ProblemError({
    id: 'catalogue-empty',
    what: 'There is no backup.',
    where,
    left: 'Nothing was changed.',
    next: 'Check bucket and prefix in the inventory, or use another source: a folder on this machine, a snapshot on a server.',
  });
}
