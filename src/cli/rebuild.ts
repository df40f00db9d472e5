import { existsSync } from 'node:fs';
import { type Holder, isStale } from '../incident/acting.js';
import type { AnyEvent } from '../incident/event.js';
import { foldAll } from '../incident/fold.js';
import type { IncidentState } from '../incident/state.js';
import { type JournalPlace, type JournalRow, journalsOn, type PapersHost, rowsOf, seeLock } from '../papers/read.js';
import { whoWrote } from '../papers/site.js';
import { verifyChain } from '../record/chain.js';
import { moveRecord } from '../record/database.js';
import { eventsOf } from '../record/record.js';
import { importRun, readRun, recordPath } from '../record/runs.js';
import type { Previous } from '../runner/right.js';

/** A run as its journals on the servers tell it. */
export interface Rebuilt {
  readonly rows: readonly JournalRow[];
  readonly events: readonly AnyEvent[];
  readonly state: IncidentState;
  /** Who had it, and the last sign of life. */
  readonly previous: Previous;
  /** The lock as it stands, if there is one. */
  readonly holder?: Holder;
  /** Servers on which the journal was found whole. */
  readonly on: readonly string[];
}

/**
 * The newest run on the servers. Of several journals the one under the lock that stands counts, else the one written last; of its
 * copies the longest whose chain holds from the first event. One that is only the beginning of another does not count: a console that goes on brings
 * its journal piece by piece, and may end on the way.
 */
export async function rebuild(servers: readonly PapersHost[], signal: AbortSignal): Promise<Rebuilt | undefined> {
  const found = await Promise.all(
    servers.map(async (host) => ({
      host,
      lock: await seeLock(host, signal).catch(() => undefined),
      places: await journalsOn(host, signal).catch((): JournalPlace[] => []),
    })),
  );
  const holder = found
    .flatMap(({ lock }) => (lock?.kind === 'held' ? [lock.by] : []))
    .sort((a, b) => a.silentFor - b.silentFor)[0];
  const all = found.flatMap(({ host, places }) => places.map((place) => ({ host, place })));
  const run = all
    .map((one) => one.place.run)
    .sort()
    .at(-1);
  if (run === undefined) return undefined;
  const journals = await Promise.all(
    all
      .filter((one) => one.place.run === run)
      .map(async ({ host, place }) => ({
        place,
        rows: sound(await rowsOf(host, place.directory, signal).catch(() => [])),
      })),
  );
  const last = (rows: readonly JournalRow[]): string => whoWrote(rows).lastSign;
  const goesOn = (rows: readonly JournalRow[], other: readonly JournalRow[]): boolean =>
    other.length > rows.length && other[rows.length - 1]?.hash === rows.at(-1)?.hash;
  const best = journals
    .filter(({ rows }) => rows.length > 0 && !journals.some((other) => goesOn(rows, other.rows)))
    .sort(
      (a, b) =>
        Number(b.place.lock === holder?.id) - Number(a.place.lock === holder?.id) ||
        (a.place.lock === b.place.lock ? b.rows.length - a.rows.length : last(b.rows).localeCompare(last(a.rows))),
    )[0];
  if (best === undefined) return undefined;
  const events = eventsOf(best.rows);
  const state = foldAll(events);
  if (state === undefined) return undefined;
  const theirs = holder?.run === run ? holder : undefined;
  const { operator, machine, lastSign } = theirs ?? whoWrote(best.rows);
  const head = best.rows.at(-1)?.hash;
  return {
    rows: best.rows,
    events,
    state,
    previous: {
      operator,
      machine,
      run,
      lastSign,
      ...(theirs === undefined || isStale(theirs) ? {} : { id: theirs.id }),
    },
    ...(holder === undefined ? {} : { holder }),
    on: journals.filter(({ rows }) => rows.at(-1)?.hash === head).map(({ place }) => place.host),
  };
}

/** As far as the chain holds. */
function sound(rows: readonly JournalRow[]): JournalRow[] {
  const verdict = verifyChain(rows);
  return verdict.ok ? [...rows] : rows.slice(0, verdict.seq - 1);
}

/**
 * The run's record on this machine becomes what the servers hold; what was here and differs is set aside, never overwritten.
 * @returns where that lies, as a sentence
 */
export function keepRebuilt(stateDir: string, { previous, rows }: Rebuilt): string | undefined {
  const path = recordPath(stateDir, previous.run);
  if (existsSync(path)) {
    const here = readRun(path);
    const head = here.chain.ok ? here.chain.head : '';
    if (rows.some((row) => row.hash === head)) {
      importRun(path, rows.slice(here.events.length));
      return undefined;
    }
    const aside = `${path}.before-take-over-${Date.now()}`;
    moveRecord(path, aside);
    importRun(path, rows);
    return `The record of this run on this machine differs from the servers'; it lies aside as ${aside}.`;
  }
  importRun(path, rows);
  return undefined;
}
