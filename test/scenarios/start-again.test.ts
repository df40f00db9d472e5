import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startAgain } from '../../scenarios/start-again.js';
import { scenarioFaults } from '../../src/incident/plan.js';
import { snapshot } from '../../src/practice/data.js';
import type { FaultName } from '../../src/practice/faults.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig, until } from '../support/rig.js';

let rig: Rig;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => rig.close());

async function chosen(faults: readonly FaultName[] = ['two-survivors'], arrange?: () => Promise<void>): Promise<Rig> {
  rig = await Rig.start({ faults });
  await arrange?.();
  await rig.choose(undefined, 'start');
  return rig;
}

const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;
const DB = '/var/lib/rancher/k3s/server/db';
const HOLD = '/var/lib/rancher/k3s/server/blackstart-hold';
const DROP_IN = '/etc/systemd/system/k3s.service.d/zz-blackstart-hold.conf';

/** As another run's stop step left it. */
async function hold(node: string): Promise<void> {
  await rig.run(node, `mkdir -p ${DROP_IN.replace(/\/[^/]*$/, '')}`);
  await rig.run(node, `printf 'held by blackstart run 20260101-0000-aaaa\\n' > ${HOLD}`);
  await rig.run(node, `printf '[Unit]\\nAssertPathExists=!${HOLD}\\n' > ${DROP_IN}`);
  await rig.run(node, 'systemctl daemon-reload');
}

/** Commands with consequences for K3s, apart from those the plan is made of. */
const destructive = () =>
  rig.practice.sent.filter(
    (one) =>
      one.argv.includes('--cluster-reset') ||
      one.argv.includes('delete') ||
      (one.argv[0] === 'mv' && one.argv.some((word) => word.includes('/db/'))),
  );

test('has no fault as data', async () => {
  await chosen();
  expect(scenarioFaults(startAgain)).toEqual([]);
});

test('two of three start together, vote, and the third is named', async () => {
  await chosen();
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toEqual({ kind: 'none' });
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  expect(cell('works-again', 'node-2')?.evidence).toEqual(['unit active', 'voter', 'API ready', 'Node Ready']);
  expect(cell('tolerance', 'node-1')?.evidence).toEqual([
    '2 of 3 voters run: tolerates no failure',
    'still down: node-3: choose Single server next',
  ]);
  expect(cell('start-again', 'node-3')).toBeUndefined();
  expect(destructive()).toEqual([]);
  // Both were told to start before either could be healthy.
  const began = ['node-1', 'node-2'].map((host) => cell('start-again', host)?.endedAt ?? Number.POSITIVE_INFINITY);
  const up = ['node-1', 'node-2'].map((host) => cell('comes-up', host)?.endedAt ?? 0);
  expect(Math.max(...began)).toBeLessThanOrEqual(Math.min(...up));
});

test('the gate shows exactly what is started, and what is left', async () => {
  await chosen();
  rig.runner.begin();
  await rig.play(() => rig.runner.attention.kind === 'gate');
  const gate = await rig.runner.openGate();
  expect(gate).toMatchObject({ id: 'start', effect: 'change' });
  expect(gate.typed).toBeUndefined();
  expect(gate.does).toBe(
    'starts k3s on node-1, k3s on node-2, all at once; leaves node-3 (it does not answer) as it is',
  );
});

test('a hold that comes after the look is not lifted: the start fails on it', async () => {
  await chosen();
  rig.runner.begin();
  await rig.play(() => rig.runner.attention.kind === 'gate');
  await hold('node-1');
  await rig.play();
  expect(rig.runner.attention).toMatchObject({ kind: 'trouble', step: 'start-again', host: 'node-1' });
  expect((await rig.run('node-1', `test -e ${HOLD}`)).code).toBe(0);
  expect(await out('node-1', 'systemctl is-active k3s')).toBe('inactive\n');
});

