import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { restoreSummary } from '../../src/incident/summary.js';
import type { FaultName } from '../../src/practice/faults.js';
import { BACKUP, provenSnapshot } from '../support/practice-ports.js';
import { Rig, RUN, until } from '../support/rig.js';

let rig: Rig;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => rig.close());

const POWERLESS = ['node-2', 'node-3'];

async function begun(faults: readonly FaultName[], off: readonly string[] = POWERLESS): Promise<Rig> {
  rig = await Rig.start({ faults });
  await rig.choose(undefined, 'quorum-loss');
  for (const host of off) rig.runner.attest(host, 'the machine room says it has no power', 'off');
  return rig;
}

const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;
const OBJECTS = 'k3s kubectl get configmaps,secrets,deployments.apps -A -o name';

async function voters(node: string): Promise<string[]> {
  const said = await out(node, 'curl -s -k https://127.0.0.1:6443/db/info');
  const found = (JSON.parse(said) as { members: { name: string; isLearner?: boolean }[] }).members;
  return found.filter((one) => one.isLearner !== true).map((one) => one.name.replace(/-[0-9a-f]{8}$/, ''));
}

async function recovers(): Promise<void> {
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toEqual({ kind: 'none' });
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
}

describe('quorum is lost and one server is left', () => {
  test('it is suggested, its data is read, nothing it holds is lost', async () => {
    await begun(['lost-quorum']);
    expect(rig.runner.state.choices.primary).toBe('node-1');
    const before = await rig.run('node-1', 'cat /var/lib/rancher/k3s/server/db/etcd/member/snap/db | sha256sum');
    await recovers();
    expect(cell('survivor', 'node-1')?.evidence.join()).toMatch(/sound, revision 1,775, raft index 1,976 of term 2/);
    expect(await voters('node-1')).toEqual(['node-1']);
    expect((await out('node-1', OBJECTS)).split('\n').length).toBeGreaterThan(100);
    expect(await rig.run('node-1', 'cat /var/lib/rancher/k3s/server/db/etcd/member/snap/db | sha256sum')).toEqual(
      before,
    );
    const { tolerance, left } = restoreSummary(rig.runner.state);
    expect(tolerance).toBe('1 of 3 servers vote: recovered, tolerates no failure');
    expect(left.join('\n')).toContain('server node-2 was left out');
  });

  test('while its etcd still runs without quorum it gives a snapshot, which is kept and named (R31)', async () => {
    await begun(['lost-quorum']);
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate' && rig.runner.attention.gate === 'reset');
    const path = `/var/lib/blackstart/${RUN}/live-snapshot.db`;
    expect(cell('live-snapshot', 'node-1')?.learned).toMatchObject({ path });
    const image = rig.cluster.node('node-1').files().read(path).subarray(0, -32);
    expect(image).toEqual(
      rig.cluster.node('node-1').files().read('/var/lib/rancher/k3s/server/db/etcd/member/snap/db'),
    );
    // It is taken before anything is stopped.
    const order = rig.practice.sent.map((one) => one.argv.join(' '));
    const at = (what: RegExp): number => order.findIndex((line) => what.test(line));
    expect(at(/snapshot save/)).toBeGreaterThan(0);
    expect(at(/snapshot save/)).toBeLessThan(at(/^systemctl stop k3s/));
    expect((await rig.runner.openGate()).keeps).toContain(`on node-1 (${path})`);
    expect(cell('rank', 'here')?.evidence.join('\n')).toContain(`gave while it ran: ${path}`);
    expect(await out('node-1', 'systemctl list-units --all')).not.toContain('live-snapshot');
  });

  test('once K3s has started anew without quorum, its etcd serves nobody: none is taken, and nothing waits for it', async () => {
    await begun(['lost-quorum']);
    await rig.wait(90_000);
    await recovers();
    expect(cell('live-snapshot', 'node-1')?.evidence.join()).toMatch(/none taken: etcd does not serve it/);
  });

  test.each([
    ['without etcdctl', ['lost-quorum', 'no-etcdctl'], /none taken: there is no etcdctl/],
    ['where etcd does not answer', ['damaged-survivor'], /none taken: etcd does not serve it: .*deadline/],
    ['with too little room', ['lost-quorum', 'disk-full'], /none taken: too little room/],
  ] as const)('%s none is taken, and nothing waits for it', async (_what, faults, why) => {
    await begun(faults);
    rig.runner.begin();
    await rig.play(() => cell('stop', 'node-1')?.endedAt !== undefined || rig.runner.attention.kind === 'trouble');
    expect(cell('live-snapshot', 'node-1')?.status).toBe('already');
    expect(cell('live-snapshot', 'node-1')?.evidence.join()).toMatch(why);
  });

  test('a survivor with too little disk for a copy is told so before anything stops', async () => {
    await begun(['lost-quorum', 'disk-full']);
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    const gate = await rig.runner.openGate();
    const no = gate.facts.filter((fact) => !fact.ok).map((fact) => fact.text);
    expect(no.join()).toMatch(/60 MB free on \/, .* needed/);
    expect(await rig.runner.confirmGate(gate.typed)).toBe('blocked');
    expect(await out('node-1', 'systemctl is-active k3s')).toBe('active\n');
  });

  test('an etcdctl that fails is said, and the plan goes on', async () => {
    await begun(['lost-quorum']);
    rig.cluster.node('node-1').files().remove('/var/lib/rancher/k3s/server/tls/etcd/client.key');
    await recovers();
    expect(cell('live-snapshot', 'node-1')?.evidence.join()).toMatch(
      /none taken: etcd does not serve it: .*client\.key/,
    );
  });

  test('the reset runs once, without a snapshot and without a token of ours', async () => {
    await begun(['lost-quorum']);
    await recovers();
    const resets = rig.practice.sent.filter((one) => one.argv.includes('--cluster-reset'));
    expect(resets).toHaveLength(1);
    expect(resets[0]?.argv.join(' ')).not.toMatch(/restore-path|token\.env/);
    const files = rig.practice.sent.filter((one) => one.argv[0] === 'put').map((one) => one.argv[1]);
    expect(files.join('\n')).not.toContain('token.env');
  });

  test('without word on the silent servers nothing begins', async () => {
    await begun(['lost-quorum'], []);
    expect(() => rig.runner.begin()).toThrow(/node-2 does not answer.*node-3 does not answer/s);
  });

  test('undone before the start, the server has its old membership and data again', async () => {
    await begun(['lost-quorum']);
    rig.runner.begin();
    const { runner } = rig;
    await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === 'start');
    runner.undo('another server has turned up');
    await rig.play();
    expect(runner.state.ended?.outcome).toBe('undone');
    // It waits for its old peers again, as before.
    await rig.wait(60_000);
    expect(await out('node-1', 'systemctl show k3s -p ActiveState --value')).toBe('activating\n');
    expect(await out('node-1', 'ls -1 /var/lib/rancher/k3s/server/db')).toMatch(/^etcd\.undone-/m);
    expect(await out('node-1', 'ls -1 /var/lib/rancher/k3s/server/db')).not.toMatch(/^reset-flag$/m);
  });

  test('a server that comes back is held and read; with it there is a quorum, and the reset waits for a person', async () => {
    await begun(['lost-quorum']);
    const { runner } = rig;
    runner.begin();
    await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === 'reset');
    // A person reads the gate; meanwhile the power is back.
    rig.cluster.node('node-3').powerOn();
    await rig.wait(40_000);
    await rig.play();
    expect(rig.events.some((event) => event.type === 'host-came-back' && event.host === 'node-3')).toBe(true);
    expect(cell('stop', 'node-3')?.status).toBe('done');
    expect(runner.attention).toMatchObject({ kind: 'trouble', step: 'no-majority' });
    expect(rig.practice.sent.some((one) => one.argv.includes('--cluster-reset'))).toBe(false);
    runner.skip('no-majority', 'here', 'the two cannot reach each other');
    await rig.play();
    expect(runner.state.ended?.outcome).toBe('recovered');
    expect(cell('aside', 'node-3')?.evidence.join()).toContain('etcd.pre-rejoin-');
    expect((await voters('node-1')).sort()).toEqual(['node-1', 'node-3']);
  });

  test('one that comes back after the reset only joins', async () => {
    await begun(['lost-quorum']);
    const { runner } = rig;
    runner.begin();
    await rig.play(() => runner.attention.kind === 'gate' && runner.attention.gate === 'start');
    rig.cluster.node('node-3').powerOn();
    await rig.wait(40_000);
    await recovers();
    expect(rig.events.some((event) => event.type === 'host-came-back' && event.host === 'node-3')).toBe(true);
    expect((await voters('node-1')).sort()).toEqual(['node-1', 'node-3']);
  });
});

