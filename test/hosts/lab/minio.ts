import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import type { Storage } from './bucket.js';
import { REPOSITORY } from './places.js';
import { CONSOLE_IP } from './plan.js';
import { must, run, until } from './sh.js';

export const BACKUP_SCRIPT = `${REPOSITORY}/test/hosts/lab/backup.sh`;

/** MinIO behind TLS with a certificate of its own, on the bridge, for as long as the lab lasts; filled by rclone. */
export class MinioStorage implements Storage {
  readonly endpoint = `https://${CONSOLE_IP}:9000`;
  readonly accessKey = 'lab-backups';
  readonly secretKey = randomBytes(16).toString('hex');
  readonly bucket = 'k3s-backups';
  readonly prefix = 'k3s-etcd-backups/';
  readonly caFile: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.caFile = `${folder}/certs/public.crt`;
  }

  static async open(program: string, home: string): Promise<MinioStorage> {
    const storage = new MinioStorage(`${home}/minio`);
    await storage.#start(program);
    return storage;
  }

  async #start(program: string): Promise<void> {
    const folder = this.#folder;
    mkdirSync(`${folder}/certs`, { recursive: true, mode: 0o700 });
    mkdirSync(`${folder}/data`, { recursive: true });
    await must(
      [
        'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=minio',
        `-addext subjectAltName=IP:${CONSOLE_IP} -keyout ${folder}/certs/private.key -out ${this.caFile}`,
      ]
        .join(' ')
        .split(' '),
    );
    chmodSync(`${folder}/certs/private.key`, 0o600);
    // It ends with this process, however that ends.
    const argv = ['--pdeathsig', 'KILL', program, 'server', '--quiet', '--address', `${CONSOLE_IP}:9000`];
    this.#child = spawn('setpriv', [...argv, '--certs-dir', `${folder}/certs`, `${folder}/data`], {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        MINIO_ROOT_USER: this.accessKey,
        MINIO_ROOT_PASSWORD: this.secretKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
    });
    await until('MinIO', async () => ((await this.#rclone('lsd', 'minio:')).code === 0 ? true : undefined));
    const made = await this.#rclone('mkdir', `minio:${this.bucket}`);
    if (made.code !== 0) throw new Error(`no bucket: ${made.stderr}`);
  }

  #rclone(...args: string[]): ReturnType<typeof run> {
    return run(['rclone', '--retries', '1', '--low-level-retries', '1', ...args], { env: this.#settings() });
  }

  /** The remote the runbook calls minio. */
  #settings(): NodeJS.ProcessEnv {
    const of = (name: string, value: string): NodeJS.ProcessEnv => ({ [`RCLONE_CONFIG_MINIO_${name}`]: value });
    return {
      PATH: process.env.PATH,
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CA_CERT: this.caFile,
      ...of('TYPE', 's3'),
      ...of('PROVIDER', 'Minio'),
      ...of('ENDPOINT', this.endpoint),
      ...of('ACCESS_KEY_ID', this.accessKey),
      ...of('SECRET_ACCESS_KEY', this.secretKey),
    };
  }

  async put(snapshot: string, name: string, passphraseFile: string): Promise<void> {
    const target = `minio:${this.bucket}/${this.prefix}daily`;
    await must(['sh', BACKUP_SCRIPT, snapshot, name, passphraseFile, target], { env: this.#settings() });
  }

  async get(name: string, folder: string): Promise<void> {
    const got = await this.#rclone('copy', `minio:${this.bucket}/${this.prefix}daily/${name}`, folder);
    if (got.code !== 0) throw new Error(`rclone: ${got.stderr}`);
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}
