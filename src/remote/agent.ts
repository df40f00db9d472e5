import ssh2, {
  type BaseAgent,
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { parse } from './keyring.js';

/**
 * The keys of an ssh-agent, those that were named first, and only those when `only` is set: each refused key counts
 * against the server's limit, so an agent full of other keys must not use it up.
 */
export class PickedAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent;
  readonly #wanted: readonly Buffer[];
  readonly #only: boolean;
  /** Number of keys that were offered, for the message when none was taken. */
  offered = 0;

  constructor(socket: string, wanted: readonly Buffer[], only: boolean) {
    super();
    this.#agent = ssh2.createAgent(socket);
    this.#wanted = wanted;
    this.#only = only;
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    this.#agent.getIdentities((error, keys) => {
      // An agent that is gone is no reason to end the login: there may be key files.
      if (error || keys === undefined) return callback(undefined, []);
      const usable = keys.flatMap((key) => {
        const parsed = isParsed(key) ? key : parse(Buffer.isBuffer(key) || typeof key === 'string' ? key : '');
        return parsed instanceof Error ? [] : [parsed];
      });
      const isWanted = (key: ParsedKey): boolean => this.#wanted.some((wanted) => wanted.equals(key.getPublicSSH()));
      const picked = [...usable.filter(isWanted), ...(this.#only ? [] : usable.filter((key) => !isWanted(key)))];
      this.offered = picked.length;
      callback(undefined, picked);
    });
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback,
  ): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, callback);
  }
}

function isParsed(key: unknown): key is ParsedKey {
  return typeof key === 'object' && key !== null && 'getPublicSSH' in key;
}
