import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeskHost } from '../../src/cli/bucket-route.js';
import { compareLossWith } from '../../src/cli/compare-desk.js';
import { lossLines, lossText } from '../../src/incident/loss.js';
import { putting, WalWriter } from '../../src/practice/k3s/wal.js';
import { prove } from '../../src/snapshot/index.js';
import { imageOf, put, realSnapshot, scratch } from '../support/snapshots.js';

/** A host whose files lie in a folder of this machine. */
const folderHost = (): DeskHost =>
  ({
    exec: async ({ argv }: { argv: readonly string[] }) => {
      const path = argv[0] === 'stat' ? (argv[3] ?? '') : (argv[1] ?? '');
      if (!existsSync(path)) return { code: 1, stdout: '', stderr: `cannot access '${path}'`, truncated: false, ms: 1 };
      const stdout =
        argv[0] === 'stat'
          ? `${statSync(path).size} root 600 0`
          : readdirSync(path)
              .map((name) => `${name}\tf\t${statSync(join(path, name)).size}\t0.0\n`)
              .join('');
      return { code: 0, stdout, stderr: '', truncated: false, ms: 1 };
    },
    get: async ({ path, file }: { path: string; file: string }) => {
      copyFileSync(path, file);
      return { bytes: statSync(file).size, sha256: '' };
    },
  }) as unknown as DeskHost;

describe('what a restore would lose', () => {
  const directory = scratch();
  const file = put(directory, 'chosen', realSnapshot('s1'));
  const member = (name: string, db: Buffer | undefined, wal?: Buffer): { host: string; etcd: string } => {
    const etcd = join(directory, name);
    mkdirSync(join(etcd, 'member/snap'), { recursive: true });
    mkdirSync(join(etcd, 'member/wal'), { recursive: true });
    if (db !== undefined) writeFileSync(join(etcd, 'member/snap/db'), db);
    if (wal !== undefined) writeFileSync(join(etcd, 'member/wal/0000000000000000-0000000000000000.wal'), wal);
    return { host: name, etcd };
  };
  const compare = async (servers: { host: string; etcd: string }[], clusterUid?: string) => {
    const { revision, clusterUid: own } = await prove(file);
    return compareLossWith(
      {
        ...{ file, revision: revision ?? 0, clusterUid: clusterUid ?? own, servers, spool: join(directory, 'spool') },
        hosts: folderHost,
      },
      new AbortController().signal,
      () => {},
    );
  };

  it('is told by name, against the first server whose data is whole, and nothing of the copies stays', async () => {
    const cut = imageOf(realSnapshot('s3')).subarray(0, 1_000_100);
    const { consistentIndex } = await prove(put(directory, 's3', realSnapshot('s3')));
    const next = Number(consistentIndex) + 1;
    const wal = new WalWriter().begin();
    wal.entry(next, 2, putting('/registry/configmaps/edge/only-in-the-log')).state(2, next);
    const loss = await compare([
      member('empty', undefined),
      member('damaged', cut),
      member('whole', imageOf(realSnapshot('s3')), wal.file()),
    ]);
    // s1 to s3, as it was recorded: one ConfigMap made, one namespace of each deleted.
    expect(loss.host).toBe('whole');
    expect(loss.sameCluster).toBe(true);
    expect(loss.gone.names).toContain('configmaps edge/after-s2');
    expect(loss.inLog).toBe(1);
    expect(lossText(loss)).toMatch(
      /objects made since are gone.*compared with the data of whole.*1 more writes in its log/,
    );
    const lines = lossLines(loss).join('\n');
    expect(lines).toContain('only-in-the-log');
    expect(lines).toMatch(/damaged: damaged data, not compared/);
    expect(lines).toMatch(/empty: There is no etcd database/);
    expect(readdirSync(join(directory, 'spool'))).toEqual([]);
  });

  it.each([
    [
      'of another cluster',
      () => imageOf(realSnapshot('s3')),
      'f0000000-0000-0000-0000-000000000000',
      /another cluster/,
    ],
    ['cut off', () => imageOf(realSnapshot('s3')).subarray(0, 1_000_000), undefined, /damaged data/],
  ])('says nothing by data %s, and stands in nobody’s way', async (_what, image, uid, why) => {
    const loss = await compare([member('node-1', image()), member('node-2', image())], uid);
    expect(loss.host).toBeNull();
    expect(lossText(loss)).toBeUndefined();
    expect(loss.remarks).toEqual([expect.stringMatching(why)]);
    expect(loss.remarks[0]).toMatch(/^node-1, node-2: /);
  });

  it('is not measured by data older than the backup', async () => {
    const older = join(directory, 'older');
    writeFileSync(older, realSnapshot('s3'));
    const { revision, clusterUid } = await prove(older);
    const loss = await compareLossWith(
      {
        ...{ file: older, revision: revision ?? 0, clusterUid, spool: join(directory, 'spool'), hosts: folderHost },
        servers: [member('behind', imageOf(realSnapshot('s1')))],
      },
      new AbortController().signal,
      () => {},
    );
    expect(loss).toMatchObject({ host: null, remarks: [expect.stringContaining('data older than the backup')] });
  });
});
