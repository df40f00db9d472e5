import { afterEach, describe, expect, test } from 'vitest';
import { clearOneHost } from '../../scenarios/clear-host.js';
import { scenarioFaults } from '../../src/incident/plan.js';
import type { FaultName } from '../../src/practice/faults.js';
import { Rig, until } from '../support/rig.js';

let rig: Rig;
afterEach(async () => rig?.close());

async function begun(...faults: FaultName[]): Promise<Rig> {
  rig = await Rig.start({ faults: ['healthy', 'leftover-containers', ...faults] });
  await rig.choose(undefined, clearOneHost.id);
  await until(() => rig.runner.state.choices.target !== undefined, 'a host with leftovers');
  return rig;
}

const out = async (node: string, command: string): Promise<string> => (await rig.run(node, command)).stdout;
const cell = (step: string, host: string) => rig.runner.state.cells[`${step}@${host}`];
const STRAY = 'batch/import-28934510-7xk2p';
const KNOWN = 'shop/web-678b5dfc9f-htg6l';
const podsOn = async (node: string): Promise<string[]> =>
  (
    JSON.parse(await out(node, 'k3s crictl ps -o json')) as { containers: { labels: Record<string, string> }[] }
  ).containers
    .map(({ labels }) => `${labels['io.kubernetes.pod.namespace']}/${labels['io.kubernetes.pod.name']}`)
    .sort();

async function toTheGate(): Promise<Awaited<ReturnType<Rig['runner']['openGate']>>> {
  rig.runner.begin();
  await rig.play(() => rig.runner.attention.kind === 'gate');
  return rig.runner.openGate();
}

describe('clearing a host of containers', () => {
  test('has no fault as data', () => expect(scenarioFaults(clearOneHost)).toEqual([]));

  test('is suggested for the host that runs what the API does not know, and asks another server meanwhile', async () => {
    await begun();
    expect(rig.runner.state.choices).toMatchObject({ target: 'node-2', primary: 'node-1' });
  });

  test('shows at a gate of its own what runs there, what is mounted, and a further address; the name is typed', async () => {
    await begun();
    const gate = await toTheGate();
    expect(gate).toMatchObject({ id: 'clear', typed: 'node-2', effect: 'destroy', hosts: ['node-2'] });
    expect(gate.losses[0]).toBe(`${STRAY}, unknown to the API: does not come back`);
    expect(gate.losses[1]).toBe(KNOWN);
    expect(gate.losses.filter((line) => line.startsWith('mounted: /var/lib/kubelet/pods/')).length).toBe(2);
    expect(gate.loses).toContain('10.77.0.10/32 on eth0');
    expect(await rig.runner.confirmGate('practice')).toBe('mistyped');
    expect(rig.practice.sent.some((one) => one.argv[0] === 'systemd-run')).toBe(false);
  });

  test('what has changed since opens the gate anew', async () => {
    await begun();
    await toTheGate();
    await out('node-1', 'k3s kubectl delete pod -n shop web-678b5dfc9f-htg6l');
    expect(await rig.runner.confirmGate('node-2')).toBe('changed');
  });

  test('ends everything there once, starts K3s again, and only what the API knows comes back', async () => {
    await begun();
    expect(await podsOn('node-2')).toEqual([STRAY, KNOWN]);
    rig.runner.begin();
    await rig.play();
    expect(rig.runner.state.ended?.outcome).toBe('recovered');
    expect(await podsOn('node-2')).toEqual([KNOWN]);
    expect(cell('clear', 'node-2')?.evidence).toContain('no container is left');
    expect(cell('cleared', 'node-2')?.evidence).toEqual(
      expect.arrayContaining(['unit active', 'Node Ready', 'etcd healthy', 'voter']),
    );
    const scripts = rig.practice.sent.filter((one) => one.argv.some((word) => word.endsWith('k3s-killall.sh')));
    expect(scripts.map((one) => [one.host, one.argv[0]])).toContainEqual(['node-2', 'systemd-run']);
    expect(scripts.filter((one) => one.argv[0] === 'systemd-run').length).toBe(1);
    expect(
      rig.practice.sent.some((one) => one.host !== 'node-2' && one.argv[0] === 'systemctl' && one.argv[1] !== 'show'),
    ).toBe(false);
  });

  test('says where the script is missing, and changes nothing', async () => {
    await begun();
    await out('node-2', 'rm /usr/local/bin/k3s-killall.sh');
    rig.runner.begin();
    await until(() => cell('ground', 'node-2')?.status === 'failed', 'the refusal');
    expect(cell('ground', 'node-2')?.trouble?.what).toContain('there is no /usr/local/bin/k3s-killall.sh on node-2');
    expect(await podsOn('node-2')).toContain(STRAY);
  });

  test('refuses where something is mounted twice at one place: the script would delete what lies below', async () => {
    await begun();
    const [first = ''] = (await out('node-2', 'cat /proc/self/mounts'))
      .split('\n')
      .filter((line) => line.includes('kubelet'));
    rig.cluster.node('node-2').files().write('/proc/self/mounts', `${first}\n${first}\n`);
    rig.runner.begin();
    await until(() => cell('ground', 'node-2')?.status === 'failed', 'the refusal');
    expect(cell('ground', 'node-2')?.trouble?.what).toMatch(/mounted twice at the same place: \/var\/lib\/kubelet/);
  });

  test('does not take a server away whose absence would cost quorum', async () => {
    await begun('dead-member');
    expect(() => rig.runner.begin()).toThrow(/Without node-2 only 1 of 3 servers have a healthy etcd, 2 are needed/);
  });

  test('with nothing left over it waits for a host to be chosen', async () => {
    rig = await Rig.start({ faults: ['healthy'] });
    await rig.choose(undefined, clearOneHost.id);
    await until(() => cell('strays', 'node-5')?.status === 'done', 'a look at the last host');
    expect(() => rig.runner.begin()).toThrow(/Every container is known to the API/);
    rig.runner.choose('target', 'node-4');
    const gate = await toTheGate();
    expect(gate.typed).toBe('node-4');
    expect(gate.loses).not.toContain('etcd');
  });
});
