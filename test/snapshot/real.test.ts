import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import { diffSnapshots, liveObjects, prove, unzipSnapshot } from '../../src/snapshot/index.js';
import { fixture, imageOf, put, REAL, realSnapshot, scratch } from '../support/snapshots.js';

const directory = scratch();
const paths = {
  s1: put(directory, REAL.s1, realSnapshot('s1')),
  s2: put(directory, `${REAL.s2}.zip`, fixture(`${REAL.s2}.zip`)),
  s3: put(directory, REAL.s3, realSnapshot('s3')),
};
const token = new Secret('blackstart-lab-token-1');
const CA = 'f845686cf1a90b233a5e496753d5fcde92ecd2f610d2acfdbfbf3a49a33ce0cf';

describe.each(['s1', 's2', 's3'] as const)('real snapshot %s', (which) => {
  it('has the numbers etcdutl and etcdctl print', async () => {
    const proof = await prove(paths[which]);
    const newer = JSON.parse(fixture(`etcdutl-3.6-snapshot-status.${REAL[which]}.out`).toString());
    const older = JSON.parse(fixture(`etcdctl-snapshot-status.${REAL[which]}.out`).toString().split('\n')[0] ?? '');
    expect(Number.parseInt(proof.hash ?? '', 16)).toBe(newer.hash);
    expect(proof).toMatchObject({
      revision: newer.revision,
      keys: newer.totalKey,
      totalKeys: older.totalKey,
      totalSize: newer.totalSize,
      storageVersion: newer.version,
      clusterVersion: '3.6.0',
      etcdVersion: '3.6.0',
      term: 2,
      format: which === 's2' ? 'zip' : 'etcd-snapshot',
      inner: which === 's2' ? 'etcd-snapshot' : null,
      sha256: { ok: true },
      takenAtFrom: 'name',
      k3sVersion: 'v1.35.0+k3s1',
    });
    expect(proof.members.map((one) => one.id)).toEqual(['24308fb88dd84fe7', '252902638f78db76', 'dce92fdd5f0e990b']);
    const sums = fixture('SHA256SUMS').toString().split('\n');
    expect(sums).toContain(`${proof.fileSha256}  ${REAL[which]}`);
  });

  it('opens with its token and shows whose it is', async () => {
    const proof = await prove(paths[which], {
      tokens: [
        { name: 'other', token: new Secret('another-token') },
        { name: 'short', token },
        { name: 'full', token: new Secret(`K10${CA}::server:blackstart-lab-token-1\n`) },
      ],
      expectedCaHashes: [CA],
      expectedNodes: ['node-1', 'node-2', 'node-3', 'node-4'],
    });
    expect(proof.verdict).toBe('restorable');
    expect(proof.problems).toEqual([]);
    expect(proof.token).toMatchObject({ checked: true, opens: true, expectedHash: '90a69bb34d8c', candidate: 'short' });
    expect(proof.token.tried.map((one) => one.opens)).toEqual([false, true, true]);
    expect(proof).toMatchObject({
      caHash: CA,
      caHashFrom: 'bootstrap',
      secretsEncryption: false,
      identity: { verdict: 'this-cluster' },
    });
    expect(proof.caExpiry).toBe('2036-11-19T10:11:36.000Z');
    expect(proof.nodes.map((node) => `${node.name} ${node.kubeletVersion}`)).toEqual(
      [1, 2, 3, 4].map((n) => `node-${n} v1.35.0+k3s1`),
    );
    expect(JSON.stringify(proof)).not.toContain('blackstart-lab-token-1');
    expect(JSON.stringify(proof)).not.toContain('PRIVATE KEY');
  });

  it('has exactly the objects the API listed', async () => {
    const plain = which === 's2' ? join(directory, 's2-plain') : paths[which];
    if (which === 's2') expect(await unzipSnapshot(paths.s2, plain, undefined)).toBeUndefined();
    const found = (await liveObjects(plain))
      .filter((one) => one.kind !== 'events')
      .map((one) => `${one.kind} ${one.namespace}/${one.name}`);
    const listed = fixture(`${which}.objects.txt`).toString().trim().split('\n');
    expect(found.sort()).toEqual(listed.sort());
  });
});

