import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import { toProblem } from '../base/problem.js';
import { type Holder, isStale, type Readiness, type RightPort, type Taken, type Without } from '../incident/acting.js';
import { inPieces } from './pieces.js';
import { journalDir, pieceName } from './places.js';
import {
  type JournalRow,
  journalsOn,
  type LockSeen,
  type Owner,
  ownerText,
  type PapersHost,
  parseLock,
  rowsOf,
} from './read.js';
import { LOCK_PATH, LOCK_SCRIPT, lockCommand, pourCommand } from './script.js';

export interface Paper {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export interface SiteOptions {
  /** Servers that take part, in the order of the inventory; one that cannot be reached says why. */
  servers(): readonly { readonly host: PapersHost; readonly silent?: string }[];
  readonly clock: Clock;
  readonly owner: Omit<Owner, 'id'>;
  /** Rows of the record after a position. */
  rows(after: number): readonly JournalRow[];
  /** What stands beside the journal on a server now. */
  papers(host: string): readonly Paper[];
  /** Files that must be gone once the run is over. */
  gone(): readonly string[];
  /** A lock that a dead process of this very seat left behind. */
  mine?(holder: Holder): boolean;
  /** Somebody else has taken the right. */
  lost(by: Holder): void;
  /** Where journal and papers stand now, when that changed. */
  kept(on: readonly string[], without: readonly Without[]): void;
  readonly id?: string;
}

/** The lock is renewed this often; it is stale after six times as long. */
const BEAT_MS = 10_000;
/** A right that was looked at within this time needs no other look for a mere change. */
const FRESH_MS = 15_000;
/** So long one server may keep a rescue waiting; after that it is left out until it answers again. */
const PATIENCE_MS = 8_000;
/** So long a server that was silent when last seen may keep whoever leaves waiting. */
const PARTING_MS = 3_000;
const GATHER_MS = 1_000;

interface Standing {
  locked: boolean;
  /** It was asked for a lock, and may hold one although its answer never came. */
  asked: boolean;
  scripted: boolean;
  /** Last row its journal holds. */
  seq: number;
  readonly papers: Map<string, string>;
  /** What is done with its lock; one thing after the other, so that nothing takes it again behind its release. */
  turn: Promise<unknown>;
  /** Why it is left out, until it answers again. */
  why: string | undefined;
  /** What is being written there; one thing after the other. */
  busy: Promise<void>;
}

/**
 * What this console keeps on the servers: the lock that says who acts, the journal another console could go on from, and the papers
 * a person could finish by. All of it best effort: a server that does not answer is left out, visibly, and made good later.
 *
 * The lock is taken server by server in the inventory's order, so that of two who begin together one stops at the first. As with
 * restic's locks: renewed far more often than it expires, looked at again before anything that matters (a laptop may have slept), and
 * never removed by anybody but its owner or a person who was shown whose it is.
 */
export class Site implements RightPort {
  readonly id: string;
  readonly #options: SiteOptions;
  readonly #standing = new Map<string, Standing>();
  /** Locks a person has broken: found again on a server that comes back, they are broken there too. */
  readonly #broken = new Set<string>();
  #acting = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #gathering = false;
  #said = '';

  constructor(options: SiteOptions) {
    this.#options = options;
    this.id = options.id ?? randomBytes(8).toString('hex');
  }

  get acting(): boolean {
    return this.#acting;
  }

