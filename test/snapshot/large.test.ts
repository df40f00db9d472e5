import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { prove } from '../../src/snapshot/index.js';
import { imageOf, put, realSnapshot, scratch, withTrailer } from '../support/snapshots.js';

/** Large enough to be hashed in a thread of its own. */
const LARGE = 40 * 1024 * 1024;

describe('a large file, hashed beside the walk', () => {
  const directory = scratch();
  const image = Buffer.concat([imageOf(realSnapshot('s1')), Buffer.alloc(LARGE)]);

  it('has the sums of the whole file, and progress to its end', async () => {
    const bytes = withTrailer(image);
    const seen: number[] = [];
    const proof = await prove(put(directory, 'large', bytes), {
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(proof).toMatchObject({ fileSha256: sha256, sha256: { ok: true }, verdict: 'not-restorable' });
    expect(proof.problems[0]?.id).toBe('size-mismatch');
    expect(seen.at(-1)).toBe(1);
    expect(seen.every((one, i) => i === 0 || one >= (seen[i - 1] ?? 0))).toBe(true);
  });

  it('tells a wrong sum before everything else, and no hash of what was not written', async () => {
    const bytes = withTrailer(image);
    bytes[bytes.length - 1000] = 1;
    const proof = await prove(put(directory, 'wrong', bytes));
    expect(proof.problems.map((one) => one.id).slice(0, 2)).toEqual(['sha256-mismatch', 'size-mismatch']);
    expect(proof).toMatchObject({ sha256: { ok: false }, hash: null });
  });

  it('can be stopped', async () => {
    const path = put(directory, 'stopped', withTrailer(image));
    const stop = new AbortController();
    const proving = prove(path, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(proving).rejects.toThrow('enough');
    await expect(prove(path, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });
});
