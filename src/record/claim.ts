import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/**
 * One console at a time writes the records of a cluster on this machine. The claim is a locked SQLite file: the kernel lets go of it
 * when the process ends, however it ends, so a dead console never stands in the way and nothing has to be judged stale.
 */
export interface Claim {
  /** Whether it keeps others out: not so where no file can be locked. */
  readonly certain: boolean;
  release(): void;
}

export interface Claimant {
  readonly operator: string;
  readonly machine: string;
  readonly pid: number;
  readonly run: string;
  /** ISO 8601. */
  readonly since: string;
}

export type Claimed = { readonly ours: Claim } | { readonly theirs: Claimant };

/** Whoever only looks who holds a claim is in the way for an instant; two who claim at once, too: then one of them gets it. Milliseconds. */
const PATIENCE_MS = 250;

/** @param key names the cluster: its name and addresses */
export function claim(stateDir: string, key: string, who: Claimant): Claimed {
  const { directory, file, about } = placesOf(stateDir, key);
  let db: Database.Database;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    db = new Database(file);
  } catch {
    // Where nothing can be written, nobody else writes either: the record is in memory (and says so).
    return { ours: { certain: false, release: () => undefined } };
  }
  try {
    db.pragma(`busy_timeout = ${PATIENCE_MS}`);
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!busy(error)) return { ours: { certain: false, release: () => undefined } };
    return { theirs: readClaimant(about) };
  }
  try {
    writeFileSync(about, JSON.stringify(who), { mode: 0o600 });
  } catch {
    // Only what another console would show.
  }
  return { ours: { certain: true, release: () => void db.close() } };
}

/** Who holds the claim just now; undefined: nobody. It is not touched: whoever wants it may have it at the same moment. */
export function claimant(stateDir: string, key: string): Claimant | undefined {
  return holderOf(placesOf(stateDir, key));
}

/** The consoles of this machine that are open just now, of any cluster. */
export function claimants(stateDir: string): Claimant[] {
  const directory = claimsIn(stateDir);
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.db')) : [];
  return names.flatMap((name) => holderOf(filesOf(directory, name.slice(0, -'.db'.length))) ?? []);
}

function holderOf({ file, about }: Pick<Places, 'file' | 'about'>): Claimant | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true });
    db.pragma('busy_timeout = 0');
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return undefined;
  } catch (error) {
    return busy(error) ? readClaimant(about) : undefined;
  } finally {
    db?.close();
  }
}

interface Places {
  readonly directory: string;
  readonly file: string;
  readonly about: string;
}

const claimsIn = (stateDir: string): string => join(stateDir, 'claims');

const placesOf = (stateDir: string, key: string): Places =>
  filesOf(claimsIn(stateDir), createHash('sha256').update(key).digest('hex').slice(0, 16));

const filesOf = (directory: string, name: string): Places => ({
  directory,
  file: join(directory, `${name}.db`),
  about: join(directory, `${name}.json`),
});

const busy = (error: unknown): boolean => error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');

function readClaimant(path: string): Claimant {
  const unknown: Claimant = { operator: 'somebody', machine: 'this machine', pid: 0, run: '', since: '' };
  try {
    return { ...unknown, ...(JSON.parse(readFileSync(path, 'utf8')) as Partial<Claimant>) };
  } catch {
    return unknown;
  }
}

/** Names this state directory: a lock left on a server by a process that wrote here is known to be ours, and dead. */
export function seatOf(stateDir: string): string {
  const path = join(stateDir, 'seat');
  try {
    const known = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-f]{16}$/.test(known)) return known;
  } catch {
    // Drawn below.
  }
  const seat = randomBytes(8).toString('hex');
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(path, `${seat}\n`, { mode: 0o600 });
  } catch {
    // It lasts as long as this console.
  }
  return seat;
}