describe('what speaks against a real snapshot', () => {
  it('a wrong token, with the hash of the right one', async () => {
    const proof = await prove(paths.s1, { tokens: [{ name: 'inventory', token: new Secret('wrong') }] });
    expect(proof.verdict).toBe('not-restorable');
    expect(proof.problems[0]).toMatchObject({ id: 'token-wrong' });
    expect(proof.problems[0]?.remedy).toContain('90a69bb34d8c');
  });

  it('no token, as a warning; the CA is known all the same', async () => {
    const proof = await prove(paths.s1);
    expect(proof).toMatchObject({ verdict: 'restorable-with-warnings', caHash: CA, caHashFrom: 'kube-root-ca' });
    expect(proof.problems.map((one) => one.id)).toEqual(['token-not-checked']);
  });

  it('another cluster, by CA or by UID', async () => {
    for (const expected of [{ expectedCaHashes: ['0'.repeat(64)] }, { expectedClusterUid: 'another' }]) {
      const proof = await prove(paths.s1, { tokens: [{ name: 't', token }], ...expected });
      expect(proof).toMatchObject({ ok: false, identity: { verdict: 'another-cluster' } });
    }
  });

  const UID = '19403b90';
  const other = '00000000-0000-0000-0000-000000000000';
  it.each([
    // The cluster was made anew under its name: what its hosts have counts.
    [
      'made anew',
      { expectedCaHashes: [CA], past: { clusterUid: other, caHashes: ['1'.repeat(64)] } },
      'this-cluster',
      [],
    ],
    // All hosts are new: nobody but the past can say, and it can only say yes.
    ['only the past differs', { past: { clusterUid: other, caHashes: [] } }, 'cannot-tell', ['identity-unknown']],
    ['only the past has its CA', { past: { caHashes: [CA] } }, 'this-cluster', []],
    // Installed anew on the hosts, to be filled from the backup of the cluster that was there.
    [
      'hosts have another CA, the past its own',
      { expectedCaHashes: ['0'.repeat(64)], past: { caHashes: [CA] } },
      'this-cluster',
      ['ca-rotated'],
    ],
    [
      'hosts have another CA, and the past knows another cluster',
      { expectedCaHashes: ['0'.repeat(64)], past: { clusterUid: other, caHashes: [] } },
      'another-cluster',
      ['another-cluster'],
    ],
  ] as const)('whose it is: %s', async (_, expected, verdict, problems) => {
    const proof = await prove(paths.s1, { tokens: [{ name: 't', token }], expectedNodes: ['node-1'], ...expected });
    expect(proof.identity.verdict).toBe(verdict);
    expect(proof.problems.map((one) => one.id)).toEqual(problems);
    expect(proof.clusterUid).toContain(UID);
  });

  it('an older K3s, and names nobody knows', async () => {
    const proof = await prove(paths.s1, {
      tokens: [{ name: 't', token }],
      installedK3s: 'v1.32.1+k3s1',
      expectedNodes: ['a', 'b'],
    });
    expect(proof.problems.map((one) => one.id)).toEqual(['k3s-older', 'nodes-unknown']);
    expect(proof.identity.verdict).toBe('cannot-tell');
  });

  it('a live database without trailer: refused as a snapshot, read as a survivor', async () => {
    const path = put(directory, 'db', imageOf(realSnapshot('s1')));
    expect(await prove(path)).toMatchObject({
      ok: false,
      format: 'etcd-db',
      revision: 1499,
      problems: [{ id: 'no-trailer' }, { id: 'token-not-checked' }],
    });
    expect(await prove(path, { as: 'survivor', tokens: [{ name: 't', token }] })).toMatchObject({
      ok: true,
      keys: 735,
      takenAtFrom: 'content',
    });
  });
});

describe('the difference of two real snapshots', () => {
  it('is that of their object lists', async () => {
    const list = (which: 's1' | 's3'): Set<string> =>
      new Set(fixture(`${which}.objects.txt`).toString().trim().split('\n'));
    const [before, after] = [list('s1'), list('s3')];
    const text = (one: { kind: string; namespace: string; name: string }): string =>
      `${one.kind} ${one.namespace}/${one.name}`;
    const diff = await diffSnapshots(paths.s1, paths.s3);
    const wanted = (from: Set<string>, to: Set<string>): string[] =>
      [...to].filter((one) => !from.has(one) && !one.startsWith('leases.')).sort();
    expect(diff.created.map(text).sort()).toEqual(wanted(before, after));
    expect(diff.deleted.map(text).sort()).toEqual(wanted(after, before));
    expect(diff.changed.length).toBeGreaterThan(0);
    expect(diff.folded.leases).toBeGreaterThan(0);
    expect(await diffSnapshots(paths.s1, paths.s1)).toMatchObject({
      created: [],
      changed: [],
      deleted: [],
      folded: { events: 0, leases: 0 },
    });
  });

  it('is refused for a file that is not whole', async () => {
    const path = put(directory, 'cut', realSnapshot('s1').subarray(0, 100_000));
    await expect(diffSnapshots(paths.s1, path)).rejects.toMatchObject({ problem: { id: 'not-comparable' } });
  });
});
