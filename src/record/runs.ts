import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AnyEvent } from '../incident/event.js';
import type { IncidentState } from '../incident/state.js';
import { type ChainVerdict, type Row, verifyChain } from './chain.js';
import { type Db, openForReading, openForWriting, writeRows } from './database.js';
import { asRead, eachRow, eventsOf, headOf, readRows } from './record.js';

/** The runs recorded on this machine. */

export interface RunFile {
  readonly id: string;
  readonly path: string;
}

export interface RunSummary extends RunFile {
  readonly state: IncidentState;
}

export const recordPath = (stateDir: string, run: string): string => join(stateDir, 'runs', `${run}.db`);

/** Newest first, by name: a run's id begins with its minute; those of one minute by when their files were made. */
export function listRuns(stateDir: string): RunFile[] {
  const directory = join(stateDir, 'runs');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.db'))
    .map((name) => ({ id: name.slice(0, -3), path: join(directory, name) }))
    .sort((a, b) => (a.id.slice(0, MINUTE) === b.id.slice(0, MINUTE) ? madeAt(b) - madeAt(a) : a.id < b.id ? 1 : -1));
}

/** Letters of an id that tell its minute. */
const MINUTE = '20261122-0314'.length;

const madeAt = ({ path }: RunFile): number => statSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? 0;

/** Everything in a record, with the verdict on its chain. Read-only: works while a run is on. @throws where a part cannot be read */
export function readRun(path: string): { events: AnyEvent[]; chain: ChainVerdict } {
  const db = openForReading(path);
  try {
    const rows = readRows(db);
    return { events: eventsOf(rows), chain: verifyChain(rows, headOf(db)) };
  } finally {
    db.close();
  }
}

/** The same of a record whose file is damaged: entries up to the first that cannot be read, which the verdict names. */
export function readAsFar(path: string): { events: AnyEvent[]; chain: ChainVerdict } {
  try {
    return readRun(path);
  } catch (error) {
    const db = openForReading(path);
    const rows: Row[] = [];
    try {
      for (const row of eachRow(db)) rows.push(row);
    } catch {
      // As far as it goes.
    } finally {
      db.close();
    }
    if (rows.length === 0) throw error;
    const why = `it cannot be read (${error instanceof Error ? error.message : String(error)})`;
    const chain = verifyChain(rows);
    return { events: eventsOf(rows), chain: chain.ok ? { ok: false, seq: rows.length + 1, why } : chain };
  }
}

/** The file of a record as one, also while a run writes it; of a damaged one, as it lies there. */
export function recordBytes(path: string): Buffer {
  try {
    const db = openForReading(path);
    try {
      return db.serialize();
    } finally {
      db.close();
    }
  } catch {
    return readFileSync(path);
  }
}

/** Entries after a position, for whoever follows a run that another process writes; none where they cannot be read just now. */
export function rowsAfter(path: string, seq: number): AnyEvent[] {
  return looking(path, (db) => eventsOf(readRows(db, seq))) ?? [];
}

/** Adds entries that were chained elsewhere to a record, byte for byte. */
export function importRun(path: string, rows: readonly Row[]): void {
  const { db } = openForWriting(path);
  try {
    writeRows(db, rows);
  } finally {
    db.close();
  }
}

/** The newest run of a cluster that has not ended, for resuming. Files that cannot be read are left out. */
export function unfinishedRun(
  stateDir: string,
  cluster: string,
  fits: (state: IncidentState) => boolean = () => true,
): RunSummary | undefined {
  for (const run of listRuns(stateDir)) {
    const state = hasEnded(run) ? undefined : stateOf(run);
    if (
      state !== undefined &&
      state.cluster.name === cluster &&
      state.ended === undefined &&
      state.begun &&
      fits(state)
    )
      return { ...run, state };
  }
  return undefined;
}

/** What a record says, without a verdict on it; undefined where it cannot be read. */
export function stateOf({ path }: RunFile): IncidentState | undefined {
  return looking(path, (db) => asRead(db, path).state);
}

/** Whether a record says that its run has ended, without reading all of it: of many runs that lie here most have. */
const hasEnded = ({ path }: RunFile): boolean =>
  looking(path, (db) => db.prepare(`SELECT 1 FROM event WHERE instr(body, '"type":"run-ended"') LIMIT 1`).get()) !==
  undefined;

function looking<Value>(path: string, look: (db: Db) => Value): Value | undefined {
  try {
    const db = openForReading(path);
    try {
      return look(db);
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}

/** `20261122-0314-7f3a`: sorts by time, short enough to read aloud, safe in unit and file names. */
export function newRunId(now: number, random: () => number = Math.random): string {
  const stamp = new Date(now).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 13);
  return `${stamp}-${Math.floor(random() * 0xffff)
    .toString(16)
    .padStart(4, '0')}`;
}
