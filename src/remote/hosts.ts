import { type Clock, systemClock } from '../base/clock.js';
import type { Secret } from '../base/secret.js';
import { type AskSecret, describeSource, type ReadSecretOptions, readSecret } from '../inventory/secrets.js';
import type { HostEntry, Inventory, SudoMode } from '../inventory/types.js';
import type { ConnectOptions } from './connect.js';
import { Keeper } from './keeper.js';
import { Keyring } from './keyring.js';
import { addKnownHost } from './known-hosts-files.js';
import { makeLink } from './link.js';
import { hostKeyOf, type PresentedKey } from './problems.js';
import { JumpHosts } from './route.js';
import { SshHost } from './ssh-host.js';
import { Sudo, SudoPassword } from './sudo.js';
import { TargetResolver } from './target.js';

export interface OpenHostsOptions {
  /** Asks the person; questions come one at a time. Without it nothing that needs a person is tried. */
  readonly ask?: AskSecret;
  /** Told about what is unwise but not wrong. */
  readonly warn?: (message: string) => void;
  readonly clock?: Clock;
  /** Instead of the user's home folder and environment. */
  readonly home?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Until logged in, milliseconds. Default 15 000. */
  readonly readyTimeoutMs?: number;
  /** Between keepalives; the third without an answer ends the connection. Default 10 000 ms. */
  readonly keepaliveMs?: number;
}

/** All hosts of an inventory. Nothing is connected to before it is wanted. */
export interface Hosts {
  readonly all: ReadonlyMap<string, SshHost>;
  /** A host by its short name; throws for one that is not in the inventory. */
  get(name: string): SshHost;
  /** Keys that hosts have shown and nobody has accepted yet, not in this moment either; several hosts behind one jump host share one. */
  unknownKeys(): PresentedKey[];
  /**
   * Stores keys a person has looked at and lets those hosts be connected to again, expecting exactly these keys. A key that was accepted already
   * is not stored again.
   *
   * @throws ProblemError `known-hosts-unwritable`
   */
  acceptHostKeys(keys: readonly PresentedKey[]): Promise<void>;
  /** A person asks for another try of a host: login, host key, sudo. Files are read afresh. */
  retry(name: string): Promise<void>;
  closeAll(): Promise<void>;
}

/** Makes a pool of hosts that share jump hosts, keys, questions and sudo passwords. */
export function openHosts(inventory: Inventory, options: OpenHostsOptions = {}): Hosts {
  return new Pool(inventory, options);
}

class Pool implements Hosts {
  readonly all: ReadonlyMap<string, SshHost>;
  readonly #inventory: Inventory;
  readonly #options: OpenHostsOptions;
  readonly #clock: Clock;
  readonly #ask: AskSecret | undefined;
  readonly #keyring: Keyring;
  readonly #jumps = new JumpHosts();
  readonly #accepted = new Map<string, string>();
  #accepting: Promise<void> = Promise.resolve();
  readonly #passwords = new Map<string, SudoPassword>();

