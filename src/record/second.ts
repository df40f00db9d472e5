import { mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import type { Row } from './chain.js';
import { type Db, openForWriting, writeRows } from './database.js';

/**
 * Where events go while a record cannot be written where it belongs (a full or broken disk): another file, in memory or in the temporary
 * directory, so that they outlive this console. Best effort; it never throws.
 */
export class SecondPlace {
  readonly #places: readonly string[];
  readonly #name: string;
  #db: Db | undefined;
  #seq = 0;
  /** Where they went, also after closing. */
  path: string | undefined;

  /** @param places folders to try, in order */
  constructor(record: string, places: readonly string[]) {
    this.#places = places;
    this.#name = basename(record);
  }

  /** @param rowsAfter entries after a position, oldest first: the second file holds the whole chain */
  write(rowsAfter: (seq: number) => readonly Row[]): void {
    for (const place of this.#db === undefined ? this.#places : ['']) {
      try {
        if (this.#db === undefined) this.#open(join(place, `blackstart-${userInfo().uid}`));
        const rows = rowsAfter(this.#seq);
        if (this.#db !== undefined && rows.length > 0) {
          writeRows(this.#db, rows);
          this.#seq = rows.at(-1)?.seq ?? this.#seq;
        }
        return;
      } catch {
        this.close();
        this.path = undefined;
      }
    }
  }

  #open(directory: string): void {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // A name of its own each time: a second file of an earlier trouble is somebody's evidence.
    const path = join(directory, `${this.#name}.${Date.now()}`);
    const { db, unwritable } = openForWriting(path);
    if (unwritable !== undefined) {
      db.close();
      throw new Error(unwritable);
    }
    this.#db = db;
    this.#seq = 0;
    this.path = path;
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}
