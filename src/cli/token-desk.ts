import { type Backup, tokenHashesOf } from '../backups/index.js';
import { type NamedToken, tokenHash } from '../snapshot/index.js';
import type { BucketRoute } from './bucket-route.js';
import type { Ledger } from './ledger.js';
import type { Secrets } from './secrets.js';
import { caHashesOf, distinctTokens, SAFETY, type TokenSearch } from './tokens.js';

/** How many of the newest objects are asked for their token hash when no token fits. */
const HEADS = 60;
/** The configured token, in messages. */
const INVENTORY = 'the inventory';

/**
 * CAs that the cluster's own tokens name. A safety copy or an agent's file may be a leftover of another cluster; what the servers use and the
 * operator gave is not.
 */
export function namedCas(tokens: readonly NamedToken[]): string[] {
  const own = tokens.filter(
    ({ name }) => name === INVENTORY || (/\/server\/token$/.test(name) && !name.includes(SAFETY)),
  );
  return caHashesOf(own.map((one) => one.token));
}

export interface TokenDeskOptions {
  readonly secrets: Secrets;
  readonly route: BucketRoute;
  readonly ledger?: Ledger;
  findTokens(signal: AbortSignal): Promise<TokenSearch>;
}

/** Every token at hand: the configured one and those found on hosts. */
export class TokenDesk {
  #search: TokenSearch | undefined;

  constructor(private readonly options: TokenDeskOptions) {}

  /** Every token there is to try, the configured one first, each once. */
  async all(signal: AbortSignal): Promise<NamedToken[]> {
    const configured = await this.options.secrets.token();
    const own = configured === undefined ? [] : [{ name: INVENTORY, token: configured }];
    const search = await this.search(signal);
    const known = configured === undefined ? undefined : tokenHash(configured);
    const others = distinctTokens(search.found).filter((one) => one.hash !== known);
    return [...own, ...others.map(({ host, file, token }) => ({ name: `${host}: ${file}`, token }))];
  }

  /** What the last look at the hosts found. */
  get lastSearch(): TokenSearch | undefined {
    return this.#search;
  }

  /** Hash of the token the inventory names; undefined where it names none. */
  async configuredHash(): Promise<string | undefined> {
    const configured = await this.options.secrets.token();
    return configured === undefined ? undefined : tokenHash(configured);
  }

  /** What is found on hosts; asked anew each time, for a host may have come back. */
  async search(signal: AbortSignal): Promise<TokenSearch> {
    this.#search = await this.options.findTokens(signal);
    return this.#search;
  }

  /**
   * Listed backups that one of these tokens opens, as far as that is known without a download: K3s wrote the hash beside it, or it was
   * proven on this machine before.
   */
  async openable(backups: readonly Backup[], hashes: readonly string[], signal: AbortSignal): Promise<Backup[]> {
    const known = new Map<string, string>();
    for (const { id, size, tokenHash: hash } of this.options.ledger?.entries() ?? []) {
      const backup = backups.find((one) => one.id === id && one.size === size);
      if (backup !== undefined && hash !== null) known.set(id, hash);
    }
    const config = await this.options.route.config(signal).catch(() => undefined);
    const objects = backups.filter((one) => one.place.source === 'bucket' && !known.has(one.id)).slice(0, HEADS);
    if (config !== undefined && objects.length > 0) {
      const keys = objects.map((one) => one.place.at);
      const told = await tokenHashesOf(config, keys, signal).catch(() => new Map<string, string>());
      for (const one of objects) {
        const hash = told.get(one.place.at);
        if (hash !== undefined) known.set(one.id, hash);
      }
    }
    return backups.filter((one) => hashes.includes(known.get(one.id) ?? ''));
  }
}
