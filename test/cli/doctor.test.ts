import { describe, expect, test } from 'vitest';
import { type DoctorSeen, doctorRows } from '../../src/cli/doctor-checks.js';
import { lookedAtState } from '../../src/cli/looked-at.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { parseInventory } from '../../src/inventory/load.js';
import { serverFacts as host } from '../support/host-facts.js';

const inventory = parseInventory(
  'cluster: prod\nservers: [{name: a, address: a}, {name: b, address: b}, {name: c, address: c}]\nagents: [{name: w, address: w}]\nbucket: {endpoint: "https://s3", bucket: bbb}\npassphrase: prompt\ncontacts: [{name: Kim, how: phone}]\n',
  '/x/cluster.yaml',
  '/root',
);
const NOW = 1_795_000_000_000;
const HOUR = 3_600_000;
const backups = Array.from({ length: 8 }, (_, index) => ({
  id: `snapshot-daily-${index}`,
  name: `snapshot-daily-${index}`,
  kind: 'daily',
  takenAt: NOW - (index * 24 + 3) * HOUR,
  size: 1e6,
  encrypted: true,
  unfinished: false,
}));

function seen(more: Partial<DoctorSeen> = {}, facts: Readonly<Record<string, HostFacts>> = {}): DoctorSeen {
  const all = { a: host, b: host, c: host, w: host, ...facts };
  return {
    now: NOW,
    inventory,
    inventoryMode: 0o100600,
    state: lookedAtState(inventory, all, {}),
    sudoRefuses: [],
    backups: { value: backups } as unknown as DoctorSeen['backups'],
    passphrase: { value: 'read' },
    token: { value: { hash: '90a69bb34d8c' } },
    proofs: [
      {
        cluster: 'prod',
        id: 'snapshot-daily-0',
        size: 1,
        tokenHash: null,
        caHash: null,
        clusterUid: null,
        own: true,
        provenAt: NOW - HOUR,
      },
    ],
    place: { directory: '/state', free: 50e9 },
    unfinished: undefined,
    maintenance: [],
    ...more,
  };
}

describe('what must be in place before an incident', () => {
  test('where all is well every row is ok', () => {
    for (const row of doctorRows(seen())) expect(row.result, `${row.id}: ${row.seen}`).toBe('ok');
  });

  test.each<[string, DoctorSeen, string, 'warn' | 'bad', RegExp]>([
    ['others may write the inventory', seen({ inventoryMode: 0o100666 }), 'inventory', 'warn', /chmod go-w/],
    ['no room for the spool', seen({ place: { directory: '/s', free: 1e6 } }), 'state', 'bad', /room/],
    [
      'records go elsewhere',
      seen({ place: { directory: '/tmp/x', free: 9e9, instead: '/s cannot be written' } }),
      'state',
      'bad',
      /writable/,
    ],
    ['a run is open', seen({ unfinished: 'r1' }), 'runs', 'warn', /blackstart/],
    [
      'a host is silent',
      seen({}, { b: { reachable: false, problem: { id: 'x', what: 'no route', next: 'look' } } }),
      'host:b',
      'bad',
      /look/,
    ],
    ['a server has no room for a reset', seen({}, { c: { ...host, diskFree: 1e8 } }), 'host:c', 'bad', /room/],
    ['K3s is missing', seen({}, { w: { reachable: true } }), 'host:w', 'bad', /./],
    ['a program is missing', seen({}, { a: { ...host, lacks: ['curl'] } }), 'host:a', 'bad', /Install curl/],
    ['sudo refuses', seen({ sudoRefuses: ['sudo on a would not run tar.'] }), 'sudo', 'bad', /sudoers/],
    ['clocks are apart', seen({}, { b: { ...host, clockOffsetMs: 9_000 } }), 'clocks', 'warn', /chrony/],
    [
      'the storage is silent',
      seen({ backups: { problem: 'no route', next: 'look at it' } }),
      'storage',
      'bad',
      /look at it/,
    ],
    ['no backup since yesterday', seen({ now: NOW + 48 * HOUR }), 'storage', 'warn', /backups/],
    ['no passphrase', seen({ passphrase: undefined }), 'passphrase', 'bad', /passphrase/],
    ['the passphrase is asked for', seen({ passphrase: { value: 'prompt' } }), 'passphrase', 'warn', /on call/],
    ['no token off the cluster', seen({ token: undefined }), 'token', 'warn', /off the cluster/],
    ['another token', seen({ token: { value: { hash: 'ffffffffffff' } } }), 'token', 'bad', /old one for older/],
    ['nothing proven', seen({ proofs: [] }), 'proof', 'warn', /verify --latest/],
    ['nobody to call', seen({ inventory: { ...inventory, contacts: [] } }), 'contacts', 'warn', /contacts/],
  ])('%s', (_what, one, id, result, remedy) => {
    const row = doctorRows(one).find((each) => each.id === id);
    expect(row).toMatchObject({ result });
    expect(row?.remedy).toMatch(remedy);
  });
});