  async take(): Promise<Taken> {
    if (this.#acting) return this.#ours();
    for (const { host, silent } of this.#options.servers()) {
      const standing = this.#at(host.name);
      standing.why = silent;
      if (silent !== undefined) continue;
      const seen = await this.#try(host, standing, () => this.#inTurn(standing, () => this.#takeOn(host, standing)));
      if (seen?.kind === 'held') {
        await this.#letGo();
        return { kind: 'held', by: seen.by };
      }
    }
    const elsewhere = await this.#goneOnElsewhere();
    if (elsewhere !== undefined) {
      await this.#letGo();
      return elsewhere;
    }
    this.#acting = true;
    this.#lookedAt = this.#options.clock.now();
    await this.#everywhere((host, standing) => this.#bring(host, standing, true));
    return this.#ours();
  }

  async takeFrom(holder: Holder): Promise<Taken> {
    this.#broken.add(holder.id);
    return this.take();
  }

  async ready(how: Readiness): Promise<Holder | undefined> {
    if (!this.#acting) return undefined;
    const age = this.#options.clock.now() - this.#lookedAt;
    const looks = how === 'certain' || age < 0 || age >= FRESH_MS;
    if (how === 'fresh' && !looks) return undefined;
    let lost: Holder | undefined;
    await this.#everywhere(async (host, standing) => {
      const bringing = how === 'fresh' ? undefined : this.#bring(host, standing, how === 'certain');
      // Waited for below: until then its failure must not count as nobody's.
      bringing?.catch(() => undefined);
      if (looks) lost = (await this.#beatOn(host, standing)) ?? lost;
      await bringing;
    });
    if (!looks) return undefined;
    if (lost !== undefined) this.#lose(lost);
    else this.#lookedAt = this.#options.clock.now();
    return lost;
  }

  /** Renews the lock and brings what has gathered, until the signal. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(BEAT_MS, signal).catch(() => undefined);
      if (signal.aborted || !this.#acting) continue;
      await this.beat();
    }
  }

  /** One renewal everywhere, also where a server was left out: it may answer again. */
  async beat(): Promise<void> {
    let lost: Holder | undefined;
    await this.#everywhere(async (host, standing) => {
      lost = (await this.#beatOn(host, standing)) ?? lost;
      await this.#bring(host, standing, true);
    }, true);
    if (lost !== undefined) this.#lose(lost);
    else this.#lookedAt = this.#options.clock.now();
  }

  /** Something was recorded: it is brought to the servers within a second or so. */
  gather(): void {
    if (!this.#acting || this.#gathering) return;
    this.#gathering = true;
    void this.#options.clock.sleep(GATHER_MS).then(async () => {
      this.#gathering = false;
      if (this.#acting) await this.#everywhere((host, standing) => this.#bring(host, standing, false));
    });
  }

  /** The last word on the servers, then the lock is let go of; left again, it is let go of where that failed. */
  async leave(over: boolean): Promise<void> {
    if (!this.#acting) return this.#letGo();
    await this.#everywhere(async (host, standing) => {
      await this.#bring(host, standing, true);
      if (over) await this.#exec(host, ['rm', '-f', ...this.#options.gone()]);
    });
    this.#acting = false;
    await this.#letGo();
  }

  #ours(): Taken {
    const on = [...this.#standing].filter(([, one]) => one.locked).map(([name]) => name);
    return { kind: 'ours', on, without: this.#without() };
  }

  #without(): Without[] {
    return [...this.#standing].flatMap(([host, { why }]) => (why === undefined ? [] : [{ host, why }]));
  }

  #at(name: string): Standing {
    let standing = this.#standing.get(name);
    if (standing === undefined) {
      standing = {
        locked: false,
        asked: false,
        scripted: false,
        seq: 0,
        papers: new Map(),
        turn: Promise.resolve(),
        why: undefined,
        busy: Promise.resolve(),
      };
      this.#standing.set(name, standing);
    }
    return standing;
  }

