import { inertLine } from '../base/inert.js';
import type { Holder } from '../incident/acting.js';
import type { Host } from '../remote/host.js';
import { listJournals, readJournal, readLock } from './script.js';

/** Reading locks and journals on servers. Looks only, and believes nothing that does not hold together. */

export type PapersHost = Pick<Host, 'name' | 'exec' | 'put'>;

/** What a server said about its lock. */
export type LockSeen = { readonly kind: 'ours' } | { readonly kind: 'none' } | { readonly kind: 'held'; by: Holder };

export interface Owner {
  readonly id: string;
  readonly operator: string;
  readonly machine: string;
  readonly run: string;
  /** Names the state directory of the console. */
  readonly seat: string;
}

export const ownerText = ({ id, operator, machine, run, seat }: Owner): string =>
  JSON.stringify({ id, operator: inertLine(operator, 40), machine: inertLine(machine, 60), run, seat });

/** What the lock script prints; undefined when it is something else. */
export function parseLock(text: string, on: string): LockSeen | undefined {
  const [word, owner = '', since = '', beat = '', now = ''] = text.trim().split('\n');
  if (word === 'ours' || word === 'none') return { kind: word };
  if (word !== 'held' || !/^\d+$/.test(now.trim())) return undefined;
  const at = Number(beat) || Number(since) || 0;
  return {
    kind: 'held',
    by: {
      ...parseOwner(owner),
      since: iso(Number(since)),
      lastSign: iso(at),
      silentFor: Math.max(0, Number(now) - at),
      on,
    },
  };
}

function parseOwner(text: string): Owner {
  const found: Record<string, unknown> = {};
  try {
    Object.assign(found, JSON.parse(text));
  } catch {
    // Somebody else's file: shown as unknown, never believed.
  }
  const word = (key: string): string => {
    const value = found[key];
    return typeof value === 'string' && value !== '' ? inertLine(value, 60) : 'unknown';
  };
  const id = word('id');
  return {
    id: /^[0-9a-f]{8,64}$/.test(id) ? id : '-',
    operator: word('operator'),
    machine: word('machine'),
    run: word('run'),
    seat: word('seat'),
  };
}

const iso = (seconds: number): string =>
  Number.isFinite(seconds) && seconds > 0 ? new Date(seconds * 1000).toISOString() : '';

export async function seeLock(host: PapersHost, signal: AbortSignal): Promise<LockSeen | undefined> {
  const { stdout } = await host.exec({ argv: readLock(), root: true, signal, timeoutMs: 10_000, lane: 'watch' });
  return parseLock(stdout, host.name);
}

/** One console's journal on one server. */
export interface JournalPlace {
  readonly host: string;
  readonly run: string;
  /** Id of the lock under which it was written. */
  readonly lock: string;
  readonly directory: string;
  /** Its last line, as far as it holds. */
  readonly last: JournalRow | undefined;
}

export interface JournalRow {
  readonly seq: number;
  readonly hash: string;
  /** The event's text, byte for byte as it was hashed. */
  readonly body: string;
}

/** A row as one line: valid JSON, with the event's text kept byte for byte. */
export const journalLine = ({ seq, hash, body }: JournalRow): string =>
  `{"seq":${seq},"hash":"${hash}","event":${body}}\n`;

export function parseJournalLine(line: string): JournalRow | undefined {
  const match = /^\{"seq":(\d{1,12}),"hash":"([0-9a-f]{64})","event":(\{.*\})\}$/.exec(line);
  return match === null ? undefined : { seq: Number(match[1]), hash: match[2] ?? '', body: match[3] ?? '' };
}

/** Rows of a journal in order, each once; lines torn by a cut connection are left out. */
export function parseJournal(text: string): JournalRow[] {
  const rows = new Map<number, JournalRow>();
  for (const line of text.split('\n')) {
    const row = parseJournalLine(line);
    if (row !== undefined && !rows.has(row.seq)) rows.set(row.seq, row);
  }
  return [...rows.values()].sort((a, b) => a.seq - b.seq);
}

const RUN = /^\d{8}-\d{4}-[0-9a-f]{4}$/;

/** Journals that stand on a server, of all runs or one. */
export async function journalsOn(host: PapersHost, signal: AbortSignal, run?: string): Promise<JournalPlace[]> {
  const argv = listJournals(run !== undefined && RUN.test(run) ? run : '*');
  const { stdout } = await host.exec({ argv, root: true, signal, timeoutMs: 15_000, lane: 'watch' });
  return stdout.split('\n').flatMap((line): JournalPlace[] => {
    const [directory = '', last = ''] = line.split('\t');
    const match = /^\/var\/lib\/blackstart\/([^/]+)\/journal-([0-9a-f]{8,64})$/.exec(directory);
    if (match === null || !RUN.test(match[1] ?? '')) return [];
    return [{ host: host.name, run: match[1] ?? '', lock: match[2] ?? '', directory, last: parseJournalLine(last) }];
  });
}

/** Everything in a journal, or what is in pieces after one of them. */
export async function rowsOf(
  host: PapersHost,
  directory: string,
  signal: AbortSignal,
  after = '',
): Promise<JournalRow[]> {
  const { stdout } = await host.exec({
    argv: readJournal(directory, after),
    root: true,
    signal,
    timeoutMs: 60_000,
    maxBytes: 64e6,
    lane: 'watch',
  });
  return parseJournal(stdout);
}
