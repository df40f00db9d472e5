import { createHash } from 'node:crypto';

/** What a snapshot file is worth to `k3s server --cluster-reset-restore-path` (etcd's snapshot/v3_snapshot.go). */
export type SnapshotCheck =
  | { readonly kind: 'good'; readonly image: Uint8Array }
  | { readonly kind: 'missing-hash'; readonly image: Uint8Array }
  | { readonly kind: 'bad-hash'; readonly image: Uint8Array; readonly expected: Uint8Array; readonly got: Uint8Array };

/** Splits a snapshot into database image and 32-byte sha256 trailer, as etcd does: a hash is there when size % 512 = 32. */
export function checkSnapshot(file: Uint8Array): SnapshotCheck {
  if (file.length % 512 !== 32) return { kind: 'missing-hash', image: file };
  const image = file.subarray(0, file.length - 32);
  const expected = file.subarray(file.length - 32);
  const got = new Uint8Array(createHash('sha256').update(image).digest());
  const same = Buffer.compare(expected, got) === 0;
  return same ? { kind: 'good', image } : { kind: 'bad-hash', image, expected, got };
}

/** The 12 hex digits K3s names the bootstrap key by: sha256 of the token's password (R39). */
export function tokenHash(password: string): string {
  return createHash('sha256').update(password).digest('hex').slice(0, 12);
}

/** The `/bootstrap/<12 hex>` keys found in the bytes of a database image. */
export function bootstrapKeys(image: Uint8Array): string[] {
  const found = new Set<string>();
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  for (let at = bytes.indexOf('/bootstrap/'); at >= 0; at = bytes.indexOf('/bootstrap/', at + 1)) {
    const hash = bytes.toString('latin1', at + 11, at + 23);
    if (/^[0-9a-f]{12}$/.test(hash)) found.add(hash);
  }
  return [...found];
}

/**
 * Whether bbolt can open the image: a valid meta page, and every page up to its high-water mark present.
 * A shorter file is what makes K3s die of SIGBUS with exit code 2 (R13, `truncated.then-normal-start`).
 */
export function imageOpens(image: Uint8Array): boolean {
  if (image.length < 8192) return false;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const meta of [16, 4096 + 16]) {
    if (view.getUint32(meta, true) !== 0xed0cdaed) continue;
    const pageSize = view.getUint32(meta + 8, true);
    const highWater = Number(view.getBigUint64(meta + 40, true));
    if (highWater * pageSize <= image.length) return true;
  }
  return false;
}

/** The password inside a token as K3s normalises it; undefined for the malformed kind (R9, `newhost-malformed-token`). */
export function tokenPassword(token: string): string | undefined {
  if (token.startsWith('K10')) {
    const parts = /^K10[0-9a-f]{64}::(?:[^:]+:)?(.+)$/.exec(token);
    return parts?.[1];
  }
  return /^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token) ? undefined : token;
}
