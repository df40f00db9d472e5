import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';
import { parseLogin, withoutBrackets } from '../inventory/address.js';
import { expandPath, type SecretSource } from '../inventory/secrets.js';
import type { HostEntry, JumpEntry, LoginEntry } from '../inventory/types.js';
import { lookupName } from './known-hosts.js';
import { SshConfigFile } from './ssh-config-file.js';

/** A private key to log in with. */
export interface Identity {
  readonly path: string;
  readonly passphrase?: SecretSource;
  /** Somebody named it; else it is one of ssh's default files. */
  readonly named: boolean;
}

/** Where and how to log in: inventory before ssh configuration before ssh's defaults. */
export interface Target {
  /** Name for people: the host's short name, or the jump host's. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** What the host is looked up by in known_hosts. */
  readonly keyName: string;
  /** Files that are read; a key that was accepted goes into the first. */
  readonly knownHosts: readonly string[];
  readonly identities: readonly Identity[];
  /** Only the named identities are tried, also of an agent. */
  readonly identitiesOnly: boolean;
  /** Socket of the agent. */
  readonly agent?: string;
  readonly family?: 4 | 6;
  /** Hosts to go through, first hop first. */
  readonly hops: readonly Target[];
  readonly proxyCommand?: string;
  /** What the configuration asks for and cannot be had here, told when the login fails. */
  readonly unsupported: readonly string[];
  readonly notes: readonly string[];
}

export interface TargetOptions {
  readonly home?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** known_hosts of the inventory, instead of the user's and the system's. */
  readonly knownHosts?: string;
}

const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** Resolves hosts against one reading of the ssh configuration. */
export class TargetResolver {
  readonly #options: TargetOptions;
  readonly #home: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #config: SshConfigFile;

  constructor(options: TargetOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#home = options.home ?? homedir();
    this.#config = SshConfigFile.read(this.#home);
  }

  /**
   * @throws ProblemError `ssh-unsupported` when hops lead in a circle or cannot be read
   */
  resolve(entry: HostEntry): Target {
    return this.#resolve(entry, entry.name, entry.jump, 0);
  }

