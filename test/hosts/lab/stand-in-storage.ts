import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { BUCKET, Bucket, PREFIX } from '../../../src/practice/bucket/bucket.js';
import { ACCESS_KEY, SECRET_KEY } from '../../../src/practice/bucket/signature.js';
import { S3Server } from '../../../src/practice/s3-server.js';
import type { Storage } from './bucket.js';
import { BACKUP_SCRIPT } from './minio.js';

/** The practice cluster's S3 server, where MinIO cannot be had. */
export class StandInStorage implements Storage {
  readonly accessKey = ACCESS_KEY;
  readonly secretKey = SECRET_KEY;
  readonly bucket = BUCKET;
  readonly prefix = PREFIX;

  private constructor(
    private readonly held: Bucket,
    private readonly server: S3Server,
  ) {}

  static async open(): Promise<StandInStorage> {
    const bucket = new Bucket(Date.now(), new Set(['empty-bucket']));
    return new StandInStorage(bucket, await S3Server.listen(bucket));
  }

  get endpoint(): string {
    return this.server.endpoint;
  }

  async put(snapshot: string, name: string, passphraseFile: string): Promise<void> {
    const made = spawnSync('sh', [BACKUP_SCRIPT, snapshot, name, passphraseFile], { maxBuffer: 1 << 30 });
    if (made.status !== 0) throw new Error(`backup.sh: exit ${made.status}: ${made.stderr}`);
    const bytes = new Uint8Array(made.stdout);
    const key = `${PREFIX}daily/${name}.gpg`;
    this.held.objects.set(key, {
      key,
      modified: Date.now(),
      type: 'application/octet-stream',
      meta: {},
      bytes: async () => bytes,
    });
  }

  async get(name: string, folder: string): Promise<void> {
    const found = this.held.objects.get(`${PREFIX}daily/${name}`);
    if (found === undefined) throw new Error(`no ${name}`);
    writeFileSync(`${folder}/${name}`, await found.bytes(), { mode: 0o600 });
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
