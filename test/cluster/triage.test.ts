import { describe, expect, test } from 'vitest';
import { against, loses } from '../../src/cluster/fits.js';
import { triage } from '../../src/cluster/triage.js';
import type { Cluster } from '../../src/incident/cluster.js';
import type { HostFacts, ServiceFacts } from '../../src/incident/facts.js';

/** Whatever is seen of the hosts, one state and one recommendation follow. */

const cluster: Cluster = {
  name: 'prod',
  drill: false,
  contacts: [],
  hosts: ['m-1', 'm-2', 'm-3'].map((name) => ({
    name,
    role: 'server',
    address: '192.0.2.1',
    nodeName: name,
    dataDir: '/var/lib/rancher/k3s',
    service: 'k3s',
  })),
};

const MEMBERS = ['m-1', 'm-2', 'm-3'].map((name, index) => ({
  id: String(100 + index),
  name: `${name}-0011aabb`,
  peer: `https://192.0.2.${index}:2380`,
  learner: false,
}));

function service(active: string, more: { loop?: boolean; version?: string } = {}): ServiceFacts {
  return {
    path: '/usr/local/bin/k3s',
    version: more.version ?? 'v1.35.0+k3s1',
    unit: {
      load: 'loaded',
      active,
      sub: 'running',
      enabled: 'enabled',
      restarts: more.loop === true ? 14 : 0,
      crashLoop: more.loop === true,
      activeSince: 0,
    },
    args: [],
    clusterInit: false,
    etcdS3: false,
    clusterReset: false,
    configFiles: [],
    problems: [],
  };
}

const data = (more: Partial<NonNullable<HostFacts['data']>> = {}): NonNullable<HostFacts['data']> => ({
  datastore: 'etcd',
  resetFlag: false,
  tombstone: false,
  mountPoint: false,
  aside: [],
  ...more,
});
const sound = { intact: true, revision: 91_204, index: 100_000, term: 7 };

const well = (members = MEMBERS): HostFacts => ({
  reachable: true,
  service: service('active'),
  data: data(),
  etcd: { healthy: true, reason: '' },
  members,
  apiReady: true,
});
const gone: HostFacts = { reachable: false, problem: { id: 'host-unreachable', what: 'no route', next: '' } };
const alone: HostFacts = {
  reachable: true,
  service: service('activating'),
  data: data(),
  etcd: { healthy: false, reason: 'RAFT NO LEADER', revision: 91_204, index: 1 },
};
const stopped: HostFacts = { reachable: true, service: service('inactive'), data: data({ content: sound }) };
const looping: HostFacts = {
  reachable: true,
  service: service('activating', { loop: true }),
  data: data({ content: { ...sound, intact: false, problem: 'page 31 is damaged' } }),
  lastFatal: 'unexpected fault address',
};
const none: HostFacts = { reachable: true, service: service('inactive'), data: data({ datastore: 'none' }) };

const see = (...hosts: HostFacts[]) =>
  triage(cluster, Object.fromEntries(hosts.map((facts, index) => [`m-${index + 1}`, facts])));

