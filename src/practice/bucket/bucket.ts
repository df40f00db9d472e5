import { createHash } from 'node:crypto';
import { dataBytes, snapshot } from '../data.js';
import type { FaultName } from '../faults.js';
import { loadedCopy } from '../loaded.js';
import { encryptOnce } from './encrypt.js';

export const BUCKET = 'k3s-backups';
export const PREFIX = 'k3s-etcd-backups/';
const NATIVE = 'k3s-native/';
const DAY = 86_400_000;

/** An object of the bucket; its bytes are made when they are first asked for. */
export interface BucketObject {
  readonly key: string;
  readonly modified: number;
  readonly type: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly bytes: () => Promise<Uint8Array>;
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14);
}

function flipped(): Uint8Array {
  const bytes = snapshot('s2').slice();
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  return bytes;
}

function newest(faults: ReadonlySet<FaultName>): () => Promise<Uint8Array> {
  if (faults.has('foreign-backup')) return () => encryptOnce('foreign', () => snapshot('foreign'));
  if (faults.has('damaged-backup')) return () => encryptOnce('flipped', flipped);
  if (faults.has('truncated-backup'))
    return async () => (await encryptOnce('s2', () => snapshot('s2'))).slice(0, 200_000);
  return () => encryptOnce('s2', () => snapshot('s2'));
}

/** What is in the bucket: backups of the runbook's names, and K3s' own snapshots under another prefix. */
export class Bucket {
  readonly name = BUCKET;
  readonly objects = new Map<string, BucketObject>();
  readonly #etags = new Map<string, string>();

  constructor(
    now: number,
    readonly faults: ReadonlySet<FaultName>,
  ) {
    if (faults.has('empty-bucket')) return;
    const copy = loadedCopy();
    if (copy !== undefined) {
      // The copy alone: the recorded backups are of another cluster.
      const key = `${PREFIX}daily/snapshot-daily-${stamp(copy.takenAt)}.db.gpg`;
      this.#put(key, copy.takenAt + 40_000, () => encryptOnce('copy', () => copy.file));
      return;
    }
    this.#backups(now);
    this.#native(now);
  }

  #put(
    key: string,
    modified: number,
    bytes: BucketObject['bytes'],
    meta: BucketObject['meta'] = {},
    type = 'application/octet-stream',
  ): void {
    this.objects.set(key, { key, modified, type, meta, bytes });
  }

  /** Daily Monday to Saturday kept 7 days, weekly on Sunday kept 30 days, at 02:00 UTC. */
  #backups(now: number): void {
    let first = true;
    for (let day = 0; day <= 30; day++) {
      const at = Math.floor(now / DAY) * DAY - day * DAY + 2 * 3_600_000;
      if (at > now) continue;
      const weekly = new Date(at).getUTCDay() === 0;
      if (!weekly && day > 7) continue;
      const folder = weekly ? 'weekly' : 'daily';
      const key = `${PREFIX}${folder}/snapshot-${folder}-${stamp(at)}.db.gpg`;
      this.#put(key, at + 40_000, first ? newest(this.faults) : () => encryptOnce('s1', () => snapshot('s1')));
      first = false;
    }
  }

  #native(now: number): void {
    const meta = {
      'k3s-cluster-id': '7115d861-e534-435c-8472-f22f8234af39',
      'k3s-node-name': 'node-1',
      'k3s-token-hash': '90a69bb34d8c',
    };
    const at = (name: string): number => Math.min(now, Number(name.match(/(\d{10})/)?.[1] ?? 0) * 1000);
    this.#put(`${NATIVE}on-demand-node-1-1795342572`, at('1795342572'), async () => snapshot('s3'), meta);
    this.#put(
      `${NATIVE}pre-upgrade-node-1-1795342556.zip`,
      at('1795342556'),
      async () => dataBytes('s2.zip'),
      meta,
      'application/zip',
    );
  }

  /** Stores an object, as PutObject. */
  store(key: string, bytes: Uint8Array, modified: number, type: string, meta: Readonly<Record<string, string>>): void {
    this.#etags.delete(key);
    this.#put(key, modified, async () => bytes, meta, type);
  }

  /** The md5 of an object in quotes, as S3 gives it. */
  async etag(object: BucketObject): Promise<string> {
    const known = this.#etags.get(object.key);
    if (known !== undefined) return known;
    const tag = `"${createHash('md5')
      .update(await object.bytes())
      .digest('hex')}"`;
    this.#etags.set(object.key, tag);
    return tag;
  }
}
