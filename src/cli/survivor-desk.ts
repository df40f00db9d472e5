import type { Survivor } from '../../scenarios/steps/survivors.js';
import { toProblem } from '../base/problem.js';
import type { TaskCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import { statFile } from '../k3s/ask.js';
import type { Host } from '../remote/host.js';
import type { ProgressListener, TasksPort } from '../runner/ports.js';
import { type NamedToken, type Survivor as Read, readSurvivor } from '../snapshot/index.js';
import { beyondText, RemoteMember } from './member-copy.js';
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
    const { spool } = this.options;
    const onProgress = (done: number, total: number): void =>
      progress({ stage: 'fetch', done, total, bytesPerSecond: 0 });
    const member = new RemoteMember({ host, name, etcd, spool, signal, running: false, onProgress });
    try {
      const written = await host.exec({ argv: statFile(`${etcd}/member/snap/db`), root: true, signal });
      const copy = member.copy(await member.database());
      const found = await readSurvivor(copy, {
        name,
        tokens: await this.options.tokens(signal),
        signal,
        scratch: spool,
        onProgress: ({ done, total }) => progress({ stage: 'prove', done, total, bytesPerSecond: 0 }),
      });
      const survivor = survivorOf(name, found, Number(written.stdout.trim().split(' ')[3]) || null);
      this.#read.set(name, survivor);
      return survivor;
    } finally {
      await member.remove();
    }
  }
}

/** Reasons that only concern restoring it as a snapshot, or a token that is not at hand: the data itself is sound. */
const NOT_ITS_DATA = /^(token-wrong|token-not-checked|token-ca-differs|ca-|another-cluster|no-trailer|k3s-older)/;

function survivorOf(host: string, found: Read, written: number | null): Survivor {
  const { proof, wal } = found;
  const damage = proof.problems.filter((one) => one.severity === 'fatal' && !NOT_ITS_DATA.test(one.id));
  // Of the log only what etcd would refuse to start with makes the data unsound.
  const badLog = wal?.state === 'damaged' || wal?.beyond?.gap === true ? beyondText(found) : undefined;
  const beyond = wal?.beyond ?? null;
  return {
    host,
    intact: damage.length === 0 && badLog === undefined && proof.revision !== null,
    problems: [...(badLog === undefined ? [] : [badLog]), ...damage.map((one) => one.message)],
    bytes: proof.bytes,
    revision: proof.revision ?? 0,
    index: found.raftIndex ?? 0,
    term: found.lastTerm ?? 0,
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