  constructor(inventory: Inventory, options: OpenHostsOptions) {
    this.#inventory = inventory;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#ask = options.ask === undefined ? undefined : oneAtATime(options.ask);
    this.#keyring = new Keyring(this.#secrets());
    const entries = [...inventory.servers, ...inventory.agents];
    this.all = new Map(entries.map((entry) => [entry.name, this.#host(entry)]));
  }

  get(name: string): SshHost {
    const host = this.all.get(name);
    if (host === undefined) throw new RangeError(`no host ${name} in the inventory`);
    return host;
  }

  unknownKeys(): PresentedKey[] {
    const keys = [...this.all.values()].flatMap((host) => {
      const connection = host.connection();
      if (connection.state !== 'down' || connection.problem.id !== 'host-key-unknown') return [];
      return [hostKeyOf(connection.problem) ?? []].flat();
    });
    const open = keys.filter((key) => this.#accepted.get(key.keyName) !== key.keyBase64);
    return [...new Map(open.map((key) => [`${key.keyName} ${key.keyBase64}`, key])).values()];
  }

  acceptHostKeys(keys: readonly PresentedKey[]): Promise<void> {
    // In turn: a host is still down with its key while the file is written, and a second yes in that moment would store it twice.
    const turn = this.#accepting.then(() => this.#accept(keys));
    this.#accepting = turn.catch(() => undefined);
    return turn;
  }

  async #accept(keys: readonly PresentedKey[]): Promise<void> {
    for (const key of keys) {
      if (this.#accepted.get(key.keyName) === key.keyBase64) continue;
      await addKnownHost(key.file, key.keyName, Buffer.from(key.keyBase64, 'base64'));
      this.#accepted.set(key.keyName, key.keyBase64);
    }
    const names = new Set(keys.map((key) => key.keyName));
    this.#jumps.forgetFailures();
    for (const host of this.all.values()) {
      const connection = host.connection();
      const shown = connection.state === 'down' ? hostKeyOf(connection.problem) : undefined;
      if (shown !== undefined && names.has(shown.keyName)) host.retry();
    }
  }

  async retry(name: string): Promise<void> {
    const host = this.get(name);
    const connection = host.connection();
    const shown = connection.state === 'down' ? hostKeyOf(connection.problem) : undefined;
    // Whoever took the old key out of known_hosts will be shown the new one and asked.
    if (shown !== undefined) this.#accepted.delete(shown.keyName);
    this.#jumps.forgetFailures();
    await this.#keyring.forgetFailures();
    host.retry();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.all.values()].map((host) => host.close()));
    this.#jumps.closeAll();
  }

  #host(entry: HostEntry): SshHost {
    const { readyTimeoutMs = 15_000, keepaliveMs = 10_000 } = this.#options;
    const connecting: ConnectOptions = {
      keyring: this.#keyring,
      accepted: this.#accepted,
      readyTimeoutMs,
      keepaliveMs,
      ...(this.#ask === undefined ? {} : { ask: this.#ask }),
    };
    const keeper = new Keeper({
      host: entry.name,
      clock: this.#clock,
      open: async (signal, reached) => {
        const target = this.#resolver().resolve(entry);
        for (const note of target.notes) this.#options.warn?.(note);
        const client = await this.#jumps.connect(target, { ...connecting, reached }, signal);
        return makeLink(client, entry.name, this.#clock, readyTimeoutMs, signal);
      },
    });
    const user = this.#userOf(entry);
    const mode: SudoMode = entry.sudo ?? { kind: user === 'root' ? 'none' : 'passwordless' };
    const sudo = new Sudo(entry.name, mode.kind, this.#sudoPassword(mode, user));
    return new SshHost({ name: entry.name, user, keeper, sudo, clock: this.#clock });
  }

  /** The files are read for every connection, so that a correction needs no restart. */
  #resolver(): TargetResolver {
    const { home, env } = this.#options;
    return new TargetResolver({
      ...(home === undefined ? {} : { home }),
      ...(env === undefined ? {} : { env }),
      ...(this.#inventory.knownHosts === undefined ? {} : { knownHosts: this.#inventory.knownHosts }),
    });
  }

  #userOf(entry: HostEntry): string {
    if (entry.user !== undefined) return entry.user;
    try {
      return this.#resolver().resolve(entry).user;
    } catch {
      // Told when the host is connected to; until then the careful assumption.
      return '';
    }
  }

  /** One password for all hosts that name the same source for the same user: one question, one try. */
  #sudoPassword(mode: SudoMode, user: string): SudoPassword | undefined {
    if (mode.kind !== 'password') return undefined;
    const key = `${user} ${describeSource(mode.password)}`;
    let password = this.#passwords.get(key);
    if (password === undefined) {
      const options = { ...this.#secrets(), ...(this.#ask === undefined ? {} : { prompt: this.#ask }) };
      const purpose = `sudo password of ${user}`;
      password = new SudoPassword((): Promise<Secret> => readSecret(mode.password, { ...options, purpose }));
      this.#passwords.set(key, password);
    }
    return password;
  }

  #secrets(): ReadSecretOptions {
    const { env, home, warn } = this.#options;
    return {
      cwd: this.#inventory.folder,
      ...(env === undefined ? {} : { env }),
      ...(home === undefined ? {} : { home }),
      ...(warn === undefined ? {} : { warn }),
    };
  }
}

/** Puts questions in a queue: two prompts at once would mix up what is typed. */
function oneAtATime(ask: AskSecret): AskSecret {
  let last: Promise<unknown> = Promise.resolve();
  return (question, signal) => {
    const answer = last.then(() => {
      signal?.throwIfAborted();
      return ask(question, signal);
    });
    last = answer.catch(() => undefined);
    return answer;
  };
}
