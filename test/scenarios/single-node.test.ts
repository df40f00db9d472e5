import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { singleNode, suggestWay } from '../../scenarios/single-node.js';
import { causeCheck } from '../../scenarios/steps/repair.js';
import type { HostFacts } from '../../src/incident/facts.js';
import type { StepContext } from '../../src/incident/step.js';
import { ailments } from '../../src/k3s/ailment.js';
import type { FaultName } from '../../src/practice/faults.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig, until } from '../support/rig.js';

let rig: Rig;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => rig.close());

async function begun(faults: readonly FaultName[]): Promise<Rig> {
  rig = await Rig.start({ faults });
  await rig.choose(undefined, 'single-node');
  return rig;
}

const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;

async function voters(node = 'node-1'): Promise<string[]> {
  const said = await out(node, 'curl -s -k https://127.0.0.1:6443/db/info');
  const found = (JSON.parse(said) as { members: { name: string; isLearner?: boolean }[] }).members;
  return found
    .filter((one) => one.isLearner !== true)
    .map((one) => one.name.replace(/-[0-9a-f]{8}$/, ''))
    .sort();
}

async function recovers(): Promise<void> {
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toEqual({ kind: 'none' });
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  // Whatever was wrong, no server is ever reset here.
  expect(rig.practice.sent.some((one) => one.argv.includes('--cluster-reset'))).toBe(false);
  expect(
    rig.practice.sent.filter((one) => one.argv[0] === 'systemctl' && one.argv[1] === 'stop' && one.host !== 'node-3'),
  ).toEqual([]);
}

