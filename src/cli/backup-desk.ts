import { existsSync } from 'node:fs';
import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import { type Backup, fetchAndProve, listBucket, listFolder, type Source, usable } from '../backups/index.js';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import type { TaskCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import type { Inventory } from '../inventory/types.js';
import type { ProgressListener, TasksPort } from '../runner/ports.js';
import { type Proof, tokenHash } from '../snapshot/index.js';
import type { Secrets } from './secrets.js';

export interface NamedToken {
  readonly name: string;
  readonly token: Secret;
}

export interface BackupDeskOptions {
  readonly inventory: Inventory;
  readonly secrets: Secrets;
  readonly spool: string;
  /** Tokens found on servers, for when the configured one is missing or does not open the snapshot. */
  tokensOnServers(signal: AbortSignal): Promise<NamedToken[]>;
}

/** The one place that knows backups, secrets and the spool together: lists, fetches, proves, and keeps the token that opened. */
export class BackupDesk implements TasksPort {
  #listed: Backup[] = [];
  readonly #proven = new Map<string, { proof: ProvenBackup; token: Secret | undefined }>();

  constructor(private readonly options: BackupDeskOptions) {}

  /** Everything that can be restored from, newest first, of every source the inventory names. Fails only when all of them fail. */
  async list(signal?: AbortSignal): Promise<Backup[]> {
    const { inventory, secrets } = this.options;
    const lists: Promise<Backup[]>[] = [];
    if (inventory.bucket !== undefined) {
      lists.push(secrets.bucket().then((bucket) => (bucket === undefined ? [] : listBucket(bucket, signal))));
    }
    if (inventory.snapshots !== undefined) lists.push(listFolder(inventory.snapshots.folder));
    if (lists.length === 0) {
      throw new ProblemError(
        {
          id: 'no-source',
          what: 'The inventory names no place with backups.',
          where: inventory.file,
          next: 'Add bucket: or snapshots: { folder: … } to it.',
        },
        EXIT.usage,
      );
    }
    const settled = await Promise.allSettled(lists);
    const found = settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (found.length === 0 && failed !== undefined) throw failed.reason;
    this.#listed = usable(found).sort((a, b) => (b.takenAt ?? 0) - (a.takenAt ?? 0));
    return this.#listed;
  }

  /** The token that opened a proven snapshot; read again after a resume. */
  async provenToken(hash: string): Promise<Secret> {
    for (const { token } of this.#proven.values()) {
      if (token !== undefined && tokenHash(token) === hash) return token;
    }
    const signal = AbortSignal.timeout(30_000);
    const found = (await this.#tokens(signal)).find((one) => tokenHash(one.token) === hash);
    if (found !== undefined) return found.token;
    throw new ProblemError({
      id: 'token-missing',
      what: `The token with hash ${hash}, which opened the snapshot, is not at hand any more.`,
      next: 'Give it in the inventory (token: …), then retry.',
    });
  }

  async run(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): ReturnType<TasksPort['run']> {
    try {
      const result = task.task === 'backup.fetch' ? await this.#fetch(task, signal, progress) : this.#have(task);
      return { ok: true, result: result as unknown as Json, text: JSON.stringify(result) };
    } catch (error) {
      signal.throwIfAborted();
      const problem = toProblem(error);
      return { ok: false, result: problem as unknown as Json, text: `${problem.what} ${problem.next}` };
    }
  }

  #have(task: TaskCommand): ProvenBackup {
    const name = String(task.input.snapshot);
    const proven = this.#proven.get(name)?.proof;
    if (proven === undefined || !existsSync(proven.file))
      throw new ProblemError({ id: 'not-proven', what: 'Not proven yet.', next: 'Prove it.' });
    return proven;
  }

  async #fetch(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): Promise<ProvenBackup> {
    const name = String(task.input.snapshot);
    const backup =
      this.#listed.find((one) => one.name === name) ?? (await this.list(signal)).find((one) => one.name === name);
    if (backup === undefined) {
      throw new ProblemError({
        id: 'backup-gone',
        what: `The backup ${name} is not listed any more.`,
        left: 'Nothing was changed.',
        next: 'Choose another one: b.',
      });
    }
    const passphrase = /\.(gpg|pgp|asc)$/.test(name) ? await this.#passphrase(name) : undefined;
    const tokens = await this.#tokens(signal);
    const fetched = await fetchAndProve(
      {
        source: await this.#source(backup),
        spool: this.options.spool,
        ...(passphrase === undefined ? {} : { passphrase }),
        prove: {
          tokens,
          expectedNodes: strings(task.input.nodes),
          expectedCaHashes: [...new Set(strings(task.input.caHashes))],
        },
      },
      {
        signal,
        onProgress: ({ stage, done, total, bytesPerSecond, secondsLeft }) =>
          progress({
            stage,
            done,
            total,
            bytesPerSecond: bytesPerSecond ?? 0,
            ...(secondsLeft === undefined ? {} : { secondsLeft }),
          }),
      },
    );
    if (fetched.file === undefined) throw refusal(name, fetched.proof);
    const proven = provenBackup(name, fetched.file, fetched.proof);
    const opener = tokens.find((one) => one.name === fetched.proof.token.candidate)?.token;
    this.#proven.set(name, { proof: proven, token: opener });
    return proven;
  }

  async #passphrase(name: string): Promise<Secret> {
    const passphrase = await this.options.secrets.passphrase();
    if (passphrase !== undefined) return passphrase;
    throw new ProblemError(
      {
        id: 'no-passphrase',
        what: `${name} is encrypted and the inventory names no passphrase.`,
        where: this.options.inventory.file,
        left: 'Nothing was changed.',
        next: 'Add passphrase: env:NAME, file:PATH, command:… or prompt.',
      },
      EXIT.usage,
    );
  }

  async #source(backup: Backup): Promise<Source> {
    if (backup.place.source === 'folder') return { kind: 'file', path: backup.place.at };
    const bucket = await this.options.secrets.bucket();
    if (bucket === undefined)
      throw new ProblemError({
        id: 'backup-gone',
        what: 'The bucket is not configured any more.',
        next: 'Choose another backup.',
      });
    return { kind: 'bucket', bucket, key: backup.place.at };
  }

  async #tokens(signal: AbortSignal): Promise<NamedToken[]> {
    const configured = await this.options.secrets.token();
    const found = await this.options.tokensOnServers(signal);
    return [...(configured === undefined ? [] : [{ name: 'the inventory', token: configured }]), ...found];
  }
}

