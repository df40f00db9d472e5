import { type BucketConfig, openBucket } from './bucket.js';

/** HEAD requests at a time. */
const AT_ONCE = 8;

/**
 * The token hashes that K3s itself wrote beside its snapshots (`x-amz-meta-k3s-token-hash`, facts 2.4), by key, without downloading
 * anything. Objects without one, such as encrypted backups made by a script, and objects that cannot be asked are left out.
 */
export async function tokenHashesOf(
  config: BucketConfig,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const bucket = await openBucket(config);
  const waiting = [...keys];
  const ask = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      const head = new bucket.sdk.HeadObjectCommand({ Bucket: config.bucket, Key: key });
      const answer = await bucket.client
        .send(head, signal === undefined ? {} : { abortSignal: signal })
        .catch(() => undefined);
      const hash = answer?.Metadata?.['k3s-token-hash'];
      if (hash !== undefined && /^[0-9a-f]{12}$/.test(hash)) found.set(key, hash);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  } finally {
    bucket.close();
  }
  signal?.throwIfAborted();
  return found;
}
