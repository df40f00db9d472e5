import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BucketConfig } from '../../src/backups/bucket.js';
import {
  type FetchRequest,
  fetchAndProve,
  fetchAndProveHere,
  fetchHead,
  type PipelineProgress,
  testPassphrase,
} from '../../src/backups/index.js';
import { Secret } from '../../src/base/secret.js';
import { gpgSymmetric, hasGpg } from '../support/gpg.js';
import { TestS3 } from '../support/s3-server.js';
import { fixture, put, REAL, realSnapshot, scratch } from '../support/snapshots.js';

const s3 = await TestS3.start();
const root = scratch();
const passphrase = new Secret('pw for backups');
const tokens = [{ name: 'inventory', token: new Secret('blackstart-lab-token-1') }];
const NAME = 'snapshot-daily-20261122101536.db.gpg';
const KEY = `k3s-etcd-backups/daily/${NAME}`;
const plain = realSnapshot('s1');
if (hasGpg) s3.put(KEY, gpgSymmetric(plain, passphrase.reveal()));
s3.put(`local/${REAL.s1}`, plain);
s3.put(`local/${REAL.s2}.zip`, fixture(`${REAL.s2}.zip`));

let spool = '';
let count = 0;
beforeEach(() => {
  spool = join(root, `spool-${++count}`);
  s3.faults = {};
  s3.requests.length = 0;
});

function bucket(): BucketConfig {
  return {
    endpoint: s3.endpoint,
    region: 'us-east-1',
    bucket: s3.bucket,
    prefix: 'k3s-etcd-backups',
    pathStyle: true,
    credentials: { accessKeyId: new Secret('key-id'), secretAccessKey: new Secret('key-secret') },
    attempts: 1,
  };
}

function request(key: string, more: Partial<FetchRequest> = {}): FetchRequest {
  return { source: { kind: 'bucket', bucket: bucket(), key }, passphrase, spool, prove: { tokens }, ...more };
}

const nothingLeft = (): void => expect(existsSync(spool) ? readdirSync(spool) : []).toEqual([]);

describe.skipIf(!hasGpg)('an encrypted backup', () => {
  it.each([
    ['in a worker', fetchAndProve],
    ['in this thread', fetchAndProveHere],
  ])('is fetched, decrypted, spooled and proven %s', async (_where, run) => {
    const seen: PipelineProgress[] = [];
    const { proof, file, fetchedBytes } = await run(request(KEY), { onProgress: (progress) => seen.push(progress) });
    expect(proof).toMatchObject({
      verdict: 'restorable',
      revision: 1499,
      keys: 735,
      takenAt: '2026-11-22T10:15:36.000Z',
      takenAtFrom: 'name',
      token: { opens: true },
    });
    expect(file).toBe(join(spool, 'snapshot-daily-20261122101536.db'));
    expect(readFileSync(file ?? '').equals(plain)).toBe(true);
    expect(statSync(file ?? '').mode & 0o777).toBe(0o600);
    expect(statSync(spool).mode & 0o777).toBe(0o700);
    expect(readdirSync(spool)).toHaveLength(1);
    expect(new Set(seen.map((one) => one.stage))).toEqual(new Set(['fetch', 'prove']));
    expect(seen.filter((one) => one.stage === 'fetch').at(-1)).toMatchObject({
      done: fetchedBytes,
      total: fetchedBytes,
      secondsLeft: 0,
    });
  });

  it('goes on by range after each drop, of the same version only', async () => {
    s3.faults = { dropAfter: { bytes: 120_000, times: 3 } };
    const { proof } = await fetchAndProveHere(request(KEY));
    expect(proof.ok).toBe(true);
    expect(s3.requests.map((one) => one.range)).toEqual([undefined, 'bytes=120000-', 'bytes=240000-', 'bytes=360000-']);
  });

  it('is given up, and removed, when the connection never holds', { timeout: 20_000 }, async () => {
    s3.faults = { dropAfter: { bytes: 0, times: 1000 } };
    await expect(fetchAndProveHere(request(KEY))).rejects.toMatchObject({ problem: { id: 'download-truncated' } });
    nothingLeft();
  });

  it('is not patched together from two versions or by a store without ranges', async () => {
    s3.faults = { dropAfter: { bytes: 100_000, times: 1 }, noRange: true };
    await expect(fetchAndProveHere(request(KEY))).rejects.toMatchObject({ problem: { id: 'bucket-no-range' } });
    nothingLeft();
  });

  it('with the wrong passphrase, or none, leaves nothing behind', async () => {
    await expect(fetchAndProve(request(KEY, { passphrase: new Secret('wrong') }))).rejects.toMatchObject({
      problem: { id: 'wrong-passphrase' },
    });
    const { passphrase: _none, ...without } = request(KEY);
    await expect(fetchAndProve(without)).rejects.toMatchObject({ problem: { id: 'passphrase-missing' } });
    nothingLeft();
  });

  it('cut off at its source is refused at its end', async () => {
    s3.put('cut/x.db.gpg', (s3.objects.get(KEY)?.body ?? Buffer.alloc(0)).subarray(0, 300_000));
    await expect(fetchAndProveHere(request('cut/x.db.gpg'))).rejects.toMatchObject({
      problem: { id: 'backup-damaged' },
    });
    nothingLeft();
  });

  it('has its passphrase tested on the first 16 KiB', async () => {
    const head = await fetchHead({ kind: 'bucket', bucket: bucket(), key: KEY });
    expect(head.length).toBe(16_384);
    expect(s3.requests[0]?.range).toBe('bytes=0-16383');
    expect(await testPassphrase(head, passphrase)).toBe('opens');
  });

  it('can be stopped, in a worker and here, and leaves nothing', async () => {
    for (const run of [fetchAndProve, fetchAndProveHere]) {
      const stop = new AbortController();
      await expect(
        run(request(KEY), { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }),
      ).rejects.toThrow();
      nothingLeft();
    }
  });
});

