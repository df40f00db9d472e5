import { readFile } from 'node:fs/promises';
import { type BucketConfig, findCredentials } from '../backups/index.js';
import { EXIT, ProblemError } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import { type AskSecret, readSecret, type SecretSource } from '../inventory/secrets.js';
import type { Inventory } from '../inventory/types.js';
import type { SecretBook } from './secret-book.js';

/** Secrets of an inventory, each read when first needed and then kept in memory; every one is known to the book that masks. */
export class Secrets {
  readonly #read = new Map<string, Promise<Secret>>();

  constructor(
    private readonly inventory: Inventory,
    readonly book: SecretBook,
    private readonly ask: AskSecret | undefined,
    private readonly warn: (message: string) => void,
  ) {}

  /** @throws ProblemError naming the source when it cannot be read */
  read(source: SecretSource, purpose: string): Promise<Secret> {
    const key = JSON.stringify([source, purpose]);
    const known = this.#read.get(key);
    if (known !== undefined) return known;
    const reading = readSecret(source, {
      purpose,
      cwd: this.inventory.folder,
      warn: this.warn,
      ...(this.ask === undefined ? {} : { prompt: this.ask }),
    }).then((secret) => this.book.add(secret));
    // A source that failed may be mended and tried again.
    reading.catch(() => this.#read.delete(key));
    this.#read.set(key, reading);
    return reading;
  }

  /** Reads everything afresh from here on: what did not open something may have been mended. */
  forget(): void {
    this.#read.clear();
  }

  passphrase(): Promise<Secret | undefined> {
    const source = this.inventory.passphrase;
    return source === undefined ? Promise.resolve(undefined) : this.read(source, 'passphrase of the backups');
  }

  token(): Promise<Secret | undefined> {
    const source = this.inventory.token;
    return source === undefined ? Promise.resolve(undefined) : this.read(source, 'server token of the cluster');
  }

  /** The bucket with its credentials; undefined when the inventory has none. */
  async bucket(): Promise<BucketConfig | undefined> {
    const { bucket } = this.inventory;
    if (bucket === undefined) return undefined;
    const { credentials, caFile, through: _through, ...rest } = bucket;
    const ca = caFile === undefined ? {} : { ca: await readCa(caFile) };
    if (credentials.kind !== 'keys') {
      const profile = credentials.kind === 'profile' ? credentials.profile : undefined;
      const found = await findCredentials(bucket.region, profile);
      for (const secret of Object.values(found)) this.book.add(secret);
      return { ...rest, ...ca, credentials: found };
    }
    const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
      this.read(credentials.accessKeyId, 'access key of the bucket'),
      this.read(credentials.secretAccessKey, 'secret key of the bucket'),
      credentials.sessionToken === undefined
        ? undefined
        : this.read(credentials.sessionToken, 'session token of the bucket'),
    ]);
    return {
      ...rest,
      ...ca,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    };
  }
}

async function readCa(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ProblemError(
      {
        id: 'ca-unreadable',
        what: `The CA file of the bucket cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
        where: file,
        left: 'Nothing was changed.',
        next: 'Correct bucket.caFile in the inventory, or put the file there.',
      },
      EXIT.usage,
      { cause },
    );
  }
}
