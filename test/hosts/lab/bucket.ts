import { rmSync, writeFileSync } from 'node:fs';
import type { Lab } from './lab.js';
import { MinioStorage } from './minio.js';
import { StandInStorage } from './stand-in-storage.js';

/** Where the backups of the lab lie. */
export interface Storage {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  readonly prefix: string;
  /** Certificate to trust, PEM file on this machine. */
  readonly caFile?: string;
  /** Encrypts a snapshot and lays it there under a name that ends in `.db`; `.gpg` is added. */
  put(snapshot: string, name: string, passphraseFile: string): Promise<void>;
  /** Fetches one object into a folder, as the runbook does. */
  get(name: string, folder: string): Promise<void>;
  close(): Promise<void>;
}

/** The bucket of the lab, filled as the runbook's CronJob fills it: MinIO where it can be had, else the practice cluster's S3 server, and said so. */
export class LabBucket {
  private constructor(
    private readonly lab: Lab,
    readonly storage: Storage,
  ) {}

  static async open(lab: Lab): Promise<LabBucket> {
    const folder = process.env.BLACKSTART_LAB_MINIO;
    const storage =
      folder === undefined ? await StandInStorage.open() : await MinioStorage.open(`${folder}/minio`, lab.home);
    return new LabBucket(lab, storage);
  }

  /** Encrypts a snapshot with gpg as the runbook does and lays it into the bucket under its name; the name. */
  async upload(snapshot: string): Promise<string> {
    const { home, secrets } = this.lab;
    const stamp = new Date().toISOString().replace(/[-:T]/g, '').slice(0, 14);
    const name = `snapshot-daily-${stamp}.db`;
    const passphrase = `${home}/gpg-passphrase`;
    writeFileSync(passphrase, secrets.passphrase, { mode: 0o600 });
    await this.storage.put(snapshot, name, passphrase);
    rmSync(passphrase);
    return `${name}.gpg`;
  }

  /** For the inventory. */
  get lines(): string {
    const { endpoint, accessKey, secretKey, bucket, prefix, caFile } = this.storage;
    writeFileSync(`${this.lab.home}/s3-access-key`, `${accessKey}\n`, { mode: 0o600 });
    writeFileSync(`${this.lab.home}/s3-secret-key`, `${secretKey}\n`, { mode: 0o600 });
    const ca = caFile === undefined ? '' : `, caFile: ${caFile}`;
    return `bucket: { endpoint: ${endpoint}, region: us-east-1, bucket: ${bucket}, prefix: ${prefix}, pathStyle: true${ca}, credentials: { accessKeyId: file:./s3-access-key, secretAccessKey: file:./s3-secret-key } }`;
  }

  close(): Promise<void> {
    return this.storage.close();
  }
}
