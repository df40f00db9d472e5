import { chmod, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';

/** Left free on the spool's disk, bytes. */
const RESERVE = 64 * 1024 * 1024;
/** A `.part` nobody has written to for this long is a leftover, milliseconds. */
const STALE = 10 * 60_000;

/**
 * The directory decrypted snapshots lie in while they are needed: 0700, its files 0600, under `NAME.part` until proven. What is in it
 * holds every Secret of the cluster, so it is removed afterwards.
 */
export class Spool {
  private constructor(readonly directory: string) {}

  /** Makes the directory where it is missing and closes it to others; removes leftovers of earlier runs that ended in the middle. */
  static async open(directory: string, now: number = Date.now()): Promise<Spool> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, 0o700);
      const spool = new Spool(directory);
      await spool.#sweep(now);
      return spool;
    } catch (cause) {
      throw spoolProblem(cause, directory);
    }
  }

  /** Where a backup is written until it is proven; any earlier one of that name is removed. */
  async begin(name: string): Promise<string> {
    const path = join(this.directory, `${safeName(name)}.part`);
    await rm(path, { force: true });
    return path;
  }

  /** Gives a proven file its final name and answers where it is now. */
  async finish(part: string): Promise<string> {
    const final = part.replace(/\.part$/, '');
    await rename(part, final);
    return final;
  }

  /** Throws {@link ProblemError} `spool-full` when fewer than `bytes` (and a reserve) are free. */
  async room(bytes: number): Promise<void> {
    const disk = await statfs(this.directory).catch((cause: unknown) => {
      throw spoolProblem(cause, this.directory);
    });
    const free = disk.bavail * disk.bsize;
    if (free >= bytes + RESERVE) return;
    throw new ProblemError(
      {
        id: 'spool-full',
        what: `The spool has no room: ${megabytes(bytes + RESERVE)} are needed, ${megabytes(free)} are free.`,
        where: this.directory,
        left: 'Nothing was fetched.',
        next: 'Free space there, or choose another spool directory (XDG_STATE_HOME).',
      },
      EXIT.unreachable,
    );
  }

  /** Removes one file of the spool, if it is there. */
  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** Removes everything: when a run is over. */
  async clear(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #sweep(now: number): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (!name.endsWith('.part') && !name.startsWith('blackstart-')) continue;
      const path = join(this.directory, name);
      // What is being copied beside this comes and goes.
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && now - found.mtimeMs > STALE) await rm(path, { recursive: true, force: true });
    }
  }
}

/** What a failed write or a missing directory means for the operator; {@link ProblemError}s pass through. */
export function spoolProblem(thrown: unknown, directory: string): unknown {
  if (thrown instanceof ProblemError) return thrown;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return thrown;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new ProblemError(
    {
      id: full ? 'spool-full' : 'spool-unusable',
      what: full ? 'The disk of the spool filled up.' : `The spool cannot be used: ${(thrown as Error).message}.`,
      where: directory,
      left: 'What was written so far is removed.',
      next: full
        ? 'Free space there, or choose another spool directory (XDG_STATE_HOME), then fetch again.'
        : 'Make the directory writable for this user, or choose another one.',
    },
    EXIT.unreachable,
    { cause: thrown },
  );
}

/** A key from a bucket becomes a file name: no folders, no way out of the spool, nothing hidden. */
function safeName(name: string): string {
  const safe = name
    .replace(/^.*[/\\]/, '')
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 200);
  return safe === '' ? 'backup' : safe;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
