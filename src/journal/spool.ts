import { createReadStream, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGunzip, gzip } from 'node:zlib';
import { inertLine } from '../base/inert.js';
import type { JournalLine } from '../incident/journal.js';

/**
 * Journals kept beside a record: what followed lines said, compressed, bounded, to be searched afterwards. A folder of pieces, each a gzip
 * file of JSON lines (`zcat` reads it). Every console begins a piece of its own, so what a kill tore is always the end of a file.
 */

export interface SpoolLimits {
  /** Compressed bytes of all pieces; beyond it the oldest but the first give way. */
  readonly most: number;
  readonly piece: number;
  /** Milliseconds that lines wait to be written together: what a kill loses. */
  readonly waitMs: number;
  /** Bytes that must stay free on the disk: records come first. */
  readonly free: number;
}

const LIMITS: SpoolLimits = { most: 64e6, piece: 4e6, waitMs: 2_000, free: 200e6 };
/** Characters that may wait; a disk slower than the journals loses lines instead of filling the memory. */
const MOST_WAITING = 16e6;
const AT_ONCE = 1e6;

const packed = promisify(gzip);

interface Piece {
  readonly handle: FileHandle;
  bytes: number;
}

export class JournalSpool {
  readonly #directory: string;
  readonly #limits: SpoolLimits;
  readonly #warn: (text: string) => void;
  #waiting: string[] = [];
  #size = 0;
  #unwritten = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #piece: Piece | undefined;
  #said = false;

  /** @param warn told once, when journals cannot be kept */
  constructor(directory: string, warn: (text: string) => void, limits: Partial<SpoolLimits> = {}) {
    this.#directory = directory;
    this.#warn = warn;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Keeps lines; returns at once. */
  add(lines: readonly JournalLine[]): void {
    if (this.#unwritten + this.#size > MOST_WAITING) return;
    for (const { id: _id, ...line } of lines) {
      const text = `${JSON.stringify(line)}\n`;
      this.#waiting.push(text);
      this.#size += text.length;
    }
    if (this.#size > AT_ONCE) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), this.#limits.waitMs).unref();
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
    await this.#letGo();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#waiting.join('');
    if (text === '') return;
    this.#waiting = [];
    this.#size = 0;
    this.#unwritten += text.length;
    this.#writing = this.#writing
      .then(() => this.#write(text))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#unwritten -= text.length;
      });
  }

  async #write(text: string): Promise<void> {
    const bytes = await packed(text);
    const piece = await this.#pieceFor(bytes.length);
    await piece.handle.appendFile(bytes);
    piece.bytes += bytes.length;
  }

  async #pieceFor(bytes: number): Promise<Piece> {
    if (this.#piece !== undefined && this.#piece.bytes + bytes <= this.#limits.piece) return this.#piece;
    await this.#letGo();
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(this.#directory);
    if (bavail * bsize < this.#limits.free) throw new Error('the disk is nearly full');
    await this.#makeRoom();
    const handle = await this.#create();
    this.#piece = { handle, bytes: 0 };
    return this.#piece;
  }

  /** A name of its own, also where another console writes here. */
  async #create(): Promise<FileHandle> {
    for (let number = lastNumber(this.#directory) + 1; ; number++) {
      try {
        return await open(join(this.#directory, pieceName(number)), 'ax', 0o600);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** How it began and what came last is worth most. */
  async #makeRoom(): Promise<void> {
    const { pieces } = spooled(this.#directory);
    const sizes = await Promise.all(pieces.map(async (path) => (await stat(path)).size));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (let at = 1; at < pieces.length && total + this.#limits.piece > this.#limits.most; at++) {
      await unlink(pieces[at] ?? '');
      total -= sizes[at] ?? 0;
    }
  }

  async #letGo(): Promise<void> {
    const piece = this.#piece;
    this.#piece = undefined;
    await piece?.handle.close().catch(() => undefined);
  }

  async #failed(error: unknown): Promise<void> {
    // What was torn must be the end of its piece; the next lines begin another one, if that works again.
    await this.#letGo();
    if (this.#said) return;
    this.#said = true;
    this.#warn(`journals are not kept beside the record: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Where the journals of a record lie. */
export const spoolBeside = (record: string): string => record.replace(/\.db$/, '.journal');

export const removeJournals = (directory: string): void => rmSync(directory, { recursive: true, force: true });

const pieceName = (number: number): string => `${String(number).padStart(6, '0')}.jsonl.gz`;
const PIECE = /^(\d{6})\.jsonl\.gz$/;

/** Paths of the pieces, oldest first, and how many gave way to keep within the bound. */
export function spooled(directory: string): { readonly pieces: readonly string[]; readonly missing: number } {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => PIECE.test(name));
  } catch {
    return { pieces: [], missing: 0 };
  }
  const pieces = names.sort().map((name) => join(directory, name));
  return { pieces, missing: lastNumber(directory) - pieces.length };
}

function lastNumber(directory: string): number {
  const names = readdirSync(directory).flatMap((name) => PIECE.exec(name)?.[1] ?? []);
  return Math.max(0, ...names.map(Number));
}

/** A console that goes on asks for some lines of the past again. */
const SEEN_BEFORE = 400;

/** Lines as they came, each once; of a piece that is torn or damaged, what can be read. */
export async function* readSpool(directory: string): AsyncGenerator<JournalLine> {
  const latest = new Map<string, string[]>();
  let id = 0;
  for (const path of spooled(directory).pieces) {
    const before = new Set([...latest.values()].flat());
    for await (const text of linesOf(path)) {
      const line = parsed(text, id);
      if (line === undefined) continue;
      const key = `${line.at} ${line.host} ${line.unit} ${line.text}`;
      if (before.has(key)) continue;
      const keys = latest.get(line.host) ?? [];
      if (keys.push(key) > SEEN_BEFORE * 2) keys.splice(0, SEEN_BEFORE);
      latest.set(line.host, keys);
      id += 1;
      yield line;
    }
  }
}

/** Bytes unpacked at a time: with a damaged place the rest of its bite is lost. */
const BITE = 4096;

async function* linesOf(path: string): AsyncGenerator<string> {
  const text = new PassThrough({ encoding: 'utf8' });
  // A cut-off end is read as far as it goes; of a damaged piece, what comes before the damage: taken over as it comes, not piped,
  // since an error would throw away what was not read yet.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  gunzip.on('data', (chunk: Buffer) => text.write(chunk));
  pipeline(createReadStream(path, { highWaterMark: BITE }), gunzip, () => text.end());
  let rest = '';
  for await (const chunk of text) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function parsed(text: string, id: number): JournalLine | undefined {
  try {
    const line = JSON.parse(text) as JournalLine;
    if (!Number.isFinite(line.at) || typeof line.text !== 'string' || typeof line.host !== 'string') return undefined;
    const symptoms = Array.isArray(line.symptoms) ? line.symptoms.filter((one) => typeof one === 'string') : [];
    return {
      ...line,
      id,
      host: inertLine(line.host),
      unit: inertLine(String(line.unit)),
      text: inertLine(line.text),
      symptoms,
    };
  } catch {
    return undefined;
  }
}