  #resolve(entry: LoginEntry, label: string, jump: readonly JumpEntry[] | undefined, depth: number): Target {
    if (depth > 8) throw refused(label, 'its jump hosts lead in a circle', 'Give the host a `jump:` in cluster.yaml.');
    const set = new Lookup(this.#config.for(entry.address, entry.user));
    const host = withoutBrackets(expandTokens(set.one('hostname') ?? entry.address, { h: entry.address }));
    const port = entry.port ?? Number(set.one('port') ?? 22);
    const user = entry.user ?? set.one('user') ?? localUser();
    const tokens = { h: host, n: entry.address, p: String(port), r: user, u: localUser(), d: this.#home };
    const path = (text: string): string => expandPath(expandTokens(text, tokens), process.cwd(), this.#home);
    const straight = jump !== undefined && jump.length === 0;
    const hops = straight ? [] : this.#hops(jump, set, label, depth);
    const proxy = jump === undefined && hops.length === 0 ? set.text('proxycommand') : undefined;
    const keyAlias = set.one('hostkeyalias');
    const family = { inet: 4, inet6: 6 }[set.one('addressfamily')?.toLowerCase() ?? ''] as 4 | 6 | undefined;
    const agent = this.#agent(set, path);
    return {
      label,
      host,
      port,
      user,
      keyName: keyAlias?.toLowerCase() ?? lookupName(host, port),
      knownHosts: this.#knownHosts(set, path),
      ...this.#identities(entry, set, path),
      ...(agent === undefined ? {} : { agent }),
      ...(family === undefined ? {} : { family }),
      hops,
      ...(proxy === undefined || proxy === 'none' ? {} : { proxyCommand: expandTokens(proxy, tokens) }),
      unsupported: unsupportedOf(set),
      notes: this.#config.notes,
    };
  }

  #hops(jump: readonly JumpEntry[] | undefined, set: Lookup, label: string, depth: number): Target[] {
    const entries = jump ?? this.#proxyJump(set, label);
    return entries.flatMap((entry, index) => {
      const via = entry.name ?? entry.address;
      // Only the first hop is reached on its own; the others are reached from the one before.
      const target = this.#resolve(entry, via, index === 0 ? undefined : [], depth + 1);
      return [...target.hops, { ...target, hops: [] }];
    });
  }

  #proxyJump(set: Lookup, label: string): JumpEntry[] {
    const text = set.one('proxyjump');
    if (text === undefined || text.toLowerCase() === 'none') return [];
    return text.split(',').map((part) => {
      const parsed = parseLogin(part.trim().replace(/^ssh:\/\//, ''));
      if (parsed === undefined) {
        throw refused(label, `its ProxyJump "${part}" cannot be read`, 'Write it as [user@]host[:port].');
      }
      return parsed;
    });
  }

  #identities(
    entry: LoginEntry,
    set: Lookup,
    path: (text: string) => string,
  ): Pick<Target, 'identities' | 'identitiesOnly'> {
    const passphrase = entry.identityPassphrase === undefined ? {} : { passphrase: entry.identityPassphrase };
    if (entry.identity !== undefined) {
      // Who names a key in the inventory means that key: an agent full of others would use up the server's patience.
      return { identities: [{ path: entry.identity, named: true, ...passphrase }], identitiesOnly: true };
    }
    const named = set.many('identityfile').filter((file) => file.toLowerCase() !== 'none');
    const identitiesOnly = set.one('identitiesonly')?.toLowerCase() === 'yes';
    if (named.length > 0) {
      return { identities: named.map((file) => ({ path: path(file), named: true, ...passphrase })), identitiesOnly };
    }
    const files = DEFAULT_KEYS.map((name) => join(this.#home, '.ssh', name)).filter((file) => existsSync(file));
    return { identities: files.map((file) => ({ path: file, named: false, ...passphrase })), identitiesOnly };
  }

  #agent(set: Lookup, path: (text: string) => string): string | undefined {
    const text = set.one('identityagent');
    if (text?.toLowerCase() === 'none') return undefined;
    if (text === undefined || text === 'SSH_AUTH_SOCK') return this.#env.SSH_AUTH_SOCK || undefined;
    const variable = /^\$\{?(\w+)\}?$/.exec(text)?.[1];
    return variable === undefined ? path(text) : this.#env[variable] || undefined;
  }

  #knownHosts(set: Lookup, path: (text: string) => string): string[] {
    if (this.#options.knownHosts !== undefined) return [this.#options.knownHosts];
    const user = set.many('userknownhostsfile').filter((file) => file.toLowerCase() !== 'none');
    const system = set.many('globalknownhostsfile');
    return [
      ...(user.length > 0 ? user.map(path) : [join(this.#home, '.ssh', 'known_hosts')]),
      ...(system.length > 0 ? system.map(path) : ['/etc/ssh/ssh_known_hosts']),
    ];
  }
}

/** Options by name in lower case; the first value counts, except where several may be given. */
class Lookup {
  constructor(readonly values: Record<string, string | string[]>) {}

  one(name: string): string | undefined {
    return this.many(name)[0];
  }

  many(name: string): string[] {
    return [this.values[name] ?? []].flat().flatMap((value) => (value === '' ? [] : [value]));
  }

  /** A value that is one line of text, whatever blanks are in it. */
  text(name: string): string | undefined {
    const value = this.many(name).join(' ');
    return value === '' ? undefined : value;
  }
}

function unsupportedOf(set: Lookup): string[] {
  const found: string[] = [];
  if (set.many('certificatefile').length > 0) found.push('CertificateFile (user certificates are not supported)');
  if (set.one('gssapiauthentication')?.toLowerCase() === 'yes') found.push('GSSAPIAuthentication (Kerberos)');
  if (set.one('pkcs11provider') !== undefined) found.push('PKCS11Provider (use an agent for it)');
  if (set.one('knownhostscommand') !== undefined) found.push('KnownHostsCommand');
  return found;
}

/** `%h` and the like; an unknown one stays as it is. */
function expandTokens(text: string, tokens: Readonly<Record<string, string>>): string {
  return text.replace(/%(.)/g, (all, letter: string) => (letter === '%' ? '%' : (tokens[letter] ?? all)));
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env.USER ?? 'root';
  }
}

function refused(label: string, why: string, next: string): ProblemError {
  return new ProblemError(
    { id: 'ssh-unsupported', what: `${label} cannot be reached: ${why}.`, where: label, next },
    EXIT.usage,
  );
}
