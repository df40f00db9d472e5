import { readFile } from 'node:fs/promises';
import type { BucketConfig } from '../backups/index.js';
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
    const { credentials, caFile, ...rest } = bucket;
    if (credentials.kind !== 'keys') {
      throw new ProblemError(
        {
          id: 'bucket-credentials',
          what: 'The bucket has no credentials of its own in the inventory.',
          where: this.inventory.file,
          next: 'Name them: bucket: { credentials: { accessKeyId: env:S3_ACCESS_KEY, secretAccessKey: env:S3_SECRET_KEY } }',
        },
        EXIT.usage,
      );
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
      ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    };
  }
}
