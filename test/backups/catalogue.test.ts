import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BucketConfig } from '../../src/backups/bucket.js';
import { assess, listBucket, listFolder, listServer, nearest, usable } from '../../src/backups/index.js';
import { Secret } from '../../src/base/secret.js';
import { TestS3 } from '../support/s3-server.js';
import { put, scratch } from '../support/snapshots.js';

const s3 = await TestS3.start();
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22, 3, 14);

function bucket(more: Partial<BucketConfig> = {}): BucketConfig {
  return {
    endpoint: s3.endpoint,
    region: 'us-east-1',
    bucket: s3.bucket,
    prefix: '/k3s-etcd-backups/',
    pathStyle: true,
    credentials: { accessKeyId: new Secret('key-id'), secretAccessKey: new Secret('key-secret') },
    attempts: 1,
    ...more,
  };
}

const stamp = (time: number): string => new Date(time).toISOString().replace(/\D/g, '').slice(0, 14);

/** One backup a day at 02:00 for `days` days, weekly on Sundays, with the given days left out. */
function fill(days: number, without: number[] = [], size: (day: number) => number = () => 1000): void {
  for (let day = 0; day < days; day++) {
    if (without.includes(day)) continue;
    const time = Date.UTC(2026, 10, 22, 2) - day * DAY;
    const kind = new Date(time).getUTCDay() === 0 ? 'weekly' : 'daily';
    if (kind === 'daily' && day > 7) continue;
    s3.put(`k3s-etcd-backups/${kind}/snapshot-${kind}-${stamp(time)}.db.gpg`, Buffer.alloc(size(day)));
  }
}

beforeEach(() => {
  s3.objects.clear();
  s3.faults = {};
  s3.requests.length = 0;
  s3.pageSize = 1000;
});

describe('the catalogue', () => {
  it('reads every page, leaves out metadata, and puts the newest first', async () => {
    s3.pageSize = 700;
    for (let i = 0; i < 2500; i++)
      s3.put(`k3s-etcd-backups/local/etcd-snapshot-node-1-${1_790_000_000 + i * 60}`, Buffer.alloc(3));
    s3.put('k3s-etcd-backups/.metadata/etcd-snapshot-node-1-1790000000', Buffer.from('{}'));
    s3.put('another-folder/snapshot-daily-20261122020000.db.gpg', Buffer.alloc(3));
    s3.put('k3s-etcd-backups/local/etcd-snapshot-node-1-1795000000.part', Buffer.alloc(3));
    const list = await listBucket(bucket());
    expect(list).toHaveLength(2501);
    expect(s3.requests).toHaveLength(4);
    expect(list[0]).toMatchObject({ unfinished: true });
    expect(usable(list)).toHaveLength(2500);
    expect(list[1]).toMatchObject({
      kind: 'k3s',
      node: 'node-1',
      takenAtFrom: 'name',
      takenAt: (1_790_000_000 + 2499 * 60) * 1000,
    });
    expect(nearest(usable(list), 1_790_000_000_000 + 29_000)?.takenAt).toBe(1_790_000_000_000);
    expect(nearest(usable(list), 1_790_000_000_000 + 30_000)?.takenAt).toBe(1_790_000_000_000);
  });

  it('reads folders and listings of servers', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'daily'));
    put(join(folder, 'daily'), 'snapshot-daily-20261121020000.db.gpg', 'x');
    put(folder, 'on-demand-node-2-1795342536.zip', 'xx');
    expect((await listFolder(folder)).map((one) => [one.kind, one.zipped, one.encrypted, one.size])).toEqual([
      ['k3s', true, false, 2],
      ['daily', false, true, 1],
    ]);
    await expect(listFolder(join(folder, 'none'))).rejects.toMatchObject({ problem: { id: 'folder-unreadable' } });
    const path = '/var/lib/rancher/k3s/server/db/snapshots/pre-upgrade-node-1-1795342556';
    expect(listServer('node-1', [{ path, size: 5, modified: NOW }])).toMatchObject([
      { kind: 'k3s', takenAt: 1_795_342_556_000, place: { holder: 'node-1', at: path } },
    ]);
  });

  it('sees a whole schedule, a gap, broken retention and odd sizes', async () => {
    fill(31);
    const good = assess(await listBucket(bucket()), NOW);
    expect(good).toMatchObject({
      gaps: [],
      daily: { state: 'kept' },
      weekly: { state: 'kept' },
      sizeTrend: 1,
      oddSizes: [],
    });
    expect(good.age).toBe(74 * 60_000);
    s3.objects.clear();
    fill(31, [0, 3, 4], (day) => (day === 1 ? 200 : 1000));
    s3.put('k3s-etcd-backups/daily/snapshot-daily-20261001020000.db.gpg', Buffer.alloc(1000));
    const bad = assess(await listBucket(bucket()), NOW + 2 * 3600_000);
    expect(bad.gaps.map((gap) => gap.missed)).toEqual([2, 1]);
    expect(bad).toMatchObject({ daily: { state: 'overdue' }, sizeTrend: 0.2 });
    expect(bad.oddSizes).toHaveLength(1);
  });
});

describe('what a bucket refuses is told in words', () => {
  const cases: [string, Parameters<typeof Object>[0], string][] = [
    ['bucket-denied', { status: 403, code: 'AccessDenied' }, 's3:ListBucket'],
    ['bucket-wrong-key', { status: 403, code: 'SignatureDoesNotMatch' }, 'secret access key'],
    ['bucket-wrong-key', { status: 403, code: 'InvalidAccessKeyId' }, 'access key'],
    [
      'bucket-region',
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-central-1' } },
      'eu-central-1',
    ],
    ['bucket-failed', { status: 503, code: 'SlowDown' }, 'again'],
  ];
  it.each(cases)('%s', async (id, refuse, words) => {
    s3.faults = { refuse: refuse as never };
    await expect(listBucket(bucket())).rejects.toMatchObject({
      problem: { id, next: expect.stringContaining(words) },
      exit: 3,
    });
  });

  it('clock skew, with the difference', async () => {
    const date = new Date(Date.now() - 20 * 60_000).toUTCString();
    s3.faults = { refuse: { status: 403, code: 'RequestTimeTooSkewed', headers: { date } } };
    await expect(listBucket(bucket())).rejects.toMatchObject({
      problem: { id: 'bucket-clock', what: expect.stringContaining('20 minutes ahead') },
    });
  });

  it('a missing bucket, an empty one, nobody listening, the wrong protocol', async () => {
    await expect(listBucket(bucket({ bucket: 'nope' }))).rejects.toMatchObject({ problem: { id: 'bucket-missing' } });
    await expect(listBucket(bucket())).rejects.toMatchObject({ problem: { id: 'catalogue-empty' } });
    await expect(listBucket(bucket({ endpoint: 'http://127.0.0.1:1' }))).rejects.toMatchObject({
      problem: { id: 'bucket-unreachable' },
    });
    await expect(listBucket(bucket({ endpoint: s3.endpoint.replace('http:', 'https:') }))).rejects.toMatchObject({
      problem: { id: 'bucket-tls' },
    });
  });

  it('connections can be led elsewhere, such as through an SSH forward', async () => {
    fill(2);
    const list = await listBucket(
      bucket({ endpoint: 'http://minio.inside.example:9000', connectTo: { host: '127.0.0.1', port: s3.port } }),
    );
    expect(list).toHaveLength(2);
  });

  it('a listing can be cancelled', async () => {
    await expect(listBucket(bucket(), AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });
});
