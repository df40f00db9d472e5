import { describe, expect, test } from 'vitest';
import { triage } from '../../src/cluster/triage.js';
import type { Cluster } from '../../src/incident/cluster.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { k3sService, serverFacts } from '../support/host-facts.js';

/** Clusters that are odd in themselves: each is said in a clear word, in whatever state the cluster is. */

const host = (name: string, role: 'server' | 'agent', number: number): Cluster['hosts'][number] => ({
  name,
  role,
  address: `192.0.2.${number}`,
  nodeName: name,
  dataDir: '/var/lib/rancher/k3s',
  service: role === 'server' ? 'k3s' : 'k3s-agent',
});

const clusterOf = (servers: number): Cluster => ({
  name: 'prod',
  drill: false,
  contacts: [],
  hosts: [
    ...Array.from({ length: servers }, (_, index) => host(`m-${index + 1}`, 'server', index + 1)),
    host('w-1', 'agent', 21),
  ],
});

const member = (node: string, id = node): NonNullable<HostFacts['members']>[number] => ({
  id,
  name: `${node}-0011aabb`,
  peer: '',
  learner: false,
});
const THREE = ['m-1', 'm-2', 'm-3'].map((name) => member(name));
const well = (members = THREE, more: Partial<HostFacts> = {}): HostFacts => ({
  ...serverFacts,
  etcd: { healthy: true, reason: '' },
  members,
  ...more,
});
const dead: HostFacts = { reachable: false, problem: { id: 'host-unreachable', what: 'no route', next: '' } };
const external: HostFacts = {
  ...serverFacts,
  data: { datastore: 'external', resetFlag: false, tombstone: false, mountPoint: false, aside: [] },
};
const agent = (url: string): HostFacts => ({
  reachable: true,
  service: { ...k3sService, serverUrl: { url, from: 'config' } },
});

const said = (servers: readonly HostFacts[], more: Record<string, HostFacts> = {}): string =>
  triage(clusterOf(servers.length), {
    ...Object.fromEntries(servers.map((facts, index) => [`m-${index + 1}`, facts])),
    ...more,
  }).evidence.join('\n');

describe('a clear word for', () => {
  test.each([
    [
      'a member that the inventory does not know',
      () => said([well([...THREE, member('m-9')]), well([...THREE, member('m-9')]), well([...THREE, member('m-9')])]),
      'members that the inventory does not know: m-9-0011aabb. Add their servers, or take them out',
    ],
    [
      'a server of the inventory that is no member',
      () => said([well(THREE.slice(0, 2)), well(THREE.slice(0, 2)), { ...serverFacts }]),
      'servers of the inventory that are no member of the cluster: m-3',
    ],
    [
      'a server that would join itself',
      () =>
        said([
          well(THREE, { service: { ...k3sService, serverUrl: { url: 'https://192.0.2.1:6443', from: 'config' } } }),
          well(),
          well(),
        ]),
      'm-1 names itself as the server it joins',
    ],
    [
      'a server that would join one that is gone',
      () =>
        said([
          well(),
          well(THREE, { service: { ...k3sService, serverUrl: { url: 'https://192.0.2.99:6443', from: 'config' } } }),
          well(),
        ]),
      'm-2 names https://192.0.2.99:6443 as the server it joins, which is no server of the inventory',
    ],
    [
      'two members with one name',
      () => {
        const twice = [...THREE, { ...member('m-3', 'other'), name: 'm-3-ffff0000' }];
        return said([well(twice), well(twice), dead]);
      },
      'two members carry the name m-3: one is of an earlier life',
    ],
    [
      'mixed versions',
      () => said([well(), well(THREE, { service: { ...k3sService, version: 'v1.34.2+k3s1' } }), dead]),
      'K3s differs between the servers: v1.35.0+k3s1, v1.34.2+k3s1',
    ],
    [
      'an external datastore',
      () => said([external, external, external]),
      'uses an external datastore: an etcd restore does not apply',
    ],
    [
      'an even number of servers, with one of them dead too',
      () => {
        const four = [...THREE, member('m-4')];
        return said([well(four), well(four), well(four), dead]);
      },
      '4 voters tolerate no more than 3 would: add or remove one',
    ],
    [
      'a dead server that is the only one an agent names',
      () => said([well(), well(), dead], { 'w-1': agent('https://192.0.2.3:6443') }),
      'w-1 name m-3 as their only server: until it is back they must not be restarted',
    ],
    [
      'a data directory that the inventory does not know',
      () => said([well(THREE, { service: { ...k3sService, dataDir: '/data/k3s' } }), well(), well()]),
      'm-1 keeps its data in /data/k3s, the inventory says /var/lib/rancher/k3s',
    ],
  ])('%s', (_what, evidence, words) => {
    expect(evidence()).toContain(words);
  });

  test('none of them, where nothing is odd', () => {
    expect(said([well(), well(), well()], { 'w-1': agent('https://192.0.2.1:6443') }).split('\n')).toEqual([
      '3 of 3 servers answer over SSH',
      '3 of 3 have a healthy etcd, 2 are needed',
    ]);
  });
});
