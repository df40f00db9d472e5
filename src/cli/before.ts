import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataCopy, Documented } from '../../scenarios/pre-restore.js';
import { k3sTools, pathsOf, serversIn } from '../../scenarios/steps/hosts.js';
import { systemClock } from '../base/clock.js';
import { toProblem } from '../base/problem.js';
import type { Cluster } from '../incident/cluster.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import { kubectl, listDirectory } from '../k3s/ask.js';
import { parseEntries } from '../k3s/listing.js';
import type { Host } from '../remote/host.js';
import { type ApiAnswer, type BeforeInput, beforeMarkdown } from './before-text.js';

export interface BeforeOptions {
  readonly cluster: Cluster;
  /** Beside the records: `RUN.before.md`, and `RUN.before/` for copies of data. */
  readonly runs: string;
  readonly signal: AbortSignal;
  host(name: string): Pick<Host, 'exec' | 'get'>;
  state(): IncidentState;
  /** Something is to be drawn anew. */
  changed(): void;
  /** A sentence for the record. */
  note(text: string): void;
}

/** Written down again after this long while the plan has not begun. */
const AGAIN_MS = 120_000;
/** A database up to this size is copied here without being asked. */
const SMALL = 100e6;

const QUESTIONS: readonly { readonly title: string; readonly args: readonly string[] }[] = [
  { title: 'Nodes', args: ['get', 'nodes', '-o', 'wide'] },
  { title: 'Pods', args: ['get', 'pods', '-A', '-o', 'wide'] },
  { title: 'Persistent volumes', args: ['get', 'pv'] },
  { title: 'Persistent volume claims', args: ['get', 'pvc', '-A'] },
];

/**
 * What the runbook wants kept before a restore: the state of the cluster written down, and its etcd data off the servers.
 * Only reads; begins when a scenario is chosen and keeps itself fresh until the plan begins.
 */
export class Before {
  documented: Documented | undefined;
  readonly #copies: Record<string, DataCopy> = {};
  readonly #options: BeforeOptions;
  #began = false;
  #noted = false;

  constructor(options: BeforeOptions) {
    this.#options = options;
  }

