import { posix } from 'node:path';
import { Secret } from '../base/secret.js';
import type { Cluster, ClusterHost } from '../incident/cluster.js';
import { listDirectory, readFile, showUnit } from '../k3s/ask.js';
import { readK3sConfig } from '../k3s/config.js';
import { parseEntries } from '../k3s/listing.js';
import { type K3sPaths, k3sPaths, unitEnvFiles } from '../k3s/paths.js';
import { parseUnit } from '../k3s/systemd.js';
import { parseToken, tokenHash } from '../snapshot/index.js';
import { reasonOf } from './backup-sources.js';
import type { DeskHosts } from './bucket-route.js';
import type { SecretBook } from './secret-book.js';

/** A token that was found, never shown: only its hash is. */
export interface FoundToken {
  /** Host it was found on; the inventory's own name for what it configures. */
  readonly host: string;
  /** File, or `arguments of UNIT`. */
  readonly file: string;
  readonly token: Secret;
  /** Its 12 hex digits; undefined when it cannot be a server token. */
  readonly hash: string | undefined;
}

export interface TokenSearch {
  readonly found: readonly FoundToken[];
  /** Hosts that did not answer, with the reason. */
  readonly silent: readonly { readonly host: string; readonly why: string }[];
}

/** Per command, milliseconds; a host that is slower gives none. */
const QUICK = 8_000;
/** Where runs of this program keep their safety copies on a host. */
export const SAFETY = '/var/lib/blackstart';

/**
 * Looks for server tokens wherever K3s and earlier runs of this program leave them (facts 8.1): `server/token`, `cred/passwd`, config
 * files, environment files, unit arguments, on servers and agents, and the same files in safety copies. Only reads. A host that does
 * not answer is named and gives none.
 */
export async function findTokens(
  hosts: DeskHosts,
  cluster: Cluster,
  book: SecretBook,
  signal: AbortSignal,
): Promise<TokenSearch> {
  const silent: { host: string; why: string }[] = [];
  const found = await Promise.all(
    cluster.hosts.map(async (about) => {
      const look = new TokenLook(hosts, about, book, signal);
      try {
        return await look.all();
      } catch (thrown) {
        signal.throwIfAborted();
        silent.push({ host: about.name, why: reasonOf(thrown, QUICK) });
        return look.found;
      }
    }),
  );
  return { found: found.flat(), silent };
}

/** The same token in several places once, the first place first. */
export function distinctTokens(found: readonly FoundToken[]): FoundToken[] {
  const seen = new Map<string, FoundToken>();
  for (const one of found) if (one.hash !== undefined && !seen.has(one.hash)) seen.set(one.hash, one);
  return [...seen.values()];
}

/** SHA-256 of the CAs that full tokens (`K10<hash>::…`) name: who the cluster at hand is, even where no CA file can be read. */
export function caHashesOf(tokens: readonly Secret[]): string[] {
  const hashes = tokens.flatMap((token) => {
    const parsed = parseToken(token);
    return 'wrong' in parsed || parsed.caHash === undefined ? [] : [parsed.caHash];
  });
  return [...new Set(hashes)];
}

/** One host's places, in the order in which they are worth trying. */
class TokenLook {
  readonly found: FoundToken[] = [];
  readonly #paths: K3sPaths;

  constructor(
    private readonly hosts: DeskHosts,
    private readonly about: ClusterHost,
    private readonly book: SecretBook,
    private readonly signal: AbortSignal,
  ) {
    this.#paths = k3sPaths(about.dataDir, about.service);
  }

  async all(): Promise<FoundToken[]> {
    // The first answer shows whether the host is there at all; only that one may fail.
    const unit = await this.#say(showUnit(this.#paths.unit, ['LoadState', 'ExecStart']));
    const places = await this.#placesBelow('');
    const copies = (await this.#entries(SAFETY)).filter((entry) => entry.type === 'd');
    const saved = await Promise.all(copies.map((run) => this.#placesBelow(`${SAFETY}/${run.name}/safety`)));
    for (const group of [places, ...saved]) {
      for (const place of await Promise.all(group.map((one) => this.#read(one)))) this.found.push(...place);
      if (group === places) this.#arguments(unit);
    }
    return this.found;
  }

  /** Files that may hold a token, below `root` (nothing, or a safety copy with full paths under it). */
  async #placesBelow(root: string): Promise<string[]> {
    const { configDir, configFile, token, passwd } = this.#paths;
    const [configs, units] = await Promise.all([
      this.#entries(root + configDir),
      this.#entries(`${root}/etc/systemd/system`),
    ]);
    const extra = configs.map((entry) => entry.name).filter((name) => /\.ya?ml$/.test(name));
    const envs = units.map((entry) => entry.name).filter((name) => /^k3s.*\.service\.env$/.test(name));
    const files = [
      ...(this.about.role === 'server' ? [token, passwd] : []),
      configFile,
      ...extra.sort().map((name) => `${configDir}/${name}`),
      ...unitEnvFiles(this.about.service),
      ...envs.map((name) => `/etc/systemd/system/${name}`),
    ];
    return [...new Set(files)].map((file) => root + file);
  }

  async #read(path: string): Promise<FoundToken[]> {
    const text = await this.#text(path);
    if (text === undefined) return [];
    if (path.endsWith('/server/token')) return this.#kept(path, text.trim());
    if (path.endsWith('/cred/passwd')) {
      const rows = text.split('\n').map((line) => line.split(','));
      return this.#kept(path, rows.find((columns) => columns[1] === 'server')?.[0] ?? '');
    }
    const file = { path, text };
    const config = /\.ya?ml$/.test(path) ? readK3sConfig([], [file], []) : readK3sConfig([], [], [file]);
    const named = config.token === undefined ? [] : this.#kept(path, config.token.secret.reveal());
    const other = config.tokenFile?.value;
    if (other === undefined || !posix.isAbsolute(other)) return named;
    return [...named, ...this.#kept(other, (await this.#text(other))?.trim() ?? '')];
  }

  #arguments(unit: string): void {
    const { token } = readK3sConfig(parseUnit(unit).execStart, [], []);
    if (token !== undefined) this.found.push(...this.#kept(`arguments of ${this.#paths.unit}`, token.secret.reveal()));
  }

  #kept(file: string, text: string): FoundToken[] {
    if (text === '') return [];
    const token = this.book.add(new Secret(text));
    return [{ host: this.about.name, file, token, hash: tokenHash(token) }];
  }

  async #entries(path: string): Promise<ReturnType<typeof parseEntries>> {
    return parseEntries(await this.#say(listDirectory(path)));
  }

  /** `undefined` when there is no such file. */
  async #text(path: string): Promise<string | undefined> {
    const said = await this.#exec(readFile(path));
    return said.code === 0 ? said.stdout : undefined;
  }

  async #say(argv: readonly string[]): Promise<string> {
    return (await this.#exec(argv)).stdout;
  }

  #exec(argv: readonly string[]) {
    const { signal } = this;
    return this.hosts(this.about.name).exec({
      argv,
      root: true,
      signal,
      timeoutMs: QUICK,
      lane: 'watch',
      maxBytes: 65_536,
    });
  }
}
