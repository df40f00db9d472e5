import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FaultName } from '../../src/practice/faults.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig } from '../support/rig.js';

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
] as const)('%s', (fault, way) => {
  test(`the way is ${way}, and three servers vote again`, async () => {
    await begun([fault]);
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
