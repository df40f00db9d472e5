import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deleting, putting, WalWriter } from '../../src/practice/k3s/wal.js';
import {
  compareSurvivors,
  type MemberCopy,
  readSurvivor,
  readWal,
  type Survivor,
  walStart,
  walsAfter,
} from '../../src/snapshot/index.js';
import { hasEtcd, startEtcd } from '../support/etcd.js';
import { seeded } from '../support/mutations.js';
import { put, scratch } from '../support/snapshots.js';

const NAME = (sequence: number, index: number): string =>
  `${sequence.toString(16).padStart(16, '0')}-${index.toString(16).padStart(16, '0')}.wal`;

describe('the write-ahead log of a member', () => {
  const directory = scratch();
  const two = (): [Buffer, Buffer] => {
    const writer = new WalWriter().begin();
    for (let index = 1; index <= 20; index++) writer.entry(index, 1, putting(`/registry/configmaps/a/one-${index}`));
    const first = writer.state(1, 18).file(0);
    writer.begin().state(1, 20);
    for (let index = 21; index <= 30; index++) writer.entry(index, 2, putting(`/registry/configmaps/a/two-${index}`));
    writer.entry(31, 2, deleting('/registry/secrets/b/gone')).entry(32, 2, putting('/registry/events/b/noise'));
    writer.state(2, 32).entry(33, 2, putting('/registry/configmaps/a/late'));
    return [first, writer.file()];
  };
  const files = ([a, b]: readonly [Buffer, Buffer]): string[] => [
    put(directory, NAME(0, 0), a),
    put(directory, NAME(1, 21), b),
  ];

  it('is followed through its files, with what lies beyond the database', async () => {
    const reading = await readWal(files(two()), { consistentIndex: 28 });
    expect(reading).toMatchObject({ firstIndex: 1, lastIndex: 33, lastTerm: 2, commit: 32, term: 2, state: 'ok' });
    expect(reading.beyond).toMatchObject({ entries: 4, uncommitted: 1, puts: 3, deletes: 1, other: 0, gap: false });
    expect(reading.beyond?.objects.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
      'configmaps/two-29',
      'configmaps/two-30',
      'secrets/gone',
    ]);
  });

  it('of which only the files after the database are needed', async () => {
    const names = ['0.tmp', NAME(0, 0), NAME(1, 21), NAME(2, 400)];
    expect(walsAfter(names, 28)).toEqual([NAME(1, 21), NAME(2, 400)]);
    expect(walsAfter(names, 20)).toEqual([NAME(1, 21), NAME(2, 400)]);
    expect(walsAfter(names, 19)).toEqual([NAME(0, 0), NAME(1, 21), NAME(2, 400)]);
    expect(walsAfter(names, undefined)).toHaveLength(3);
    expect(walsAfter(['0.tmp'], 3)).toEqual([]);
    expect([walStart('0.tmp'), walStart(NAME(1, 21))]).toEqual([undefined, 21]);
    const [, second] = files(two());
    const reading = await readWal([second as string], { consistentIndex: 5 });
    expect(reading).toMatchObject({ firstIndex: 21, lastIndex: 33, state: 'ok', beyond: { gap: true } });
  });

  it('says that a later leader overwrote the end', async () => {
    const writer = new WalWriter().begin();
    for (let index = 1; index <= 9; index++) writer.entry(index, 1, putting(`/registry/configmaps/a/old-${index}`));
    writer.entry(7, 3, putting('/registry/configmaps/a/new')).state(3, 7);
    const reading = await readWal([put(directory, NAME(0, 0), writer.file())], { consistentIndex: 5 });
    expect(reading).toMatchObject({ lastIndex: 7, lastTerm: 3, beyond: { entries: 2, uncommitted: 0 } });
    expect(reading.beyond?.objects.map(({ name }) => name)).toEqual(['old-6', 'new']);
  });

  it('tells a torn end, which etcd repairs, from damage, with which it refuses to start', async () => {
    const [a, b] = two();
    const cut = Buffer.from(b.subarray(0, b.length - 64 * 1024 - 20));
    expect(await readWal(files([a, cut]))).toMatchObject({
      state: 'torn',
      lastIndex: 32,
      damage: { file: NAME(1, 21) },
    });
    expect(await readWal(files([a.subarray(0, a.length - 9), b]))).toMatchObject({
      state: 'damaged',
      lastIndex: 20,
      damage: { file: NAME(0, 0) },
    });
    const flipped = Buffer.from(b);
    flipped[flipped.indexOf('two-25')] = 0x58;
    const reading = await readWal(files([a, flipped]));
    expect(reading).toMatchObject({
      state: 'damaged',
      lastIndex: 24,
      damage: { reason: 'a record does not fit its checksum' },
    });
    const other = new WalWriter().begin().state(9, 9).begin().file();
    expect(await readWal(files([a, other]))).toMatchObject({ state: 'damaged', damage: { offset: 0 } });
    // A sector that was never written leaves zeros inside a record.
    const wide = new WalWriter().begin().entry(1, 1, putting('/registry/a/b', 'x'.repeat(4000)));
    const zeros = wide.file();
    zeros.fill(0, 1024, 1536);
    expect(await readWal([put(directory, NAME(0, 0), zeros)])).toMatchObject({ state: 'torn', lastIndex: null });
  });

  it('never crashes, hangs or takes damage for more than it is, whatever the bytes', { timeout: 60_000 }, async () => {
    const [a, b] = two();
    const used = b.length - 64 * 1024;
    for (let number = 0; number < 300; number++) {
      const random = seeded(number);
      const bytes = Buffer.from(b);
      for (let flips = 1 + random(3); flips > 0; flips--) {
        const at = random(used);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      }
      const reading = await readWal(files([a, bytes]), { consistentIndex: 28 });
      expect(reading.lastIndex ?? 0, `number ${number}`).toBeLessThanOrEqual(33);
    }
  });
});

