import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { ProvenBackup } from '../../scenarios/steps/fetch.js';
import {
  type Backup,
  type FetchHooks,
  fetchAndProve,
  nextBest,
  type ProofTerms,
  pick,
  type Source,
  spoolFromServer,
} from '../backups/index.js';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import type { TaskCommand } from '../incident/command.js';
import type { Offer } from '../incident/event.js';
import type { Json } from '../incident/json.js';
import type { Loss } from '../incident/loss.js';
import { minute } from '../incident/times.js';
import type { Inventory } from '../inventory/types.js';
import type { ProgressListener, TasksPort } from '../runner/ports.js';
import { type NamedToken, type Proof, tokenHash } from '../snapshot/index.js';
import { type Listing, type ListOptions, listSources } from './backup-sources.js';
import { BucketRoute, type DeskHosts } from './bucket-route.js';
import { compareLossWith, serversOf } from './compare-desk.js';
import type { Ledger } from './ledger.js';
import { provenBackup, refusal } from './proven.js';
import type { Secrets } from './secrets.js';
import { namedCas, TokenDesk } from './token-desk.js';
import type { TokenSearch } from './tokens.js';

export interface BackupDeskOptions {
  readonly inventory: Inventory;
  readonly secrets: Secrets;
  readonly spool: string;
  /** Without it no host is asked: no snapshots on servers, no bucket through a node. */
  readonly hosts?: DeskHosts;
  /** Proofs of earlier days. */
  readonly ledger?: Ledger;
  /** Tokens found on hosts, for when the configured one is missing or does not open the snapshot. */
  findTokens(signal: AbortSignal): Promise<TokenSearch>;
}

/** What the caller knows of the cluster, to compare a snapshot with; nothing at all where it does not care whose it is. */
export interface Expectation {
  /** Try no token: for looking into a snapshot that is not to be restored. */
  readonly withoutTokens?: boolean;
  readonly nodes?: readonly string[];
  readonly caHashes?: readonly string[];
  readonly clusterUid?: string;
  readonly installedK3s?: string;
  /** It is to be restored on another cluster on purpose. */
  readonly elsewhere?: boolean;
}

/** A proof with the tokens that were tried, and the file when it may be restored. */
export interface DeskProof {
  readonly proof: Proof;
  readonly file: string | undefined;
  readonly tokens: readonly NamedToken[];
}

/** The one place that knows backups, secrets and the spool together: lists, fetches, proves, and keeps the token that opened. */
export class BackupDesk implements TasksPort {
  #listing: Listing = { backups: [], remarks: [] };
  readonly #route: BucketRoute;
  /** Tokens at hand, and what they open. */
  readonly tokens: TokenDesk;
  readonly #proven = new Map<string, { proof: ProvenBackup; token: Secret | undefined }>();
  readonly #losses = new Map<string, Loss>();
  /** Backups that proved bad, and those that a token at hand opens where the last one's did not. */
  readonly #refused = new Set<string>();
  #opened: readonly Backup[] = [];

