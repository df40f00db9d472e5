import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../base/clock.js';
import { ProblemError } from '../base/problem.js';
import { type Bucket, type BucketConfig, openBucket } from './bucket.js';
import { bucketProblem } from './bucket-problems.js';
import { HEAD_BYTES } from './openpgp-head.js';
import type { Chunks } from './packets.js';

/** Where a backup comes from. */
export type Source =
  | { readonly kind: 'bucket'; readonly bucket: BucketConfig; readonly key: string }
  | { readonly kind: 'file'; readonly path: string }
  /** A file that already lies in the spool (fetched from a server); it is used up. */
  | { readonly kind: 'spooled'; readonly path: string };

/** An opened source: its size and its bytes, to be read once and closed. */
export interface Opened {
  readonly size: number;
  readonly chunks: Chunks;
  close(): void;
}

/** Drops in a row, without a byte in between, after which a download is given up. */
const PATIENCE = 5;
const PIECE = 256 * 1024;

/** The name of the backup, without folders. */
export function sourceName(source: Source): string {
  return basename(source.kind === 'bucket' ? source.key : source.path);
}

/** Opens a source. Throws {@link ProblemError}; see {@link bucketProblem} for those of a bucket. */
export async function openSource(
  source: Source,
  signal: AbortSignal | undefined,
  clock: Clock = systemClock,
): Promise<Opened> {
  if (source.kind === 'bucket') return Download.open(source.bucket, source.key, signal, clock);
  try {
    const { size } = await stat(source.path);
    const stream = createReadStream(source.path, { highWaterMark: PIECE, ...(signal === undefined ? {} : { signal }) });
    return { size, chunks: stream as AsyncIterable<Buffer>, close: () => stream.destroy() };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProblemError(
      {
        id: 'file-unreadable',
        what: `The file cannot be read: ${reason}.`,
        where: basename(source.path),
        left: 'Nothing was changed.',
        next: 'Check the path and its permissions.',
      },
      undefined,
      { cause },
    );
  }
}

/** The first 16 KiB, for testing the passphrase without fetching the rest. */
export async function fetchHead(source: Source, signal?: AbortSignal): Promise<Buffer> {
  const range = source.kind === 'bucket' ? { Range: `bytes=0-${HEAD_BYTES - 1}` } : {};
  const opened =
    source.kind === 'bucket'
      ? await Download.open(source.bucket, source.key, signal, systemClock, range)
      : await openSource(source, signal);
  const pieces: Buffer[] = [];
  let have = 0;
  try {
    for await (const piece of opened.chunks) {
      pieces.push(piece);
      have += piece.length;
      if (have >= HEAD_BYTES) break;
    }
  } finally {
    opened.close();
  }
  return Buffer.concat(pieces).subarray(0, HEAD_BYTES);
}

/** One object being downloaded: after a drop it goes on by range from the last byte, and only of the same version (`If-Match`). */
class Download implements Opened {
  #at = 0;
  #body: Readable | undefined;

  private constructor(
    private readonly bucket: Bucket,
    private readonly config: BucketConfig,
    private readonly key: string,
    private readonly signal: AbortSignal | undefined,
    private readonly clock: Clock,
    readonly size: number,
    private readonly etag: string | undefined,
    body: Readable,
  ) {
    this.#body = body;
  }

  static async open(
    config: BucketConfig,
    key: string,
    signal: AbortSignal | undefined,
    clock: Clock,
    extra: { Range?: string } = {},
  ): Promise<Download> {
    const bucket = await openBucket(config);
    try {
      const answer = await bucket.client.send(
        new bucket.sdk.GetObjectCommand({ Bucket: config.bucket, Key: key, ...extra }),
        signal === undefined ? {} : { abortSignal: signal },
      );
      if (answer.Body === undefined) throw new Error('the answer has no content');
      return new Download(
        bucket,
        config,
        key,
        signal,
        clock,
        answer.ContentLength ?? 0,
        answer.ETag,
        answer.Body as Readable,
      );
    } catch (thrown) {
      bucket.close();
      signal?.throwIfAborted();
      throw bucketProblem(thrown, config, key);
    }
  }

  get chunks(): Chunks {
    return this.#read();
  }

  close(): void {
    this.#body?.destroy();
    this.bucket.close();
  }

  async *#read(): Chunks {
    let drops = 0;
    let last: unknown;
    while (this.#at < this.size) {
      try {
        this.#body ??= await this.#resume();
        for await (const piece of this.#body as AsyncIterable<Buffer>) {
          drops = 0;
          this.#at += piece.length;
          yield piece;
        }
      } catch (thrown) {
        this.signal?.throwIfAborted();
        if (refusesForGood(thrown)) throw bucketProblem(thrown, this.config, this.key);
        last = thrown;
      }
      this.#body?.destroy();
      this.#body = undefined;
      if (this.#at >= this.size) return;
      if (++drops > PATIENCE) throw this.#gaveUp(last);
      await this.clock.sleep(Math.min(8000, 250 * 2 ** (drops - 1)), this.signal);
    }
  }

  async #resume(): Promise<Readable> {
    const answer = await this.bucket.client.send(
      new this.bucket.sdk.GetObjectCommand({
        Bucket: this.config.bucket,
        Key: this.key,
        Range: `bytes=${this.#at}-`,
        ...(this.etag === undefined ? {} : { IfMatch: this.etag }),
      }),
      this.signal === undefined ? {} : { abortSignal: this.signal },
    );
    // A store that knows no ranges begins again at the first byte: taking that for the rest would damage the file.
    if (
      answer.ContentRange === undefined ||
      !answer.ContentRange.startsWith(`bytes ${this.#at}-`) ||
      answer.Body === undefined
    ) {
      throw new ProblemError({
        id: 'bucket-no-range',
        what: 'The connection dropped, and the storage cannot go on in the middle of a file.',
        where: this.key,
        left: 'What was fetched so far is removed.',
        next: 'Fetch it again; on a line that drops often, copy the file to this machine by other means and give its path.',
      });
    }
    return answer.Body as Readable;
  }

  #gaveUp(last: unknown): ProblemError {
    const reason = last instanceof Error ? ` (${last.message})` : '';
    return new ProblemError(
      {
        id: 'download-truncated',
        what: `The download ended ${this.size - this.#at} bytes too early, ${PATIENCE} times in a row${reason}.`,
        where: this.key,
        left: 'What was fetched so far is removed.',
        next: 'Try again when the network is better, or use another source: a folder on this machine, a snapshot on a server.',
      },
      undefined,
      { cause: last },
    );
  }
}

/** A refusal stays one however often it is asked; a dropped connection does not. */
function refusesForGood(thrown: unknown): boolean {
  if (thrown instanceof ProblemError) return true;
  const status = (thrown as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}
