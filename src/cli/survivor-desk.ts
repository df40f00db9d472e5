import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Survivor } from '../../scenarios/steps/survivors.js';
import { ProblemError, toProblem } from '../base/problem.js';
import type { TaskCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import { listDirectory, statFile } from '../k3s/ask.js';
import { parseEntries } from '../k3s/listing.js';
import type { Host } from '../remote/host.js';
import type { ProgressListener, TasksPort } from '../runner/ports.js';
import { type NamedToken, type Proof, prove, readWal, type WalReading, walsAfter } from '../snapshot/index.js';
import { wakesOf } from './proven.js';

/** What it needs of a host. */
export type SurvivorHosts = (name: string) => Pick<Host, 'exec' | 'get'>;

export interface SurvivorDeskOptions {
  readonly hosts: SurvivorHosts;
  readonly spool: string;
  /** Tokens at hand, to see which opens the data. */
  tokens(signal: AbortSignal): Promise<readonly NamedToken[]>;
}

/** Reads what servers still have: their etcd database is copied here, read and removed. Nothing is opened or written on the host. */
export class SurvivorDesk implements TasksPort {
  readonly #read = new Map<string, Survivor>();

  constructor(private readonly options: SurvivorDeskOptions) {}

  async run(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): ReturnType<TasksPort['run']> {
    const host = String(task.input.host);
    try {
      const survivor =
        task.task === 'survivor.read'
          ? await this.read(host, String(task.input.etcd), signal, progress)
          : this.#read.get(host);
      if (survivor === undefined) return { ok: false, result: null, text: 'not read yet' };
      return { ok: true, result: survivor as unknown as Json, text: JSON.stringify(survivor) };
    } catch (error) {
      signal.throwIfAborted();
      const problem = toProblem(error);
      return { ok: false, result: problem as unknown as Json, text: `${problem.what} ${problem.next}` };
    }
  }

  /** Reads the data of one server whose etcd is stopped. Throws {@link ProblemError} when the host or this disk is out of reach. */
  async read(name: string, etcd: string, signal: AbortSignal, progress: ProgressListener): Promise<Survivor> {
    this.#read.delete(name);
    const host = this.options.hosts(name);
    const path = `${etcd}/member/snap/db`;
    const said = await host.exec({ argv: statFile(path), root: true, signal });
    const [size, , , modified] = said.stdout.trim().split(' ').map(Number);
    if (said.code !== 0 || size === undefined) {
      throw new ProblemError({
        id: 'survivor-unreadable',
        what: `${path} on ${name} cannot be read: ${said.stderr.trim() || 'it is not there'}.`,
        left: 'Nothing was changed.',
        next: 'Look at the disk of that server, or skip it: it is no candidate then.',
      });
    }
    await mkdir(this.options.spool, { recursive: true, mode: 0o700 });
    const file = join(this.options.spool, `survivor-${name}.db`);
    try {
      const onProgress = (done: number, total: number): void =>
        progress({ stage: 'fetch', done, total, bytesPerSecond: 0 });
      await rm(file, { force: true });
      await host.get({ path, root: true, file, signal, onProgress });
      const tokens = await this.options.tokens(signal);
      const proof = await prove(file, {
        as: 'survivor',
        name,
        tokens,
        signal,
        scratch: this.options.spool,
        onProgress: ({ done, total }) => progress({ stage: 'prove', done, total, bytesPerSecond: 0 }),
      });
      const survivor = survivorOf(name, proof, modified ?? null, await this.#log(name, etcd, proof, signal, progress));
      this.#read.set(name, survivor);
      return survivor;
    } finally {
      await rm(file, { force: true });
    }
  }

  /** What its log holds beyond the database; undefined where it cannot be had. */
  async #log(
    name: string,
    etcd: string,
    proof: Proof,
    signal: AbortSignal,
    progress: ProgressListener,
  ): Promise<WalReading | undefined> {
    const host = this.options.hosts(name);
    const index = proof.consistentIndex === null ? undefined : Number(proof.consistentIndex);
    const listing = await host.exec({ argv: listDirectory(`${etcd}/member/wal`), root: true, signal });
    const names = walsAfter(
      parseEntries(listing.stdout).map((entry) => entry.name),
      index,
    );
    const files = names.map((file) => join(this.options.spool, `survivor-${name}-${file}`));
    try {
      for (const [at, file] of files.entries()) {
        const path = `${etcd}/member/wal/${names[at]}`;
        const onProgress = (done: number, total: number): void =>
          progress({ stage: 'fetch', done, total, bytesPerSecond: 0 });
        await rm(file, { force: true });
        await host.get({ path, root: true, file, signal, onProgress });
      }
      return files.length === 0 ? undefined : await readWal(files, { consistentIndex: index, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProblemError) return undefined;
      throw error;
    } finally {
      await Promise.all(files.map((file) => rm(file, { force: true })));
    }
  }
}

/** Reasons that only concern restoring it as a snapshot, or a token that is not at hand: the data itself is sound. */
const NOT_ITS_DATA = /^(token-wrong|token-not-checked|token-ca-differs|ca-|another-cluster|no-trailer|k3s-older)/;

function survivorOf(host: string, proof: Proof, written: number | null, log: WalReading | undefined): Survivor {
  const damage = proof.problems.filter((one) => one.severity === 'fatal' && !NOT_ITS_DATA.test(one.id));
  const held = Number(proof.consistentIndex ?? 0);
  const beyond = log?.beyond ?? null;
  const badLog = logTrouble(log);
  return {
    host,
    intact: damage.length === 0 && badLog === undefined && proof.revision !== null,
    problems: [...(badLog === undefined ? [] : [badLog]), ...damage.map((one) => one.message)],
    bytes: proof.bytes,
    revision: proof.revision ?? 0,
    index: held + (beyond?.entries ?? 0),
    term:
      beyond === null || beyond.entries === 0 ? Number(proof.term ?? 0) : (log?.lastTerm ?? Number(proof.term ?? 0)),
    beyond: beyond === null ? null : beyond.entries,
    written,
    tokenHash: proof.token.opens ? (proof.token.expectedHash ?? null) : null,
    caHash: proof.caHash,
    clusterUid: proof.clusterUid,
    members: proof.members.map((member) => member.name),
    objects: proof.objects,
    nodes: proof.nodes.map((node) => ({ name: node.name, version: node.kubeletVersion ?? '' })),
    wakes: wakesOf(proof),
  };
}

/** A log that etcd would refuse to start with, or that does not follow the database. */
function logTrouble(log: WalReading | undefined): string | undefined {
  if (log?.state === 'damaged' && log.damage !== null)
    return `its write-ahead log is damaged: ${log.damage.file}, byte ${log.damage.offset}: ${log.damage.reason}`;
  return log?.beyond?.gap === true
    ? 'its write-ahead log does not follow its database: entries between them are lost'
    : undefined;
}