  constructor(private readonly options: BackupDeskOptions) {
    const { inventory, secrets, hosts } = options;
    this.#route = new BucketRoute({
      inventory,
      config: () => secrets.bucket(),
      ...(hosts === undefined ? {} : { hosts }),
    });
    this.tokens = new TokenDesk({ ...options, route: this.#route });
  }

  /** Everything that can be restored from, newest first, of every source at hand. Fails only when all of them fail. */
  async list(signal: AbortSignal = new AbortController().signal, options: ListOptions = {}): Promise<Listing> {
    const { inventory, hosts } = this.options;
    this.#listing = await listSources(inventory, this.#route, hosts, signal, {
      ...options,
      onOutside: (listing) => {
        this.#listing = listing;
        options.onOutside?.(listing);
      },
    });
    return this.#listing;
  }

  /** Lets go of forwards. */
  close(): Promise<void> {
    return this.#route.close();
  }

  /** The token that opened a proven snapshot; read again after a resume. */
  async provenToken(hash: string): Promise<Secret> {
    for (const { token } of this.#proven.values()) {
      if (token !== undefined && tokenHash(token) === hash) return token;
    }
    const found = (await this.tokens.all(AbortSignal.timeout(30_000))).find((one) => tokenHash(one.token) === hash);
    if (found !== undefined) return found.token;
    throw new ProblemError({
      id: 'token-missing',
      what: `The token with hash ${hash}, which opened the snapshot, is not at hand any more.`,
      next: 'Give it in the inventory (token: …), then retry.',
    });
  }

  async run(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): ReturnType<TasksPort['run']> {
    try {
      const result = await this.#does(task, signal, progress);
      return { ok: true, result: result as unknown as Json, text: JSON.stringify(result) };
    } catch (error) {
      signal.throwIfAborted();
      const problem = toProblem(error);
      // A secret that did not serve is asked for again at the next try; all others stay.
      if (/passphrase|wrong-key|denied|token/.test(problem.id)) this.options.secrets.forget();
      const offer = task.task === 'backup.fetch' ? this.#offer(String(task.input.snapshot), error) : undefined;
      const result = { ...problem, ...(offer === undefined ? {} : { offer }) };
      return { ok: false, result: result as unknown as Json, text: `${problem.what} ${problem.next}` };
    }
  }

  /** What to take instead of a backup that proved bad. One that could not be reached, or whose passphrase is wrong, says nothing of it. */
  #offer(id: string, error: unknown): Offer | undefined {
    if (!(error instanceof ProblemError) || error.exit !== EXIT.no || /passphrase/.test(error.problem.id))
      return undefined;
    this.#refused.add(id);
    const opened = error.problem.id === 'token-wrong';
    // Where no token fits, only what a token at hand is known to open is worth a try.
    const from = opened ? this.#opened : this.#listing.backups;
    const next = nextBest(from, this.#refused);
    if (next === undefined) return undefined;
    const taken = next.takenAt === undefined ? '' : `, taken ${minute(next.takenAt)}`;
    return {
      key: 'snapshot',
      value: next.id,
      because: `${opened ? 'a token at hand opens it' : 'the newest other one'}${taken}`,
    };
  }

  async #does(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): Promise<ProvenBackup | Loss> {
    const id = String(task.input.snapshot);
    switch (task.task) {
      case 'backup.fetch':
        this.#losses.delete(id);
        return this.#fetch(task, signal, progress);
      case 'backup.compare': {
        const loss = await this.#compare(task, signal, progress);
        this.#losses.set(id, loss);
        return loss;
      }
      case 'backup.compared': {
        const loss = this.#losses.get(id);
        if (loss === undefined)
          throw new ProblemError({ id: 'not-compared', what: 'Not compared yet.', next: 'Compare it.' });
        return loss;
      }
      default:
        return this.#have(task);
    }
  }

  /** What an earlier console of this run proved, where its file still lies here. */
  #fetchedBefore({ input }: TaskCommand): { file: string; revision: number; clusterUid: string | null } | undefined {
    const { file, revision, clusterUid } = input;
    if (typeof file !== 'string' || typeof revision !== 'number' || !existsSync(file)) return undefined;
    return { file, revision, clusterUid: typeof clusterUid === 'string' ? clusterUid : null };
  }

  #compare(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): Promise<Loss> {
    const { file, revision, clusterUid } = this.#fetchedBefore(task) ?? this.#have(task);
    const { hosts, spool } = this.options;
    const servers = serversOf(task.input.servers);
    return compareLossWith({ file, revision, clusterUid: clusterUid ?? null, servers, hosts, spool }, signal, progress);
  }

  /** Finds a backup by what somebody typed; lists again when it is not known. Throws {@link ProblemError} `backup-gone`. */
  async find(typed: string, signal: AbortSignal): Promise<Backup> {
    const known = pick(this.#listing.backups, typed);
    if (known !== undefined) return known;
    const { inventory } = this.options;
    const host = inventory.servers.find((server) => typed.startsWith(`${server.name}:`))?.name;
    const outside = inventory.bucket !== undefined || inventory.snapshots !== undefined;
    // Servers are asked only where they must be: one that hangs costs seconds.
    if (host === undefined && outside) {
      const found = await this.list(signal, { servers: 'none' }).catch(() => undefined);
      const backup = found === undefined ? undefined : pick(found.backups, typed);
      if (backup !== undefined) return backup;
    }
    const listing = await this.list(signal, host === undefined ? {} : { servers: [host] });
    const backup = pick(listing.backups, typed);
    if (backup !== undefined) return backup;
    const several = listing.backups.filter((one) => one.name === typed).map((one) => one.id);
    throw new ProblemError({
      id: 'backup-gone',
      what:
        several.length > 0
          ? `${typed} lies in several places: ${several.join(', ')}.`
          : `The backup ${typed} is not in the catalogue${listing.remarks.length > 0 ? ` (${listing.remarks.join('; ')})` : ''}.`,
      left: 'Nothing was changed.',
      next: several.length > 0 ? 'Say which one.' : 'See what there is: blackstart backups',
    });
  }

  /** Fetches and proves one backup. A snapshot that is not restorable is an answer; its file is gone then. */
  async prove(
    backup: Backup,
    expected: Expectation | undefined,
    hooks: FetchHooks & { signal: AbortSignal },
  ): Promise<DeskProof> {
    const { options } = this;
    const passphrase = backup.encrypted ? await this.#passphrase(backup.name) : undefined;
    // Hosts that hang take their time to say what tokens they have: it is fetched meanwhile.
    const search = Promise.resolve(expected?.withoutTokens === true ? [] : this.tokens.all(hooks.signal));
    search.catch(() => undefined);
    const source = await this.#source(backup, hooks);
    const { proof, file } = await fetchAndProve(
      {
        source,
        spool: options.spool,
        name: backup.name,
        as: backup.id,
        trial: expected?.withoutTokens !== true,
        ...(passphrase === undefined ? {} : { passphrase }),
        prove: search.then((tokens) => ({
          tokens,
          ...(expected === undefined ? {} : this.#expected(expected, tokens)),
        })),
      },
      hooks,
    );
    const tokens = await search;
    if (file !== undefined) options.ledger?.add(backup, proof, Date.now());
    return { proof, file, tokens };
  }

  /** What the caller knows, what tokens say of the CA, and what earlier proofs showed. */
  #expected(expected: Expectation, tokens: readonly NamedToken[]): ProofTerms {
    const past = this.options.ledger?.identity();
    const { clusterUid } = expected;
    return {
      expectedNodes: expected.nodes ?? [],
      expectedCaHashes: expected.caHashes ?? [],
      namedCaHashes: namedCas(tokens),
      ...(past === undefined ? {} : { past }),
      ...(clusterUid === undefined ? {} : { expectedClusterUid: clusterUid }),
      ...(expected.installedK3s === undefined ? {} : { installedK3s: expected.installedK3s }),
      ...(expected.elsewhere === true ? { elsewhere: true } : {}),
    };
  }

  /** Listed backups that one of these tokens opens, as far as that is known without a download. */
  openedBy(hashes: readonly string[], signal: AbortSignal): Promise<Backup[]> {
    return this.tokens.openable(this.#listing.backups, hashes, signal);
  }

  #have(task: TaskCommand): ProvenBackup {
    const proven = this.#proven.get(String(task.input.snapshot))?.proof;
    if (proven === undefined || !existsSync(proven.file))
      throw new ProblemError({
        id: 'not-proven',
        what: `The proven snapshot ${String(task.input.snapshot)} does not lie on this machine any more.`,
        left: 'Nothing was changed by this step.',
        next: 'Retry: it is fetched and proven again first.',
      });
    return proven;
  }

  async #fetch(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): Promise<ProvenBackup> {
    const id = String(task.input.snapshot);
    const backup = await this.find(id, signal);
    // What was proven before no longer counts, whatever this time brings.
    const before = this.#proven.get(id);
    this.#proven.delete(id);
    if (before !== undefined) await rm(before.proof.file, { force: true });
    const { clusterUid, installedK3s } = task.input;
    const { proof, file, tokens } = await this.prove(
      backup,
      {
        nodes: strings(task.input.nodes),
        caHashes: strings(task.input.caHashes),
        ...(typeof clusterUid === 'string' ? { clusterUid } : {}),
        ...(typeof installedK3s === 'string' ? { installedK3s } : {}),
        elsewhere: task.input.elsewhere === true,
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
    if (file === undefined) {
      this.#opened = await this.#others(proof, tokens, signal);
      throw refusal(id, proof, this.#opened, this.tokens.lastSearch);
    }
    const proven = provenBackup(id, file, proof);
    const opener = tokens.find((one) => one.name === proof.token.candidate)?.token;
    this.#proven.set(id, { proof: proven, token: opener });
    return proven;
  }

  /** Where no token fits: backups that one of those at hand does open. */
  async #others(proof: Proof, tokens: readonly NamedToken[], signal: AbortSignal): Promise<Backup[]> {
    if (!proof.problems.some((one) => one.id === 'token-wrong')) return [];
    const hashes = tokens.flatMap((one) => tokenHash(one.token) ?? []);
    return this.openedBy(hashes, signal);
  }

  async #passphrase(name: string): Promise<Secret> {
    const passphrase = await this.options.secrets.passphrase();
    if (passphrase !== undefined) return passphrase;
    throw new ProblemError(
      {
        id: 'no-passphrase',
        what: `${name} is encrypted and no passphrase is configured.`,
        where: this.options.inventory.file,
        left: 'Nothing was changed.',
        next: 'Add passphrase: env:NAME, file:PATH, command:… or prompt to it (blackstart verify also takes --passphrase-file).',
      },
      EXIT.usage,
    );
  }

  async #source(backup: Backup, hooks: FetchHooks & { signal: AbortSignal }): Promise<Source> {
    const { source, holder, at } = backup.place;
    const { signal } = hooks;
    if (source === 'folder') return { kind: 'file', path: at };
    if (source === 'server' && this.options.hosts !== undefined) {
      const host = this.options.hosts(holder);
      return spoolFromServer(
        { spool: this.options.spool, as: backup.id, size: backup.size },
        (file, onProgress) => host.get({ path: at, root: true, file, signal, onProgress }),
        hooks.onProgress ?? (() => {}),
      );
    }
    const bucket = source === 'bucket' ? await this.#route.config(signal) : undefined;
    if (bucket !== undefined) return { kind: 'bucket', bucket, key: at };
    throw new ProblemError({
      id: 'backup-gone',
      what: `The place of ${backup.id} is not configured any more.`,
      next: 'Choose another backup.',
    });
  }
}

const strings = (value: Json | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);
