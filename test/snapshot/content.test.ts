import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { diffSnapshots, prove } from '../../src/snapshot/index.js';
import { kubeObject, message, revisions, writeSnapshot } from '../support/bolt-writer.js';
import { put, scratch } from '../support/snapshots.js';

const directory = scratch();
const hasEtcdctl = spawnSync('etcdctl', ['version']).status === 0;

describe('what will act when it wakes', () => {
  it('is read from the objects: what is suspended, retained or fails open is left out', async () => {
    const cron = (suspend: number): Buffer =>
      kubeObject([1, message([1, 'n'])], [2, message([1, '0 2 * * *'], [4, suspend])]);
    const volume = (policy: string): Buffer => kubeObject([2, message([5, policy], [6, 'local-path'])]);
    const hook = (policy: string): Buffer =>
      kubeObject([1, message([1, 'h'])], [2, message([1, 'check.example.org'], [4, policy])]);
    const json = (spec: object): string => JSON.stringify({ apiVersion: 'x/v1', metadata: { name: 'n' }, spec });
    const path = put(
      directory,
      'wakes',
      writeSnapshot(
        revisions([
          ['/registry/cronjobs/shop/report', cron(0)],
          ['/registry/cronjobs/shop/asleep', cron(1)],
          ['/registry/cronjobs/shop/gone', cron(0)],
          ['/registry/cronjobs/shop/gone', null],
          ['/registry/horizontalpodautoscalers/shop/web', kubeObject([1, message([1, 'web'])])],
          ['/registry/persistentvolumes/keep', volume('Retain')],
          ['/registry/persistentvolumes/lose', volume('Delete')],
          ['/registry/validatingwebhookconfigurations/closed', hook('Fail')],
          ['/registry/mutatingwebhookconfigurations/open', hook('Ignore')],
          ['/registry/argoproj.io/applications/argocd/site', json({})],
          ['/registry/kustomize.toolkit.fluxcd.io/kustomizations/flux/apps', json({ suspend: true })],
          ['/registry/kustomize.toolkit.fluxcd.io/kustomizations/flux/infra', json({})],
          ['/registry/upgrade.cattle.io/plans/system-upgrade/server', json({ version: 'v1.36.0+k3s1' })],
          ['/registry/deployments/dns/external-dns', kubeObject()],
          ['/registry/deployments/dns/other', kubeObject()],
        ]),
      ),
    );
    const proof = await prove(path);
    expect(proof.wakes.map((one) => `${one.cause} ${one.namespace}/${one.name}`).sort()).toEqual([
      'autoscaler shop/web',
      'cronjob shop/report',
      'external-dns dns/external-dns',
      'gitops argocd/site',
      'gitops flux/infra',
      'reclaim-delete /lose',
      'upgrade-plan system-upgrade/server',
      'webhook-fails-closed /closed',
    ]);
    expect(proof.wakeCounts).toMatchObject({ gitops: 2, cronjob: 1 });
    expect(proof.wakes.find((one) => one.cause === 'cronjob')?.detail).toContain('0 2 * * *');
    expect(proof.problems.map((one) => one.id)).toEqual(['no-bootstrap']);
  });
});

describe('hostile content', () => {
  it('cannot move the cursor through names, nor pass for a number', async () => {
    const evil = '\u001b]0;owned\u0007\u202e';
    const path = put(
      directory,
      'evil',
      writeSnapshot(
        revisions([
          [`/registry/minions/${evil}node`, kubeObject([3, message([7, message([7, `v1${evil}`])])])],
          [`/bootstrap/${evil}`, 'x'],
          [`/registry/${evil}/a/b/c/d/e`, 'x'],
          ['/registry/leases/a/b', Buffer.from('k8s\0\xff\xff\xff\xff\xff', 'latin1')],
          ['/registry/cronjobs/a/b', Buffer.from([0x6b, 0x38, 0x73, 0, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])],
        ]),
        {
          members: [{ key: Buffer.from(evil), value: Buffer.from(`{"name":"${'x'.repeat(900)}"}`) }],
          meta: [{ key: Buffer.from('consistent_index'), value: Buffer.alloc(8, 0xff) }],
        },
      ),
    );
    const proof = await prove(path);
    expect(JSON.stringify(proof)).not.toMatch(/\\u001b|\\u0007|\u202e/);
    expect(proof.consistentIndex).toBe('18446744073709551615');
    expect(proof.nodes).toEqual([{ name: 'node', kubeletVersion: 'v1', args: null }]);
  });
});

describe('snapshots of many keys', () => {
  const COUNT = 20_000;
  const name = (i: number): string => `/registry/configmaps/ns-${i % 50}/object-${String(i).padStart(6, '0')}`;
  const writes = (from: number, to: number, text: string): [string, string][] =>
    Array.from({ length: to - from }, (_, i) => [name(from + i), `${text} ${'v'.repeat(i % 300)}`]);

  it('of several levels of pages are walked, counted and compared', async () => {
    const a = put(directory, 'many-a', writeSnapshot(revisions(writes(0, COUNT, 'one'))));
    const b = put(
      directory,
      'many-b',
      writeSnapshot(
        revisions([
          ...writes(0, COUNT, 'one'),
          [name(5), 'changed'],
          [name(6), null],
          [name(7), null],
          [name(7), 'back'],
          ...writes(COUNT, COUNT + 3, 'new'),
        ]),
      ),
    );
    const [one, two] = [await prove(a), await prove(b)];
    expect(one).toMatchObject({ keys: COUNT, revision: COUNT + 1, sha256: { ok: true } });
    expect(two.keys).toBe(COUNT - 1 + 3);
    expect(Object.keys(two.objectsByNamespace)).toHaveLength(50);
    const diff = await diffSnapshots(a, b);
    expect([diff.created.length, diff.changed.map((each) => each.name), diff.deleted.map((each) => each.name)]).toEqual(
      [3, ['object-000005', 'object-000007'], ['object-000006']],
    );
    expect(await diffSnapshots(a, b, { limit: 1 })).toMatchObject({ unlisted: 3 });
    if (!hasEtcdctl)
      return void process.stderr.write(
        'etcdctl is not installed: its numbers for written snapshots are not compared with\n',
      );
    const status = spawnSync('etcdctl', ['snapshot', 'status', b, '-w', 'json'], {
      env: { ...process.env, ETCDCTL_API: '3' },
      encoding: 'utf8',
    });
    const told = JSON.parse(status.stdout) as { hash: number; revision: number; totalKey: number; totalSize: number };
    expect(told).toMatchObject({
      hash: Number.parseInt(two.hash ?? '', 16),
      revision: two.revision,
      totalKey: two.totalKeys,
      totalSize: two.totalSize,
    });
  });
});