describe('the state and what fits', () => {
  test.each([
    ['everything is well', [well(), well(), well()], 'healthy', undefined],
    ['one server is dead', [well(), well(), gone], 'degraded', 'single-node'],
    ['one server dies over and over', [well(), looping, well()], 'degraded', 'single-node'],
    ['one runs without a leader, the others are gone', [gone, alone, gone], 'quorum-lost', 'quorum-loss'],
    ['one is stopped with sound data, the others are gone', [stopped, gone, gone], 'quorum-lost', 'quorum-loss'],
    ['one sound, one damaged, one gone', [gone, stopped, looping], 'quorum-lost', 'quorum-loss'],
    [
      'a majority is only stopped, and one is not read yet',
      [stopped, { ...stopped, data: data() }, gone],
      'stopped',
      'start',
    ],
    [
      'a majority is stopped, one of them damaged',
      [
        stopped,
        { ...stopped, data: data({ content: { ...sound, intact: false, problem: 'page 31 is damaged' } }) },
        gone,
      ],
      'quorum-lost',
      'quorum-loss',
    ],
    ['a majority is only stopped', [stopped, stopped, gone], 'stopped', 'start'],
    ['every database is damaged', [looping, looping, looping], 'data-damaged', 'full-restore'],
    ['no data anywhere', [none, none, gone], 'total-loss', 'full-restore'],
    ['nothing answers', [gone, gone, gone], 'unreachable', undefined],
    [
      'we are kept out of two',
      [
        alone,
        { reachable: false, problem: { id: 'host-key-unknown', what: 'key unknown', next: '' } },
        { reachable: false, problem: { id: 'login-refused', what: 'refused', next: '' } },
      ],
      'unreachable',
      undefined,
    ],
    [
      'a reset that nobody started',
      [{ ...none, data: data({ resetFlag: true }) }, looping, looping],
      'half-restored',
      undefined,
    ],
    ['SQLite', [{ ...none, data: data({ datastore: 'sqlite' }) }, gone, gone], 'not-etcd', undefined],
    [
      'the database is full',
      [well(), { ...well(), etcd: { healthy: false, reason: 'ALARM NOSPACE' } }, well()],
      'no-space',
      undefined,
    ],
    [
      'a restored server beside the old cluster (R23)',
      [
        well([{ id: '7', name: 'm-1-ffff0000', peer: '', learner: false }]),
        well(MEMBERS.slice(1)),
        well(MEMBERS.slice(1)),
      ],
      'split',
      'single-node',
    ],
  ] as const)('%s', (_what, hosts, state, recommends) => {
    const found = see(...hosts);
    expect(found.state).toBe(state);
    expect(found.recommends).toBe(recommends);
    expect(found.evidence.length).toBeGreaterThan(0);
    // Where no scenario is needed there is something else to do.
    if (recommends === undefined && !['healthy', 'not-etcd'].includes(state)) expect(found.advice).toBeDefined();
    if (recommends !== undefined) expect(against(found.state, recommends)).toBeUndefined();
  });

  test('a quorum that only its own side sees is one: nobody is advised to reset', () => {
    const found = see(well(), gone, gone);
    expect(found).toMatchObject({ state: 'degraded', advice: expect.stringContaining('20 seconds') });
    expect(found.recommends).toBeUndefined();
  });

  test('before every server was looked at nothing is said', () => {
    expect(triage(cluster, { 'm-1': gone })).toMatchObject({
      state: 'looking',
      evidence: ['1 of 3 servers have been looked at'],
    });
  });

  test('members that are being added do not make two clusters', () => {
    const fewer = MEMBERS.slice(0, 2);
    expect(see(well(), well(fewer), well()).state).toBe('healthy');
  });
});

describe('what is said', () => {
  test('why a server loops, in K3s’ own words, and what nobody knows', () => {
    const found = see(well(), looping, gone);
    expect(found.evidence.join('\n')).toContain('on m-2: unexpected fault address');
    expect(found.unknown).toEqual(['what m-3 has, and whether it is off: no route']);
  });

  test('mixed versions, members without a server, ports that do not connect', () => {
    const odd = [{ id: '9', name: 'm-9-0011aabb', peer: '', learner: false }, ...MEMBERS];
    const found = see(
      well(odd),
      { ...well(odd), service: service('active', { version: 'v1.34.2+k3s1' }), cannotReach: ['m-3:2380'] },
      well(odd),
    ).evidence.join('\n');
    expect(found).toContain('K3s differs between the servers: v1.35.0+k3s1, v1.34.2+k3s1');
    expect(found).toContain('members that the inventory does not know: m-9-0011aabb');
    expect(found).toContain('m-2 cannot connect to m-3:2380');
    expect(found).toContain('4 voters tolerate no more than 3 would');
  });

  test('what is wrong with the machines themselves', () => {
    const now = Date.parse('2026-11-22T03:14:00Z');
    const ill = { ...well(), certExpires: now / 1000 + 5 * 86_400, clockOffsetMs: -12_500, diskFree: 200_000_000 };
    const seen = triage(
      cluster,
      { 'm-1': ill, 'm-2': { ...well(), certExpires: now / 1000 - 60 }, 'm-3': well() },
      now,
    );
    expect(seen.evidence.join('\n')).toContain('certificate of m-1 expires in 5 days');
    expect(seen.evidence.join('\n')).toContain('certificate of m-2 has expired');
    expect(seen.evidence.join('\n')).toContain('the clock of m-1 is -12.5 s off');
    expect(seen.evidence.join('\n')).toContain('m-1 has 200 MB of disk left');
  });

  test('a cause that can be put right is named with its remedy, a Node that is refused is a failure', () => {
    const newer = '/var/lib/rancher/k3s/server/cred/passwd newer than datastore and could cause a cluster outage.';
    const seen = see(well(), { ...looping, lastFatal: newer }, well());
    expect(seen.evidence.join('\n')).toMatch(/m-2: \/var\/lib\S+passwd is newer .* Remedy: move it aside and start/);
    const refused = see(well(), well(), { ...well(), lastFatal: 'Node password rejected, duplicate hostname' });
    expect(refused).toMatchObject({ state: 'degraded', recommends: 'single-node' });
    expect(refused.evidence.join('\n')).toContain('m-3: the cluster keeps another password for its Node');
  });

  test('what a restore would lose, in time', () => {
    const now = Date.parse('2026-11-22T03:14:00Z');
    expect(loses('full-restore', Date.parse('2026-11-22T02:00:00Z'), now)).toBe(
      '74 min of writes: the newest backup is of 2026-11-22 02:00Z',
    );
    expect(loses('quorum-loss', undefined, now)).toBeUndefined();
  });
});