  /** Does something on every server at once; a server that fails is left out from then on, until `again`. */
  async #everywhere(act: (host: PapersHost, standing: Standing) => Promise<void>, again = false): Promise<void> {
    await Promise.all(
      this.#options.servers().map(async ({ host, silent }) => {
        const standing = this.#at(host.name);
        if (silent !== undefined) standing.why = silent;
        if (silent !== undefined || (standing.why !== undefined && !again)) return;
        await this.#try(host, standing, () => act(host, standing));
      }),
    );
    this.#sayKept();
  }

  async #try<Value>(host: PapersHost, standing: Standing, act: () => Promise<Value>): Promise<Value | undefined> {
    try {
      const value = await act();
      standing.why = undefined;
      return value;
    } catch (error) {
      standing.why = `${host.name}: ${toProblem(error).what}`;
      return undefined;
    }
  }

  async #takeOn(host: PapersHost, standing: Standing): Promise<LockSeen> {
    if (!standing.scripted) {
      await host.put({
        path: LOCK_PATH,
        source: { bytes: Buffer.from(LOCK_SCRIPT) },
        mode: 0o644,
        root: true,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      standing.scripted = true;
    }
    const owner = ownerText({ ...this.#options.owner, id: this.id });
    standing.asked = true;
    const take = (): Promise<LockSeen> => this.#lock(host, ['take', this.id, owner]);
    let seen = await take();
    if (seen.kind === 'held' && (this.#broken.has(seen.by.id) || this.#options.mine?.(seen.by) === true)) {
      const broken = await this.#lock(host, ['break', seen.by.id]);
      seen = broken.kind === 'held' ? broken : await take();
    }
    standing.locked = seen.kind === 'ours';
    return seen;
  }

  /** One thing after the other is done with a server's lock. */
  #inTurn<Value>(standing: Standing, act: () => Promise<Value>): Promise<Value> {
    const next = standing.turn.then(act);
    standing.turn = next.catch(() => undefined);
    return next;
  }

  #beatOn(host: PapersHost, standing: Standing): Promise<Holder | undefined> {
    return this.#inTurn(standing, () => this.#renew(host, standing));
  }

  /** Renews one lock, or takes it where it is missing. Says who holds it where that is somebody alive. */
  async #renew(host: PapersHost, standing: Standing): Promise<Holder | undefined> {
    // Let go of while this waited for its turn: a renewal finds none, and would take it once more, for nobody.
    if (!this.#acting) return undefined;
    const seen = standing.locked ? await this.#lock(host, ['beat', this.id]) : await this.#takeOn(host, standing);
    if (seen.kind === 'none') {
      await this.#takeOn(host, standing);
      return undefined;
    }
    standing.locked = seen.kind === 'ours';
    if (seen.kind !== 'held') return undefined;
    // A server that comes back may carry the lock of a console that is long gone: that is no rival.
    if (!isStale(seen.by)) return seen.by;
    throw new Error(`it carries the lock of ${seen.by.operator} on ${seen.by.machine}, without a sign of life`);
  }

  async #lock(host: PapersHost, args: readonly string[], patienceMs = PATIENCE_MS): Promise<LockSeen> {
    const { stdout, stderr } = await this.#exec(host, lockCommand(...args), patienceMs);
    const seen = parseLock(stdout, host.name);
    if (seen !== undefined) return seen;
    throw new Error(`the lock cannot be written: ${(stderr || stdout).trim().split('\n').at(-1) ?? ''}`);
  }

  #exec(
    host: PapersHost,
    argv: readonly string[],
    patienceMs = PATIENCE_MS,
  ): Promise<{ stdout: string; stderr: string }> {
    return host.exec({
      argv,
      root: true,
      timeoutMs: patienceMs,
      signal: AbortSignal.timeout(patienceMs),
      lane: 'runner',
    });
  }

  /** Also where a server is silent just now: one look that came too late does not mean that it is gone, and nobody else removes our lock. */
  async #letGo(): Promise<void> {
    await Promise.all(
      this.#options.servers().map(({ host, silent }) => {
        const standing = this.#at(host.name);
        return this.#inTurn(standing, async () => {
          if (!standing.asked) return;
          await this.#lock(host, ['release', this.id], silent === undefined ? PATIENCE_MS : PARTING_MS);
          standing.asked = false;
          standing.locked = false;
        }).catch(() => undefined);
      }),
    );
  }

  #lose(by: Holder): void {
    if (!this.#acting) return;
    this.#acting = false;
    void this.#letGo();
    this.#options.lost(by);
  }

  /** Events this server does not have yet, as one more piece of the journal; and the papers, where they changed. */
  #bring(host: PapersHost, standing: Standing, papers: boolean): Promise<void> {
    const next = standing.busy.then(() => this.#bringNow(host, standing, papers));
    standing.busy = next.catch(() => undefined);
    return next;
  }

  async #bringNow(host: PapersHost, standing: Standing, papers: boolean): Promise<void> {
    if (!standing.locked) return;
    // Side by side: what destroys waits for the last of them, and a server may be far away. All of them end before anything else is brought.
    const brought = await Promise.allSettled([
      this.#bringRows(host, standing),
      ...(papers ? this.#options.papers(host.name) : []).map((paper) => this.#bringPaper(host, standing, paper)),
    ]);
    const failed = brought.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #bringRows(host: PapersHost, standing: Standing): Promise<void> {
    const { rows, clock, owner } = this.#options;
    const until = clock.mono() + PATIENCE_MS;
    const pieces = inPieces(rows(standing.seq));
    for (const [index, piece] of pieces.entries()) {
      // Goes on here with the next renewal; until then this server is left out, visibly.
      if (index > 0 && clock.mono() >= until)
        throw new Error(
          `its line is slow: ${pieces.length - index} of ${pieces.length} pieces of the journal are to come`,
        );
      const path = `${journalDir(owner.run, this.id)}/${pieceName(piece.first)}`;
      // One round trip; where sudo wants a password, standard input is not to be had.
      if (!(await this.#pour(host, path, piece.text))) await this.#put(host, { path, text: piece.text, mode: 0o600 });
      standing.seq = piece.last;
    }
  }

  async #bringPaper(host: PapersHost, standing: Standing, paper: Paper): Promise<void> {
    const digest = createHash('sha256').update(paper.text).digest('hex');
    if (standing.papers.get(paper.path) === digest) return;
    await this.#put(host, paper);
    standing.papers.set(paper.path, digest);
  }

  async #put(host: PapersHost, { path, text, mode }: Paper): Promise<void> {
    const source = { bytes: Buffer.from(text) };
    await host.put({ path, mode, root: true, source, signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  async #pour(host: PapersHost, path: string, text: string): Promise<boolean> {
    try {
      const { code } = await host.exec({
        argv: pourCommand(path),
        root: true,
        stdin: text,
        timeoutMs: PATIENCE_MS,
        signal: AbortSignal.timeout(PATIENCE_MS),
        lane: 'runner',
      });
      return code === 0;
    } catch (error) {
      if (toProblem(error).id === 'command-refused') return false;
      throw error;
    }
  }

  #sayKept(): void {
    if (!this.#acting) return;
    const without = this.#without();
    const on = [...this.#standing].filter(([, one]) => one.locked && one.why === undefined).map(([name]) => name);
    const said = JSON.stringify([on, without]);
    if (said === this.#said) return;
    this.#said = said;
    this.#options.kept(on, without);
  }

  /** Whether a journal of this run stands on a server that holds what our record does not. */
  async #goneOnElsewhere(): Promise<Extract<Taken, { kind: 'elsewhere' }> | undefined> {
    const ours = new Map(this.#options.rows(0).map((row) => [row.seq, row.hash]));
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answering = this.#options
      .servers()
      .filter(({ host, silent }) => silent === undefined && this.#at(host.name).why === undefined);
    const found = await Promise.all(
      answering.map(async ({ host }) => {
        const journals = await journalsOn(host, signal, this.#options.owner.run).catch(() => []);
        return journals.map(({ directory, last }) => ({ host, directory, last }));
      }),
    );
    const stranger = found.flat().find(({ last }) => last !== undefined && ours.get(last.seq) !== last.hash);
    if (stranger === undefined) return undefined;
    const rows = await rowsOf(stranger.host, stranger.directory, signal).catch(() => []);
    return { kind: 'elsewhere', ...whoWrote(rows) };
  }
}

/** Who acted last in a journal, and when. */
export function whoWrote(rows: readonly JournalRow[]): { operator: string; machine: string; lastSign: string } {
  let found = { operator: 'somebody', machine: 'another machine', lastSign: '' };
  for (const { body } of rows) {
    const event = wordsOf(body);
    found = {
      operator: event.operator ?? found.operator,
      machine: event.machine ?? found.machine,
      lastSign: event.at ?? found.lastSign,
    };
  }
  return found;
}

function wordsOf(body: string): { operator?: string; machine?: string; at?: string } {
  try {
    return JSON.parse(body) as { operator?: string; machine?: string; at?: string };
  } catch {
    return {};
  }
}
