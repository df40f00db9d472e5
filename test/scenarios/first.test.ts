import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { FaultName } from '../../src/practice/faults.js';
import { TOKEN } from '../../src/practice/node/layout.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig, until } from '../support/rig.js';

/** A full restore on machines that have no K3s: program, settings and token come from what is left. */

let rig: Rig;
beforeAll(async () => void (await provenSnapshot()));
afterEach(async () => rig.close());

async function begun(faults: readonly FaultName[] = ['fresh-servers']): Promise<void> {
  rig = await Rig.start({ faults });
  await rig.choose();
}

const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;
const atGate = (gate: string) => (): boolean =>
  rig.runner.attention.kind === 'gate' && rig.runner.attention.gate === gate;
const SERVERS = ['node-1', 'node-2', 'node-3'];

describe('all servers are new machines', () => {
  test('the first gets the program of an agent and the settings of the snapshot; all three vote again', async () => {
    await begun();
    expect(rig.runner.state.choices.primary).toBe('node-1');
    rig.runner.begin();
    await rig.play();
    expect(rig.runner.attention).toEqual({ kind: 'none' });
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    expect(cell('install-first', 'node-1')?.evidence.join()).toMatch(/v1\.35\.0\+k3s1, as on agent node-4.*held/);
    const said = await out('node-1', 'curl -s -k https://127.0.0.1:6443/db/info');
    const members = (JSON.parse(said) as { members: { name: string; isLearner?: boolean }[] }).members;
    expect(members.filter((one) => one.isLearner !== true)).toHaveLength(3);
    for (const node of SERVERS) {
      expect(await out(node, 'systemctl is-active k3s')).toBe('active\n');
      expect(await out(node, 'journalctl -u k3s')).not.toContain('Node password rejected');
      expect(await out(node, 'stat -c "%a %n" /etc/rancher/k3s/config.yaml')).toMatch(/^600 /);
      expect(await out(node, 'ls /etc/systemd/system/k3s.service.d')).not.toContain('blackstart');
    }
    expect(await out('node-1', 'stat -c %a /var/lib/rancher/k3s/server')).toBe('700\n');
  });

  test('the config is that of the snapshot’s own server, with its address and the token, and names no other server', async () => {
    await begun();
    rig.runner.begin();
    await rig.play(atGate('reset'));
    const config = parse(await out('node-1', 'cat /etc/rancher/k3s/config.yaml')) as Record<string, unknown>;
    expect(config).toMatchObject({
      token: TOKEN,
      'node-name': 'node-1',
      'node-ip': '10.77.0.11',
      'flannel-backend': 'none',
      disable: ['coredns', 'traefik', 'metrics-server', 'local-storage', 'servicelb'],
    });
    expect(Object.keys(config)).not.toContain('server');
    expect(Object.keys(config)).not.toContain('cluster-init');
    // It could be rebooted now: nothing starts before the reset.
    expect((await rig.run('node-1', 'systemctl start k3s')).code).toBe(1);
    expect(JSON.stringify(rig.practice.sent)).not.toContain(TOKEN);
    expect(JSON.stringify(rig.events)).not.toContain(TOKEN);
  });

  test('the gate says whose program it is, its checksum and the settings', async () => {
    await begun();
    rig.runner.begin();
    await rig.play(atGate('stop'));
    const gate = await rig.runner.openGate();
    expect(gate.does).toMatch(
      /installs on node-1, a new machine, the K3s v1\.35\.0\+k3s1 of agent node-4 \(75 MB, sha256 [0-9a-f]{16}\)/,
    );
    expect(gate.does).toContain('the settings that node-1 had by the snapshot');
    const facts = gate.facts.map((fact) => `${fact.ok} ${fact.text}`).join('\n');
    expect(facts).toContain('true x86_64');
    expect(facts).toMatch(/variables of its unit/);
  });

  test('undone before the start, the machine is as new, and nothing was started on it', async () => {
    await begun();
    rig.runner.begin();
    await rig.play(atGate('start'));
    rig.runner.undo('the wrong machines');
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('undone');
    for (const path of ['/usr/local/bin/k3s', '/etc/rancher/k3s/config.yaml', '/etc/systemd/system/k3s.service'])
      expect((await rig.run('node-1', `test -e ${path}`)).code).toBe(1);
    expect(await out('node-1', 'ls /etc/systemd/system/k3s.service.d')).not.toContain('blackstart');
  });

  test('machines of another make, or nobody who has K3s: it says what to do', async () => {
    await begun();
    for (const agent of ['node-4', 'node-5']) {
      rig.cluster.node(agent).powerOff();
      await rig.wait(30_000);
      rig.runner.attest(agent, 'no power', 'left-out');
    }
    expect(() => rig.runner.begin()).toThrow(/K3s is not installed on node-1, and no host has it.*k3s: program/s);
  });
});

test('a new machine chosen as the first, with servers left: their settings, their program, and the token that opens the snapshot', async () => {
  await begun(['not-installed']);
  rig.runner.choose('primary', 'node-2');
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  const config = parse(await out('node-2', 'cat /etc/rancher/k3s/config.yaml')) as Record<string, unknown>;
  expect(config).toMatchObject({ token: TOKEN, 'node-ip': '10.77.0.12', 'flannel-backend': 'none' });
  expect(Object.keys(config)).not.toContain('server');
});

test('another plan does not take a machine without K3s as its first', async () => {
  rig = await Rig.start({ faults: ['fresh-servers'] });
  await rig.choose(undefined, 'quorum-loss');
  expect(() => rig.runner.begin()).toThrow(/K3s is not installed on node-1/);
});

test('an agent that names a server that is no more is led to the new one, and it is said what to change', async () => {
  rig = await Rig.start({ faults: ['fresh-servers'] });
  const config = '/etc/rancher/k3s/config.yaml';
  const files = rig.cluster.node('node-4').files();
  files.write(config, files.text(config).replace('10.77.0.11', '10.77.9.9'), 0o600);
  await rig.choose();
  await until(() => rig.runner.state.facts['node-4']?.service?.serverUrl?.url.includes('10.77.9.9') === true, 'a look');
  rig.runner.begin();
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  expect(cell('restart-agents', 'node-4')?.evidence.join()).toContain(
    'names https://10.77.9.9:6443, which is gone: set server: https://10.77.0.11:6443',
  );
  expect(cell('restart-agents', 'node-5')?.evidence.join()).toBe('restarted, active');
});