describe.each([
  ['stopped-member', 'start'],
  ['damaged-member', 'rejoin'],
  ['wiped-member', 'rejoin'],
  ['stale-learner', 'rejoin'],
  ['fresh-host', 'install'],
  ['newer-files', 'start'],
  ['wrong-server', 'rejoin'],
] as const)('%s', (fault, way) => {
  test(`the way is ${way}, and three servers vote again`, async () => {
    await begun([fault]);
    await until(() => rig.runner.state.choices.way === way, 'the way that fits');
    expect(rig.runner.state.choices).toMatchObject({ target: 'node-3', way });
    await recovers();
    expect(await voters()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(cell('tolerance', rig.runner.state.choices.primary ?? '')?.evidence).toEqual([
      '3 voters: tolerates 1 failure',
    ]);
    expect(await out('node-3', 'ls -1 /etc/rancher/k3s/config.yaml.d')).not.toContain('blackstart');
    expect(await out('node-3', 'systemctl is-enabled k3s')).toBe('enabled\n');
    expect(JSON.stringify(rig.practice.sent)).not.toContain(TOKEN);
    expect(JSON.stringify(rig.events)).not.toContain(TOKEN);
  });
});

test('one that is only stopped, but no member any more, joins anew: its data has no place to come back to', async () => {
  await begun(['stopped-member']);
  await until(() => rig.runner.state.choices.way === 'start', 'the way of a member');
  await rig.run('node-1', 'k3s kubectl delete node node-3');
  await until(() => rig.runner.state.choices.way === 'rejoin', 'the way of one that was removed');
  rig.runner.choose('way', 'start');
  expect(() => rig.runner.begin()).toThrow('has no place in the cluster');
  rig.runner.choose('way', 'rejoin');
  await recovers();
  expect(await voters()).toEqual(['node-1', 'node-2', 'node-3']);
});

test('data that was damaged is kept aside, not deleted', async () => {
  await begun(['damaged-member']);
  await recovers();
  expect(await out('node-3', 'ls -1 /var/lib/rancher/k3s/server/db')).toMatch(/^etcd\.pre-rejoin-/m);
});

test('a fresh server is given the settings of its peers, less what is theirs', async () => {
  await begun(['fresh-host']);
  await recovers();
  const config = await out('node-3', 'cat /etc/rancher/k3s/config.yaml');
  expect(config).toContain('node-ip: 10.77.0.13');
  expect(config).toContain('flannel-backend: none');
  expect(config).toMatch(/server: https:\/\/10\.77\.0\.1[12]:6443/);
  expect(config).not.toMatch(/cluster-init/);
  expect(await out('node-3', 'stat -c %a /etc/rancher/k3s/config.yaml')).toBe('600\n');
});

test('a server that names one that was scrapped joins all the same, and its configuration is said to be wrong', async () => {
  await begun(['wrong-server']);
  await recovers();
  expect(cell('member-ready', 'node-3')?.evidence.at(-1)).toMatch(
    /names https:\/\/10\.77\.0\.99:6443, which is no server of the inventory: set server: https:\/\/10\.77\.0\.1[12]:6443 there/,
  );
  expect(await out('node-3', 'cat /etc/rancher/k3s/config.yaml')).toContain('10.77.0.99');
});

describe('a server without power', () => {
  test('gives up its place only after somebody vouches that it is off', async () => {
    await begun(['dead-member']);
    expect(rig.runner.state.choices).toMatchObject({ target: 'node-3', way: 'remove' });
    expect(() => rig.runner.begin()).toThrow(/needs your word that it is off/);
    rig.runner.attest('node-3', 'its disk is in my hand', 'off');
    await recovers();
    expect(await voters()).toEqual(['node-1', 'node-2']);
    expect(cell('tolerance', rig.runner.state.choices.primary ?? '')?.evidence[0]).toBe(
      '2 voters: tolerates no failure',
    );
  });

  test('is taken out behind a gate where its own name is typed', async () => {
    await begun(['dead-member']);
    rig.runner.attest('node-3', 'its disk is in my hand', 'off');
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    const gate = await rig.runner.openGate();
    expect(gate).toMatchObject({ id: 'remove', typed: 'node-3', effect: 'destroy' });
    expect(await rig.runner.confirmGate('node-1')).not.toBe('confirmed');
  });
});

test('without quorum it does not begin', async () => {
  await begun(['lost-quorum']);
  expect(() => rig.runner.begin()).toThrow(/choose Quorum loss or Full restore/);
});

test('a healthy cluster has nothing to repair', async () => {
  await begun(['healthy']);
  expect(() => rig.runner.begin()).toThrow(/nothing to repair/);
});

test('a healthy server is not a target', async () => {
  await begun(['stopped-member']);
  rig.runner.choose('target', 'node-2');
  expect(() => rig.runner.begin()).toThrow(/node-2 is healthy/);
});

describe('a server that can be repaired is not thrown out', () => {
  test('a file that is newer than the datastore is moved aside, not deleted, and it starts', async () => {
    await begun(['newer-files']);
    await until(() => rig.runner.state.choices.way === 'start', 'the words of K3s');
    expect(rig.runner.state.facts['node-3']?.lastFatal).toContain('newer than datastore');
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    const gate = await rig.runner.openGate();
    expect(gate).toMatchObject({ id: 'join' });
    expect(gate.does).toMatch(/^moves \/var\/lib\/rancher\/k3s\/server\/cred\/passwd aside; starts K3s on node-3/);
    rig.runner.cancelGate();
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    expect(cell('remove-member', 'node-1')).toBeUndefined();
    expect(await out('node-3', 'ls -1 /var/lib/rancher/k3s/server/cred')).toMatch(/^passwd\.pre-start-/m);
  });

  test('a Node that is refused: its password is forgotten, its member stays', async () => {
    rig = await Rig.start({ faults: ['rejected-password'] });
    await until(
      () => rig.runner.state.facts['node-3']?.lastFatal?.includes('Node password rejected') === true,
      'the words of K3s',
    );
    await rig.choose(undefined, 'single-node');
    expect(rig.runner.state.choices).toMatchObject({ target: 'node-3', way: 'start' });
    const before = await voters();
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    expect(await rig.runner.openGate()).toMatchObject({ id: 'join', typed: 'node-3' });
    rig.runner.cancelGate();
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    expect(await voters()).toEqual(before);
    expect(rig.practice.sent.some((one) => one.argv.includes('delete') && one.argv.includes('node'))).toBe(false);
  });

  const loop = (active = 'activating') => ({
    path: '/usr/local/bin/k3s',
    version: 'v1.35.0+k3s1',
    unit: {
      load: 'loaded',
      active,
      sub: 'auto-restart',
      enabled: 'enabled',
      restarts: 14,
      crashLoop: active === 'activating',
      activeSince: null,
    },
    args: [],
    clusterInit: false,
    etcdS3: false,
    clusterReset: false,
    configFiles: [],
    problems: [],
  });
  const sound = { datastore: 'etcd', resetFlag: false, tombstone: false, mountPoint: false, aside: [] } as const;
  const damaged = { ...sound, content: { intact: false, revision: 0, index: 0, term: 0 } };
  const PASSWD = '/var/lib/rancher/k3s/server/cred/passwd newer than datastore and could cause a cluster outage.';

  test.each([
    ['it dies and says nothing known', { data: sound }, 'rejoin', undefined, undefined],
    [
      'its disk is full by its own words',
      { data: sound, lastFatal: 'write wal: no space left on device' },
      'start',
      /disk is full/,
      'failed',
    ],
    ['its disk is full', { data: sound, diskFree: 100e6 }, 'start', /about 100 MB free.*free space/, 'failed'],
    [
      'its clock is minutes off',
      { data: sound, clockOffsetMs: -240_000 },
      'start',
      /clock is -240 s off.*chronyc/,
      'failed',
    ],
    ['its clock is a second off', { data: sound, clockOffsetMs: 1500 }, 'rejoin', undefined, undefined],
    ['files are newer', { data: sound, lastFatal: PASSWD }, 'start', /cred\/passwd is newer.*move it aside/, 'yes'],
    [
      'certificates have expired',
      { data: sound, lastFatal: 'x509: certificate has expired or is not yet valid: current time' },
      'start',
      /a start renews/,
      'yes',
    ],
    [
      'its Node is refused',
      { data: sound, lastFatal: 'Node password rejected, duplicate hostname' },
      'start',
      /forget the kept one/,
      'yes',
    ],
    ['its data is damaged, and its disk full too', { data: damaged, diskFree: 0 }, 'rejoin', /disk is full/, 'failed'],
  ] as const)('%s', async (_what, seen, way, words, checked) => {
    rig = await Rig.start({ faults: ['stopped-member'] });
    await rig.choose(undefined, 'single-node');
    const facts: HostFacts = { reachable: true, service: loop(), ...seen };
    const real = rig.context;
    const context: StepContext = { ...real, facts: (name) => (name === 'node-3' ? facts : real.facts(name)) };
    expect(suggestWay(context, 'node-3')).toBe(way);
    const said =
      singleNode.asks
        .find((one) => one.key === 'target')
        ?.options(context)
        .find((one) => one.value === 'node-3')?.says ?? '';
    const check = causeCheck('node-3').question.judge([], context);
    if (words === undefined) {
      expect(said).toMatch(/dies over and over/);
      expect(check.evidence).toEqual(['no such cause is seen']);
      return;
    }
    expect(said).toMatch(words);
    expect(check.answer).toBe(checked);
    expect(check.evidence.join()).toMatch(words);
  });

  test('a disk that is full closes every gate until there is room, the member stays', async () => {
    await begun(['damaged-member']);
    rig.runner.choose('way', 'rejoin');
    const disk = rig.cluster.node('node-3').state.disk;
    disk.total = disk.used + 60_000_000;
    await until(() => rig.runner.state.facts['node-3']?.diskFree === 0, 'the look at the disk');
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    const gate = await rig.runner.openGate();
    expect(
      gate.facts
        .filter((fact) => !fact.ok)
        .map((fact) => fact.text)
        .join(),
    ).toContain('its disk is full');
    expect(await rig.runner.confirmGate(gate.typed)).toBe('blocked');
  });

  test('a path of another place in K3s’ words is not touched', () => {
    expect(ailments({ lastFatal: '/etc/../etc/shadow newer than datastore and could cause a cluster outage' })).toEqual(
      [],
    );
    expect(ailments({ lastFatal: '/x;rm newer than datastore and could cause a cluster outage' })).toEqual([]);
  });
});
