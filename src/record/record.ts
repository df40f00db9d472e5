import { tmpdir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.js';
import { withoutControls } from '../base/inert.js';
import type { AnyEvent, IncidentEvent, Payload } from '../incident/event.js';
import { foldAll } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';
import { CHAIN_START, type ChainVerdict, linkHash, type Row, verifyChain } from './chain.js';
import { CHECKPOINT_EVERY, type Checkpoint, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.js';
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
  readonly #path: string;
  #state: IncidentState | undefined;
  /** What was believed of the entries before it until the whole chain has been walked. */
  #from: Checkpoint | undefined;
  #closed = false;

  private constructor(path: string, db: Db, clock: Clock, read: AsRead, inMemory: boolean, second: SecondPlace) {
    this.#path = path;
    this.#inMemory = inMemory;
    this.#second = second;
    this.#db = db;
    this.#clock = clock;
    this.#seq = read.seq;
    this.#head = read.head;
    this.#state = read.state;
    this.#from = read.from;
  }

  /** Opens or creates the record at a path and reads what is in it; of a long one what came after its checkpoint. */
  static open(path: string, clock: Clock, places = SECOND_PLACES): RunRecord {
    const { db, setAside, unwritable } = openForWriting(path);
    const read = asRead(db, path);
    const { verdict } = read;
    const record = new RunRecord(path, db, clock, read, unwritable !== undefined, new SecondPlace(path, places));
    record.#trouble =
      unwritable !== undefined
        ? `The record cannot be written (${unwritable}): it is kept in memory only and ends with this console.`
        : setAside !== undefined
          ? `The record was damaged and lies aside as ${setAside}; a new one was begun.`
          : verdict.ok
            ? undefined
            : `Entry ${verdict.seq} of the record does not hold: ${verdict.why}.`;
    if (verdict.ok && read.seq >= CHECKPOINT_EVERY + (read.from?.seq ?? 0)) record.#keepCheckpoint();
    return record;
  }

  /** What its events say; undefined before a run was opened. */
  get state(): IncidentState | undefined {
    return this.#state;
  }

  /**
   * Walks what opening left out, a little at a time: nobody waits for it. What does not hold is said in `trouble`, and a checkpoint that the entries
   * do not bear out is removed.
   */
  async verify(): Promise<void> {
    const from = this.#from;
    let at: { events: number; head: string } = { events: 0, head: CHAIN_START };
    let state: IncidentState | undefined;
    while (from !== undefined && at.events < from.seq) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#closed) return;
      const rows = this.#some(at.events, from.seq);
      const verdict = rows.length === 0 ? missing(at.events + 1) : verifyChain(rows, undefined, at);
      if (!verdict.ok) return this.#doubt(`Entry ${verdict.seq} of the record does not hold: ${verdict.why}.`);
      state = foldAll(eventsOf(rows), state);
      at = verdict;
    }
    this.#from = undefined;
    if (from === undefined || (at.head === from.head && isDeepStrictEqual(plain(state), plain(from.state)))) return;
    this.#doubt(
      'The record does not say what its checkpoint said. Leave (q) and start blackstart again: it is read anew.',
    );
  }

  #some(after: number, last: number): Row[] {
    try {
      const some = 'SELECT seq, body, hash FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 200';
      return this.#db.prepare<[number, number], Row>(some).all(after, last);
    } catch {
      return [];
    }
  }

  #doubt(what: string): void {
    this.#from = undefined;
    this.#trouble = what;
    removeCheckpoint(this.#path);
  }

  #keepCheckpoint(): void {
    if (this.#state === undefined || this.#unwritten.length > 0 || this.#inMemory) return;
    writeCheckpoint(this.#path, { seq: this.#seq, head: this.#head, state: this.#state });
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

  /** The file that holds all of it: another one where the record could not be written in its place. */
  get wholeAt(): string {
    const elsewhere = this.#unwritten.length > 0 || this.#inMemory;
    return (elsewhere ? this.#second.path : undefined) ?? this.#path;
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
    // As it would be read back.
    this.#state = foldAll(eventsOf([{ seq, body, hash }]), this.#state);
    if (seq % CHECKPOINT_EVERY === 0) this.#keepCheckpoint();
    return event;
  }

  close(): void {
    this.#closed = true;
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

/** A record as it was read: what it says, where it ends, and whether it holds as far as it was looked at. */
export interface AsRead {
  readonly state: IncidentState | undefined;
  readonly seq: number;
  readonly head: string;
  readonly verdict: ChainVerdict;
  /** Where reading began. */
  readonly from: Checkpoint | undefined;
}

export function asRead(db: Db, path: string): AsRead {
  const hashAt = db.prepare<[number], { hash: string }>('SELECT hash FROM event WHERE seq = ?');
  const from = readCheckpoint(path, (seq) => hashAt.get(seq)?.hash);
  const rows = readRows(db, from?.seq);
  const last = rows.at(-1);
  return {
    state: foldAll(eventsOf(rows), from?.state),
    seq: last?.seq ?? from?.seq ?? 0,
    head: last?.hash ?? from?.head ?? CHAIN_START,
    verdict: verifyChain(rows, headOf(db), from === undefined ? undefined : { events: from.seq, head: from.head }),
    from,
  };
}

const missing = (seq: number): ChainVerdict => ({ ok: false, seq, why: 'it is missing or cannot be read' });

/** As it is after writing and reading: without what is undefined. */
const plain = (state: IncidentState | undefined): unknown => JSON.parse(JSON.stringify(state ?? null));

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
    const event = (quiet(body) ? JSON.parse(body) : JSON.parse(body, inertValue)) as Partial<AnyEvent> | null;
    const whole = typeof event?.type === 'string' && typeof event.seq === 'number' && typeof event.at === 'string';
    return whole ? (event as AnyEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing is escaped that could control, and nothing that does stands there as it is: most events, read several times faster. */
const quiet = (body: string): boolean => !/\\[ubfr]/.test(body) && withoutControls(body) === body;

const inertValue = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? withoutControls(value) : value;

export function headOf(db: Db): { events: number; head: string } | undefined {
  const row = db.prepare<[], { events: number; hash: string }>('SELECT events, hash FROM head').get();
  return row === undefined ? undefined : { events: row.events, head: row.hash };
}