describe.skipIf(!hasEtcd())('what a real etcd left when it was killed', () => {
  const directory = scratch();

  it('is read as etcd itself goes on from it', { timeout: 120_000 }, async () => {
    // So rarely written to its database that nearly all of it is in the log alone.
    const rarely = ['--backend-batch-interval', '1h', '--backend-batch-limit', '1000000'];
    const made = await startEtcd(directory, []);
    await made.put('/bootstrap/90a69bb34d8c', 'never opened here');
    await made.end('SIGTERM');
    const first = await startEtcd(directory, rarely);
    for (let i = 0; i < 40; i++) await first.put(`/registry/configmaps/shop/settings-${i}`, 'x'.repeat(700));
    await first.remove('/registry/configmaps/shop/settings-7');
    const before = await first.status();
    await first.end('SIGKILL');
    const copy = member(directory);
    const survivor = await readSurvivor(copy);
    expect(survivor.startable).toBe(true);
    expect(survivor.wal).toMatchObject({ state: 'ok', lastIndex: before.raftIndex, lastTerm: before.raftTerm });
    const { beyond } = survivor.wal ?? {};
    expect(beyond?.puts).toBe(40);
    expect(beyond?.deletes).toBe(1);
    expect(beyond?.objects).toContainEqual(expect.objectContaining({ kind: 'configmaps', name: 'settings-39' }));
    expect((survivor.proof.revision ?? 0) + (beyond?.puts ?? 0) + (beyond?.deletes ?? 0)).toBe(before.revision);
    // The same in its database, once it has gone on and ended in order.
    const second = await startEtcd(directory, []);
    await second.end('SIGTERM');
    const after = await readSurvivor(member(directory));
    expect(after.proof.revision).toBe(before.revision);
    expect(after.wal?.beyond).toMatchObject({ puts: 0, deletes: 0, gap: false });
    expect(after.raftIndex).toBeGreaterThan(before.raftIndex);
  });
});

/** The files of a member, as they would be fetched. */
function member(directory: string): MemberCopy {
  const wal = join(directory, 'member/wal');
  return {
    db: join(directory, 'member/snap/db'),
    wals: async (after) => walsAfter(readdirSync(wal), after).map((name) => join(wal, name)),
  };
}

describe('ranking survivors', () => {
  const one = (about: Partial<Survivor>): Survivor =>
    ({ startable: true, lastTerm: 3, lastIndex: 100, proof: { revision: 50 }, ...about }) as Survivor;
  it.each([
    ['one etcd starts with before a longer one it does not', { lastIndex: 90 }, { startable: false }],
    ['the higher term before the longer log', { lastTerm: 4, lastIndex: 10 }, {}],
    ['the longer log in the same term', { lastIndex: 101 }, {}],
  ])('%s', (_what, better, worse) => {
    expect([one(worse), one(better)].sort(compareSurvivors)[0]).toEqual(one(better));
  });
});
