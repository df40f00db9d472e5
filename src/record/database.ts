import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { Row } from './chain.js';

/** One SQLite file per run: crash-safe, readable by others while the run is on, and easy to hand over. */

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS event (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    events INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
`;

export type Db = Database.Database;

/** What lies beside a record and belongs to it: SQLite's own files, and the checkpoint. */
const BESIDE = ['', '-wal', '-shm', '-fold'];

/** Moves a record aside as it lies there. */
export function moveRecord(path: string, to: string): void {
  for (const suffix of BESIDE) if (existsSync(path + suffix)) renameSync(path + suffix, to + suffix);
}

export function removeRecord(path: string): void {
  for (const suffix of BESIDE) rmSync(path + suffix, { force: true });
}

/**
 * Opens a record for writing. One that is damaged is set aside under another name, never overwritten, and a new one begins:
 * a broken record must not stand in the way of a rescue.
 * @returns the database and, when that happened, where the damaged one lies now
 */
export function openForWriting(path: string): { db: Db; setAside?: string; unwritable?: string } {
  try {
    return openFile(path);
  } catch (error) {
    // The rescue goes on with a record in memory; the header says so all the time.
    return { db: prepare(':memory:'), unwritable: error instanceof Error ? error.message : String(error) };
  }
}

function openFile(path: string): { db: Db; setAside?: string } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const isNew = !existsSync(path);
  try {
    const db = prepare(path);
    if (isNew) chmodSync(path, 0o600);
    return { db };
  } catch {
    const setAside = `${path}.damaged-${Date.now()}`;
    moveRecord(path, setAside);
    return { db: prepare(path), setAside };
  }
}

function prepare(path: string): Db {
  const db = new Database(path);
  try {
    db.pragma('journal_mode = WAL');
    // An event must be on disk before the command it announces is sent.
    db.pragma('synchronous = FULL');
    db.pragma('busy_timeout = 2000');
    if (db.pragma('quick_check', { simple: true }) !== 'ok') throw new Error('damaged');
    db.exec(SCHEMA);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens a record for reading only; works while a run is writing it. */
export function openForReading(path: string): Db {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  db.pragma('busy_timeout = 2000');
  return db;
}

/** Adds entries and moves the head, all or none. */
export function writeRows(db: Db, rows: readonly Row[]): void {
  const insert = db.prepare('INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)');
  const setHead = db.prepare(
    'INSERT INTO head (one, events, hash) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE SET events = excluded.events, hash = excluded.hash',
  );
  db.transaction(() => {
    for (const row of rows) insert.run(row.seq, row.body, row.hash);
    const last = rows.at(-1);
    if (last !== undefined) setHead.run(last.seq, last.hash);
  })();
}
