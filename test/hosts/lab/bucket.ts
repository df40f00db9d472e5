import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BUCKET, Bucket, PREFIX } from '../../../src/practice/bucket/bucket.js';
import { ACCESS_KEY, SECRET_KEY } from '../../../src/practice/bucket/signature.js';
import { S3Server } from '../../../src/practice/s3-server.js';
import type { Lab } from './lab.js';
import { must } from './sh.js';

/** The bucket of the lab: the practice cluster's S3 server with what a backup script puts into it. Not MinIO, and not called so. */
export class LabBucket {
  private constructor(
    private readonly lab: Lab,
    private readonly bucket: Bucket,
    private readonly server: S3Server,
  ) {}

  static async open(lab: Lab): Promise<LabBucket> {
    const bucket = new Bucket(Date.now(), new Set(['empty-bucket']));
    return new LabBucket(lab, bucket, await S3Server.listen(bucket));
  }

  /** Encrypts a snapshot with gpg as the runbook does and lays it into the bucket under its name; the key. */
  async upload(snapshot: string): Promise<string> {
    const { home, secrets } = this.lab;
    writeFileSync(`${home}/gpg-passphrase`, secrets.passphrase, { mode: 0o600 });
    await must(['mkdir', '-p', '-m', '0700', `${home}/gnupg`]);
    const out = `${home}/backup.gpg`;
    rmSync(out, { force: true });
    await must([
      'gpg',
      '--homedir',
      `${home}/gnupg`,
      '--batch',
      '--yes',
      '--pinentry-mode',
      'loopback',
      '--passphrase-file',
      `${home}/gpg-passphrase`,
      '--symmetric',
      '--cipher-algo',
      'AES256',
      '--output',
      out,
      snapshot,
    ]);
    const bytes = new Uint8Array(readFileSync(out));
    rmSync(`${home}/gpg-passphrase`);
    const modified = Date.now();
    const stamp = new Date(modified).toISOString().replace(/[-:T]/g, '').slice(0, 14);
    const key = `${PREFIX}daily/snapshot-daily-${stamp}.db.gpg`;
    this.bucket.objects.set(key, {
      key,
      modified,
      type: 'application/octet-stream',
      meta: {},
      bytes: async () => bytes,
    });
    return key;
  }

  /** For the inventory. */
  get lines(): string {
    writeFileSync(`${this.lab.home}/s3-access-key`, `${ACCESS_KEY}\n`, { mode: 0o600 });
    writeFileSync(`${this.lab.home}/s3-secret-key`, `${SECRET_KEY}\n`, { mode: 0o600 });
    return `bucket: { endpoint: ${this.server.endpoint}, region: us-east-1, bucket: ${BUCKET}, prefix: ${PREFIX}, pathStyle: true, credentials: { accessKeyId: file:./s3-access-key, secretAccessKey: file:./s3-secret-key } }`;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
