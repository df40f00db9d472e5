import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { ProblemError } from '../base/problem.js';

/**
 * Positional reads from one open file. Nothing is kept in memory but what the caller hands in: the operating system's
 * page cache is the cache, since every file proven here has just been written or hashed.
 */
export class RandomReader {
  readonly #handle: FileHandle;

  private constructor(
    handle: FileHandle,
    readonly path: string,
    /** Size in bytes when it was opened. */
    readonly size: number,
    /** Modification time, milliseconds since the epoch. */
    readonly mtimeMs: number,
  ) {
    this.#handle = handle;
  }

  /** Opens a regular file for reading; throws {@link ProblemError} `file-unreadable` when that fails. */
  static async open(path: string): Promise<RandomReader> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error('it is not a regular file');
      return new RandomReader(handle, path, stat.size, stat.mtimeMs);
    } catch (cause) {
      await handle?.close();
      throw unreadable(path, cause);
    }
  }

  /**
   * Fills `into[0, length)` from byte `offset`, waiting for the disk. Returns the number of bytes read, less than `length`
   * only at the end of the file. For the many small reads of a tree walk, where a promise each would cost more than the read.
   */
  readSync(into: Buffer, offset: number, length: number): number {
    let done = 0;
    try {
      while (done < length) {
        const got = readSync(this.#handle.fd, into, done, length - done, offset + done);
        if (got === 0) break;
        done += got;
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    return done;
  }

  /** As {@link readSync}, without holding up the thread. */
  async read(into: Buffer, offset: number, length: number): Promise<number> {
    let done = 0;
    try {
      while (done < length) {
        const { bytesRead } = await this.#handle.read(into, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    return done;
  }

  /** A copy of at most `length` bytes from `offset`. */
  slice(offset: number, length: number): Buffer {
    const into = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - offset)));
    return into.subarray(0, this.readSync(into, offset, into.length));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function unreadable(path: string, cause: unknown): ProblemError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ProblemError(
    {
      id: 'file-unreadable',
      what: `The file cannot be read: ${reason}.`,
      where: basename(path),
      left: 'Nothing was changed.',
      next: 'Check that the path is right and that this user may read it.',
    },
    undefined,
    { cause },
  );
}