describe('what speaks against a server', () => {
  test('a hold of another run is named, lifted behind the typed gate, and put back by undo', async () => {
    await chosen(['two-survivors'], () => hold('node-1'));
    rig.runner.begin();
    await rig.play(() => rig.runner.attention.kind === 'gate');
    expect(cell('may-start', 'node-1')?.evidence.at(-1)).toBe(
      'held by blackstart run 20260101-0000-aaaa: this plan lifts it behind its gate',
    );
    const gate = await rig.runner.openGate();
    expect(gate.typed).toBe(rig.runner.state.cluster.name);
    expect(gate.does).toContain('lifts the hold of node-1 (held by blackstart run 20260101-0000-aaaa)');
    await rig.runner.cancelGate();
    await rig.play(() => cell('works-again', 'node-1')?.status === 'done');
    expect((await rig.run('node-1', `test -e ${HOLD}`)).code).not.toBe(0);
    rig.runner.undo('somebody still works there');
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('undone');
    expect(await out('node-1', `cat ${HOLD}`)).toBe('held by blackstart run 20260101-0000-aaaa\n');
    expect(await out('node-1', 'systemctl is-active k3s')).toBe('inactive\n');
    expect(await out('node-2', 'systemctl is-active k3s')).toBe('inactive\n');
    expect((await rig.run('node-2', `test -e ${HOLD}`)).code).not.toBe(0);
  });

  test.each([
    ['a reset-flag', `touch ${DB}/reset-flag`, /node-1 \(it was reset and not started since\)/],
    ['a tombstone', `touch ${DB}/etcd/tombstone`, /node-1 \(it was removed from the cluster \(tombstone\)\)/],
    ['no data', `rm -rf ${DB}/etcd`, /node-1 \(it has no etcd data\)/],
  ] as const)('%s: it is not begun, and says why', async (_what, command, why) => {
    await chosen(['two-survivors'], async () => void (await rig.run('node-1', command)));
    expect(() => rig.runner.begin()).toThrow(/1 of 3 servers can be started, 2 are needed.*choose Quorum loss/);
    expect(() => rig.runner.begin()).toThrow(why);
  });

  test('a full disk is a failure with its remedy, before anything is started', async () => {
    await chosen(['two-survivors', 'disk-full']);
    rig.runner.begin();
    await rig.play();
    expect(rig.runner.attention).toMatchObject({ kind: 'trouble', step: 'may-start', host: 'node-1' });
    expect(cell('may-start', 'node-1')?.trouble).toMatchObject({
      what: expect.stringContaining('its disk is full'),
      next: expect.stringContaining('Free some space'),
    });
    expect(await out('node-2', 'systemctl is-active k3s')).toBe('inactive\n');
  });
});

test('a server that does not come up: K3s’ own words and what next; the others go on without it', async () => {
  await chosen(['healthy'], async () => {
    for (const node of ['node-1', 'node-2', 'node-3']) await rig.run(node, 'systemctl stop k3s');
    // As a power cut leaves it: the database ends before its last page.
    rig.cluster.node('node-3').files().write(`${DB}/etcd/member/snap/db`, snapshot('s3').slice(0, 1_000_100), 0o600);
  });
  const inactive = (): boolean =>
    ['node-1', 'node-2', 'node-3'].every((name) => {
      const facts = rig.runner.state.facts[name];
      return facts?.service?.unit.active === 'inactive' && facts.etcd === undefined;
    });
  await until(inactive, 'the look at stopped servers');
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.attention).toMatchObject({ kind: 'trouble', step: 'comes-up', host: 'node-3', why: 'failed' });
  expect(cell('comes-up', 'node-3')?.trouble).toMatchObject({
    what: expect.stringMatching(/crash loop.*K3s says: \w+/),
    next: expect.stringContaining('Single server'),
  });
  rig.runner.skip('comes-up', 'node-3', 'repaired next');
  rig.runner.skip('works-again', 'node-3', 'repaired next');
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  expect(cell('tolerance', 'node-1')?.evidence[0]).toBe('2 of 3 voters run: tolerates no failure');
});

test.each([
  [['healthy'], /the cluster runs/],
  [['stopped-member'], /choose Single server/],
  [['lost-quorum'], /choose Quorum loss or Full restore/],
] as const)('%s: it does not begin', async (faults, why) => {
  await chosen(faults);
  expect(() => rig.runner.begin()).toThrow(why);
});
