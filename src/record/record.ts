import { tmpdir } from 'node:os';
import type { Clock } from '../base/clock.js';
import { withoutControls } from '../base/inert.js';
import type { AnyEvent, IncidentEvent, Payload } from '../incident/event.js';
import { CHAIN_START, linkHash, type Row, verifyChain } from './chain.js';
import { type Db, openForWriting, writeRows } from './database.js';
import { SecondPlace } from './second.js';

/** A file system in memory first: where the disk is full, the temporary directory often is, too. */
const SECOND_PLACES: readonly string[] = ['/dev/shm', tmpdir()];

/**
 * The record of a run: first to know. `append` returns when the event is on disk. Where it cannot be written the rescue goes on:
 * events are kept in memory, written as soon as that works again, and `trouble` says so.
 */
export class RunRecord {
  readonly #db: Db;
  readonly #clock: Clock;
  #seq: number;
  #head: string;
  #unwritten: Row[] = [];
  #trouble: string | undefined;
  /** The file could not even be opened. */
  readonly #inMemory: boolean;
  readonly #second: SecondPlace;

  private constructor(
    db: Db,
    clock: Clock,
    { seq, head }: { seq: number; head: string },
    trouble: string | undefined,
    inMemory: boolean,
    second: SecondPlace,
  ) {
    this.#inMemory = inMemory;
    this.#second = second;
    this.#db = db;
    this.#clock = clock;
    this.#seq = seq;
    this.#head = head;
    this.#trouble = trouble;
  }

  /** Opens or creates the record at a path and reads what is in it. */
  static open(path: string, clock: Clock, places = SECOND_PLACES): { record: RunRecord; events: AnyEvent[] } {
    const { db, setAside, unwritable } = openForWriting(path);
    const rows = readRows(db);
    const last = rows.at(-1);
    const verdict = verifyChain(rows, headOf(db));
    const trouble =
      unwritable !== undefined
        ? `The record cannot be written (${unwritable}): it is kept in memory only and ends with this console.`
        : setAside !== undefined
          ? `The record was damaged and lies aside as ${setAside}; a new one was begun.`
          : verdict.ok
            ? undefined
            : `Entry ${verdict.seq} of the record does not hold: ${verdict.why}.`;
    const end = { seq: last?.seq ?? 0, head: last?.hash ?? CHAIN_START };
    const second = new SecondPlace(path, places);
    const record = new RunRecord(db, clock, end, trouble, unwritable !== undefined, second);
    return { record, events: eventsOf(rows) };
  }

  /** Why the record is not as it should be, for the header; undefined when all is well. */
  get trouble(): string | undefined {
    if (this.#unwritten.length === 0 && !this.#inMemory) return this.#trouble;
    const second = this.#second.path;
    const where = second === undefined ? 'they are in memory only' : `they are in ${second}`;
    return this.#inMemory
      ? `${this.#trouble ?? ''}${second === undefined ? '' : ` A second copy is ${second}.`}`
      : `${this.#unwritten.length} events are not on disk (${this.#trouble ?? ''}): ${where}`;
  }

  /** Hash of the last event: shown on screen and in exports. */
  get head(): string {
    return this.#head;
  }

  /** Entries after a position, those not yet on disk included. */
  rowsAfter(seq: number): Row[] {
    const waiting = this.#unwritten.filter((row) => row.seq > seq);
    try {
      return [...readRows(this.#db, seq).filter((row) => !waiting.some((one) => one.seq === row.seq)), ...waiting];
    } catch {
      return waiting;
    }
  }

  append(payload: Payload): IncidentEvent {
    const seq = this.#seq + 1;
    const event = {
      seq,
      at: new Date(this.#clock.now()).toISOString(),
      mono: Math.round(this.#clock.mono()),
      ...payload,
    } as IncidentEvent;
    const body = JSON.stringify(event);
    const hash = linkHash(this.#head, seq, body);
    this.#seq = seq;
    this.#head = hash;
    this.#unwritten.push({ seq, body, hash });
    this.#write();
    return event;
  }

  close(): void {
    this.#write();
    this.#db.close();
    this.#second.close();
  }

  #write(): void {
    try {
      writeRows(this.#db, this.#unwritten);
      this.#unwritten = [];
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
    }
    if (this.#unwritten.length > 0 || this.#inMemory) this.#second.write((seq) => this.rowsAfter(seq));
  }
}

export function readRows(db: Db, after = 0): Row[] {
  return db.prepare<[number], Row>('SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq').all(after);
}

/** One entry after the other: those before a damaged page can still be had. */
export const eachRow = (db: Db): IterableIterator<Row> =>
  db.prepare<[], Row>('SELECT seq, body, hash FROM event ORDER BY seq').iterate();

/** The events of rows. One whose text is damaged is kept as an event of no known type, in its place: the rest must still be read. */
export function eventsOf(rows: readonly Row[]): AnyEvent[] {
  let at = new Date(0).toISOString();
  return rows.map((row) => {
    const event = parsed(row.body);
    at = event?.at ?? at;
    return event ?? { seq: row.seq, at, mono: 0, type: 'unreadable' };
  });
}

/**
 * Rows may have lain on a server where others can write: what would control a terminal is dropped here, once, for everybody who shows, replays or
 * goes on with them. What we record ourselves holds none. The hashes are over the text as it lies there.
 */
function parsed(body: string): AnyEvent | undefined {
  try {
    const event = JSON.parse(body, (_key, value: unknown) =>
      typeof value === 'string' ? withoutControls(value) : value,
    ) as Partial<AnyEvent> | null;
    const whole = typeof event?.type === 'string' && typeof event.seq === 'number' && typeof event.at === 'string';
    return whole ? (event as AnyEvent) : undefined;
  } catch {
    return undefined;
  }
}

export function headOf(db: Db): { events: number; head: string } | undefined {
  const row = db.prepare<[], { events: number; hash: string }>('SELECT events, hash FROM head').get();
  return row === undefined ? undefined : { events: row.events, head: row.hash };
}