const strings = (value: Json | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Why a snapshot that was fetched must not be restored, as the operator reads it. */
function refusal(name: string, proof: Proof): ProblemError {
  const fatal = proof.problems.filter((one) => one.severity === 'fatal');
  return new ProblemError(
    {
      id: fatal[0]?.id ?? 'not-restorable',
      what: `${name} is not restorable: ${fatal.map((one) => one.message).join(' ')}`,
      left: 'Nothing was changed on any server; the fetched file was removed.',
      next: fatal[0]?.remedy ?? 'Choose another backup: b.',
    },
    EXIT.no,
  );
}

function provenBackup(name: string, file: string, proof: Proof): ProvenBackup {
  return {
    name,
    file,
    bytes: proof.format === 'zip' ? proof.totalSize + 32 : proof.bytes,
    fileSha256: proof.fileSha256 ?? '',
    revision: proof.revision ?? 0,
    takenAt: proof.takenAt === null ? null : Math.floor(Date.parse(proof.takenAt) / 1000),
    tokenHash: proof.token.expectedHash ?? '',
    caHash: proof.caHash,
    identity: proof.identity.verdict,
    nodes: proof.nodes.map((node) => ({ name: node.name, version: node.kubeletVersion ?? '' })),
    objects: proof.objects,
    warnings: proof.problems.filter((one) => one.severity === 'warning').map((one) => one.message),
    wakes: proof.wakes
      .slice(0, 50)
      .map((one) => `${one.kind.replace(/\..*/, '')} ${one.namespace === '' ? '' : `${one.namespace}/`}${one.name}`),
  };
}