  get copies(): Readonly<Record<string, DataCopy>> {
    return { ...this.#copies };
  }

  /** A scenario is chosen: from now on until the plan begins; `data` where its checklist wants the etcd data kept. */
  async chosen(data: boolean): Promise<void> {
    const { signal, state } = this.#options;
    const copying = data && Object.keys(this.#copies).length === 0 ? this.copy(false) : undefined;
    const writing = this.#began ? undefined : this.#keepDocumented();
    this.#began = true;
    await Promise.all([copying, writing]).catch((error: unknown) => {
      if (!signal.aborted && !state().begun) throw error;
    });
  }

  /** Copies the etcd data of every server here; asked for by the operator it takes the log along and any size. */
  async copy(asked: boolean): Promise<void> {
    const context = contextOf(this.#options.state(), '', 1, true);
    const servers = serversIn(context).filter((name) => context.facts(name).data?.datastore === 'etcd');
    await Promise.all(
      servers.map(async (name) => {
        const size = context.facts(name).data?.dbBytes ?? 0;
        if (this.#copies[name]?.state === 'copying') return;
        if (!asked && size > SMALL) this.#set(name, { state: 'large', bytes: size });
        else await this.#copyFrom(name, asked);
      }),
    );
  }

  /** Removes everything again: a run in which nothing was begun leaves nothing. */
  remove(): void {
    rmSync(this.#file, { force: true });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#options.runs, `${this.#options.state().runId}.before.md`);
  }

  get #folder(): string {
    return join(this.#options.runs, `${this.#options.state().runId}.before`);
  }

  async #keepDocumented(): Promise<void> {
    const { signal, state } = this.#options;
    while (!signal.aborted && !state().begun) {
      await this.#document();
      await systemClock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
  }

  async #document(): Promise<void> {
    const { cluster, state, changed, note, signal } = this.#options;
    const { facts } = state();
    const at = systemClock.now();
    const api = await this.#askApi();
    if (signal.aborted || state().begun) return;
    const text = beforeMarkdown({ cluster, at, facts, api });
    const path = this.#file;
    mkdirSync(this.#options.runs, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.documented = { path, at, ...('host' in api ? { api: api.host } : {}) };
    if (!this.#noted) {
      this.#noted = true;
      note(`The state before was written to ${path}, sha256 ${createHash('sha256').update(text).digest('hex')}.`);
    }
    changed();
  }

  /** The first server whose API answers, those that say they are ready first. */
  async #askApi(): Promise<BeforeInput['api']> {
    const context = contextOf(this.#options.state(), '', 1, true);
    const ready = serversIn(context).filter((name) => context.facts(name).apiReady === true);
    let silent = 'no server says that its API is ready';
    for (const name of ready) {
      const answers: ApiAnswer[] = [];
      for (const { title, args } of QUESTIONS) {
        const argv = kubectl(k3sTools(context, name), ...args);
        const said = await this.#options
          .host(name)
          .exec({ argv, root: true, lane: 'watch', maxBytes: 32e6, signal: this.#options.signal })
          .catch((error: unknown) => toProblem(error).what);
        if (typeof said === 'string' || said.code !== 0) {
          silent = `${name}: ${typeof said === 'string' ? said : said.stderr.trim()}`;
          break;
        }
        answers.push({ title, command: argv.join(' '), text: said.stdout || said.stderr });
      }
      if (answers.length === QUESTIONS.length) return { host: name, answers };
    }
    return { silent };
  }

  async #copyFrom(name: string, whole: boolean): Promise<void> {
    const context = contextOf(this.#options.state(), name, 1, true);
    let live = context.facts(name).processes !== undefined && (context.facts(name).processes ?? []).length > 0;
    const member = `${pathsOf(context, name).etcd}/member`;
    const folder = join(this.#folder, name);
    this.#set(name, { state: 'copying', share: 0 });
    try {
      const files = [`${member}/snap/db`, ...(whole ? await this.#logFiles(name, member) : [])];
      rmSync(folder, { recursive: true, force: true });
      let bytes = 0;
      for (const [index, path] of files.entries()) {
        const file = join(folder, path.slice(member.length + 1));
        mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
        const fetch = (verify: boolean) =>
          this.#options.host(name).get({
            path,
            root: true,
            file,
            verify,
            signal: this.#options.signal,
            onProgress: (done, total) =>
              this.#set(name, { state: 'copying', share: (index + (total === 0 ? 1 : done / total)) / files.length }),
          });
        const got = await fetch(!live).catch((error: unknown) => {
          if (live || toProblem(error).id !== 'get-changed') throw error;
          // Between two looks K3s starts, opens its database and dies: such a copy is as good as one of a running etcd, and said to be one.
          live = true;
          return fetch(false);
        });
        bytes += got.bytes;
      }
      this.#set(name, { state: 'copied', at: systemClock.now(), bytes, whole, live });
      this.#options.note(`etcd data of ${name} was copied to ${folder}: ${files.length} files, ${bytes} bytes.`);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      if (!this.#options.signal.aborted) this.#set(name, { state: 'failed', why: toProblem(error).what });
    }
  }

  async #logFiles(name: string, member: string): Promise<string[]> {
    const { signal } = this.#options;
    const lists = await Promise.all(
      ['snap', 'wal'].map(async (folder) => {
        const said = await this.#options
          .host(name)
          .exec({ argv: listDirectory(`${member}/${folder}`), root: true, signal });
        return parseEntries(said.stdout).map((entry) => `${member}/${folder}/${entry.name}`);
      }),
    );
    return lists.flat().filter((path) => /\.(snap|wal)$/.test(path));
  }

  #set(name: string, copy: DataCopy): void {
    this.#copies[name] = copy;
    this.#options.changed();
  }
}