test('two servers with sound data are a quorum: it stops before the reset and says so', async () => {
  await begun(['two-survivors'], ['node-3']);
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toMatchObject({ kind: 'trouble', step: 'no-majority' });
  expect(cell('no-majority', 'here')?.trouble?.what).toMatch(/node-1, node-2 have sound data: 2 of 3 are a quorum/);
  expect(rig.practice.sent.some((one) => one.argv.includes('--cluster-reset'))).toBe(false);
  rig.runner.skip('no-majority', 'here', 'the link between the two sites is down');
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  expect((await voters('node-1')).sort()).toEqual(['node-1', 'node-2']);
});

test('the only data left is damaged: the same run goes on as a full restore', async () => {
  await begun(['damaged-survivor']);
  const { runner } = rig;
  runner.begin();
  await rig.play();
  expect(runner.attention).toMatchObject({ kind: 'trouble', step: 'rank' });
  expect(cell('rank', 'here')?.trouble?.next).toContain('Full restore');
  runner.chooseScenario('full-restore');
  runner.choose('snapshot', BACKUP);
  await until(() => cell('fetch', 'here')?.endedAt !== undefined, 'the proof');
  await rig.play();
  expect(runner.state.ended?.outcome).toBe('recovered');
  // What was stopped, held and saved stays so: it is not done again.
  const stops = rig.practice.sent.filter((one) => one.argv.join(' ') === 'systemctl stop k3s.service');
  expect(stops).toHaveLength(1);
  expect(await voters('node-1')).toEqual(['node-1']);
});

test('once the server was started on its own data, no other plan takes over', async () => {
  await begun(['lost-quorum']);
  const { runner } = rig;
  runner.begin();
  await rig.play(() => cell('verify-primary', 'node-1') !== undefined);
  expect(() => runner.chooseScenario('full-restore')).toThrow(/has been started/);
  expect(() => runner.chooseScenario('nothing')).toThrow(/no scenario/);
});
