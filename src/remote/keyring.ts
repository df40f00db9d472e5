import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { toProblem } from '../base/problem.js';
import type { AskSecret } from '../inventory/secrets.js';
import { type ReadSecretOptions, readSecret } from '../inventory/secrets.js';
import type { Identity } from './target.js';

/** What became of a private key file: the key, or why it cannot be used. */
export type LoadedKey =
  | { readonly kind: 'private'; readonly key: ParsedKey }
  /** Only the public half is here; the private one may be in an agent. */
  | { readonly kind: 'public'; readonly key: ParsedKey }
  | { readonly kind: 'unusable'; readonly why: string; readonly unsupported?: boolean };

/**
 * Private keys by path, each read and decrypted once for all hosts, so that a passphrase is asked for once. A wrong
 * passphrase is kept as such until {@link forgetFailures}: it is not asked for again by itself.
 */
export class Keyring {
  readonly #loaded = new Map<string, Promise<LoadedKey>>();
  readonly #secrets: ReadSecretOptions;

  constructor(secrets: ReadSecretOptions) {
    this.#secrets = secrets;
  }

  /** The key of a file. `ask` is the question callback of the host that wants it. */
  load(identity: Identity, ask: AskSecret | undefined): Promise<LoadedKey> {
    const known = this.#loaded.get(identity.path);
    if (known !== undefined) return known;
    const loading = this.#load(identity, ask);
    this.#loaded.set(identity.path, loading);
    return loading;
  }

  /** The public half, for picking keys of an agent; never asks for anything. */
  async publicKey(path: string): Promise<Buffer | undefined> {
    for (const file of [`${path}.pub`, path]) {
      const parsed = await readFile(file).then(parse, () => undefined);
      if (parsed !== undefined && !(parsed instanceof Error)) return parsed.getPublicSSH();
    }
    return undefined;
  }

  /** Lets keys that could not be used be tried again. */
  async forgetFailures(): Promise<void> {
    for (const [path, loading] of this.#loaded) {
      if ((await loading).kind === 'unusable') this.#loaded.delete(path);
    }
  }

  async #load(identity: Identity, ask: AskSecret | undefined): Promise<LoadedKey> {
    let data: Buffer;
    try {
      data = await readFile(identity.path);
    } catch (cause) {
      return {
        kind: 'unusable',
        why: `${identity.path}: ${cause instanceof Error ? cause.message : 'cannot be read'}`,
      };
    }
    if (isSecurityKey(data)) {
      const why = `${identity.path} is a FIDO key (sk-…), which cannot be used here: name a plain key in cluster.yaml`;
      return { kind: 'unusable', why, unsupported: true };
    }
    const first = parse(data);
    if (!(first instanceof Error)) return { kind: first.isPrivateKey() ? 'private' : 'public', key: first };
    if (!/no passphrase given/i.test(first.message)) {
      return {
        kind: 'unusable',
        why: `${identity.path} is not a private key that can be read here (${first.message})`,
      };
    }
    return this.#decrypt(identity, data, ask);
  }

  async #decrypt(identity: Identity, data: Buffer, ask: AskSecret | undefined): Promise<LoadedKey> {
    const source = identity.passphrase ?? { kind: 'prompt' };
    const purpose = `passphrase of ${identity.path}`;
    try {
      const options = { ...this.#secrets, purpose, ...(ask === undefined ? {} : { prompt: ask }) };
      const secret = await readSecret(source, options);
      const key = parse(data, secret.reveal());
      if (key instanceof Error) return { kind: 'unusable', why: `the passphrase of ${identity.path} is wrong` };
      return { kind: 'private', key };
    } catch (cause) {
      return { kind: 'unusable', why: `${identity.path} is locked: ${toProblem(cause).what}` };
    }
  }
}

/** ssh2's parser may hand back a list, or throw on damaged input. */
export function parse(data: Buffer | string, passphrase?: string): ParsedKey | Error {
  try {
    const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(data, passphrase);
    const key = Array.isArray(parsed) ? parsed[0] : parsed;
    return key ?? new Error('it holds no key');
  } catch (cause) {
    return cause instanceof Error ? cause : new Error('it cannot be read');
  }
}

function isSecurityKey(data: Buffer): boolean {
  const text = data.toString('latin1');
  if (/^sk-(ssh|ecdsa)/m.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text)?.[1];
  return body !== undefined && /sk-(ssh-ed25519|ecdsa-sha2)/.test(Buffer.from(body, 'base64').toString('latin1'));
}