describe('other sources', () => {
  it('a plain snapshot and a K3s zip from the bucket', async () => {
    const one = await fetchAndProveHere(request(`local/${REAL.s1}`));
    expect(one).toMatchObject({ file: join(spool, REAL.s1), proof: { ok: true } });
    const two = await fetchAndProveHere(request(`local/${REAL.s2}.zip`));
    expect(two).toMatchObject({ file: join(spool, REAL.s2), proof: { ok: true, revision: 1661 } });
    expect(readdirSync(spool).sort()).toEqual([REAL.s1, REAL.s2].sort());
  });

  it('a local file; one that is not restorable is an answer and is removed', async () => {
    const damaged = Buffer.from(plain);
    damaged[500_000] = (damaged[500_000] ?? 0) ^ 1;
    const path = put(root, 'etcd-snapshot-node-1-1795342536', damaged);
    const { proof, file } = await fetchAndProve({ source: { kind: 'file', path }, spool, prove: { tokens } });
    expect(file).toBeUndefined();
    expect(proof).toMatchObject({ verdict: 'not-restorable', sha256: { ok: false } });
    nothingLeft();
    expect(existsSync(path)).toBe(true);
    await expect(fetchAndProveHere({ source: { kind: 'file', path: '/nowhere/x' }, spool })).rejects.toMatchObject({
      problem: { id: 'file-unreadable' },
    });
  });

  it.each([
    ['in a worker', fetchAndProve],
    ['in this thread', fetchAndProveHere],
  ])('is fetched while it is still asked what to prove it against, %s', async (_where, run) => {
    const terms = Promise.withResolvers<{ tokens: typeof tokens }>();
    const stages: string[] = [];
    const { proof } = await run(request(`local/${REAL.s1}`, { prove: terms.promise }), {
      onProgress: ({ stage, done, total }) => {
        stages.push(stage);
        if (stage === 'fetch' && done === total) terms.resolve({ tokens });
      },
    });
    expect(proof).toMatchObject({ ok: true, token: { opens: true } });
    expect(stages.indexOf('prove')).toBeGreaterThan(stages.indexOf('fetch'));
  });

  it.each([
    ['in a worker', fetchAndProve],
    ['in this thread', fetchAndProveHere],
  ])(
    'is removed again where nobody can say what to prove it against, or it is stopped meanwhile, %s',
    async (_where, run) => {
      const refused = Promise.reject(new Error('no token can be read'));
      await expect(run(request(`local/${REAL.s1}`, { prove: refused }))).rejects.toThrow('no token can be read');
      nothingLeft();
      const stop = new AbortController();
      const never = new Promise<{ tokens: typeof tokens }>(() => undefined);
      const running = run(request(`local/${REAL.s1}`, { prove: never }), {
        signal: stop.signal,
        onProgress: ({ done, total }) => {
          if (done === total) stop.abort(new Error('enough'));
        },
      });
      await expect(running).rejects.toThrow();
      nothingLeft();
    },
  );

  it('leftovers of an earlier run are removed, fresh ones are not', async () => {
    await fetchAndProveHere(request(`local/${REAL.s1}`));
    const old = put(spool, 'old.db.part', 'x');
    utimesSync(old, 1, 1);
    put(spool, 'fresh.db.part', 'x');
    await fetchAndProveHere(request(`local/${REAL.s1}`));
    expect(readdirSync(spool).sort()).toEqual(['fresh.db.part', REAL.s1].sort());
  });

  it('a spool that cannot be made or has no room', async () => {
    const path = put(root, 'a-file', 'x');
    await expect(fetchAndProveHere({ ...request(`local/${REAL.s1}`), spool: path })).rejects.toMatchObject({
      problem: { id: 'spool-unusable' },
    });
    const { Spool } = await import('../../src/backups/index.js');
    await expect((await Spool.open(spool)).room(1e18)).rejects.toMatchObject({ problem: { id: 'spool-full' } });
  });
});
