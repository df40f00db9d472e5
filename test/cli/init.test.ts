import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inventoryText, shortName } from '../../src/cli/init/draft.js';
import { nodesOf, readKubeconfig } from '../../src/cli/init/kubeconfig.js';
import { bucketFromRclone } from '../../src/cli/init/rclone.js';
import { parseInventory } from '../../src/inventory/load.js';

describe('a name that can be typed at a gate', () => {
  test.each([
    ['cp1.example.org', 'cp1'],
    ['k3s-production-frankfurt-master-01', 'master-01'],
    ['10.0.1.11', '10.0.1.11'],
    ['Node_A', 'node_a'],
    ['', 'host'],
  ])('%s', (from, to) => {
    expect(shortName(from)).toBe(to);
  });

  test('always fits, and is never given twice', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 30 }), (all) => {
        const taken = new Set<string>();
        for (const one of all) {
          const name = shortName(one, taken);
          expect(name).toMatch(/^[a-z0-9._-]{1,16}$/);
          expect(taken.has(name)).toBe(false);
          taken.add(name);
        }
      }),
    );
  });
});

test('what is written can be read again', () => {
  const text = inventoryText({
    cluster: 'prod',
    api: 'https://k3s.example.org:6443',
    servers: [{ name: 'cp1', address: '192.0.2.11', nodeName: 'cp1.example.org' }],
    agents: [{ name: 'w1', address: 'w1' }],
    user: 'ops',
    bucket: { endpoint: 'https://s3.example.org', bucket: 'k3s-backups', prefix: 'etcd/' },
  });
  const read = parseInventory(text, '/etc/cluster.yaml', '/root');
  expect(read).toMatchObject({ cluster: 'prod', api: 'https://k3s.example.org:6443' });
  expect(read.servers[0]).toMatchObject({
    name: 'cp1',
    address: '192.0.2.11',
    user: 'ops',
    nodeName: 'cp1.example.org',
  });
  expect(read.bucket).toMatchObject({ bucket: 'k3s-backups', prefix: 'etcd/', credentials: { kind: 'ambient' } });
});

describe('rclone’s configuration', () => {
  const config =
    '[a.b]\ntype = s3\naccess_key_id = AK\nsecret_access_key = hunter2\nendpoint = minio:9000\n[drive]\ntype = drive\n';
  const read = (spec: string) => bucketFromRclone(config, spec, '/home/x/rclone.conf');
  test('a bucket with the place of its keys, never the keys', () => {
    const bucket = read('a.b:k3s-backups/k3s-etcd-backups');
    expect(bucket).toMatchObject({
      endpoint: 'https://minio:9000',
      bucket: 'k3s-backups',
      prefix: 'k3s-etcd-backups/',
    });
    expect(JSON.stringify(bucket)).not.toMatch(/hunter2/);
    expect(JSON.stringify(bucket)).toContain('/^secret_access_key *= *//p');
  });
  test.each([
    ['nowhere:b', /no remote nowhere/],
    ['drive:b', /type drive/],
    ['a.b:', /Name the bucket/],
    ["a'; rm -rf /:b", /cannot be the name/],
  ])('%s says why not', (spec, why) => {
    expect(read(spec)).toMatch(why);
  });
});

describe('a kubeconfig', () => {
  const text = JSON.stringify({
    'current-context': 'two',
    contexts: [
      { name: 'one', context: { cluster: 'a', user: 'u' } },
      { name: 'two', context: { cluster: 'b', user: 'u' } },
    ],
    clusters: [
      { name: 'a', cluster: { server: 'https://a' } },
      { name: 'b', cluster: { server: 'https://b:6443/', 'certificate-authority-data': 'Q0E=' } },
    ],
    users: [{ name: 'u', user: { token: 't' } }],
  });
  test('the cluster of the context that is in use', () => {
    const { cluster, access } = readKubeconfig(text, '/kc');
    expect(cluster).toBe('b');
    expect(access).toMatchObject({ server: 'https://b:6443', token: 't' });
    expect(access.ca?.toString()).toBe('CA');
  });
  test('what is none says so', () => {
    expect(() => readKubeconfig('a: 1', '/kc')).toThrow('/kc is no kubeconfig.');
  });
  test('servers and agents of its nodes', () => {
    const node = (name: string, address: string, ...roles: string[]) => ({
      metadata: { name, labels: Object.fromEntries(roles.map((role) => [`node-role.kubernetes.io/${role}`, 'true'])) },
      status: { addresses: [{ type: 'InternalIP', address }] },
    });
    expect(
      nodesOf({ items: [node('cp1.x.org', '10.0.0.1', 'control-plane', 'etcd'), node('w1', '10.0.0.2')] }),
    ).toEqual({
      servers: [{ name: 'cp1', address: '10.0.0.1', nodeName: 'cp1.x.org' }],
      agents: [{ name: 'w1', address: '10.0.0.2', nodeName: 'w1' }],
    });
    expect(nodesOf({})).toEqual({ servers: [], agents: [] });
  });
});
