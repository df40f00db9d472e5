import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabCluster } from './lab/cluster.js';
import { drive } from './lab/drive.js';
import { writeInventory } from './lab/inventory.js';
import { Lab } from './lab/lab.js';
import { until } from './lab/sh.js';

/** Scenarios that need no backup, on a real etcd that really loses its quorum: no key that the survivor had is lost. */

let lab: Lab;
let cluster: LabCluster;
beforeAll(async () => {
  lab = await Lab.boot({ k3s: 'off' });
  cluster = new LabCluster(lab);
  await cluster.form();
});
afterAll(async () => {
  await lab?.down();
});

const PREFIX = '/registry/configmaps/lab/';
const voters = async (): Promise<string[]> =>
  (await cluster.members()).filter((member) => !member.learner).map((member) => member.ip);

/** The end of K3s' journals, of the servers that have power. */
async function lastWords(): Promise<string> {
  const said = await Promise.all(
    cluster.servers
      .filter((machine) => machine.leader() !== undefined)
      .map((machine) => machine.inside(['journalctl', '--no-pager', '--lines=30', '--output=cat', '--unit', 'k3s'])),
  );
  return said.map(({ stdout }) => stdout).join('\n');
}

/** What the program said, a line a step: a run that ends well may still have gone another way. */
async function plays(scenario: string, meanwhile: () => Promise<void> = async () => undefined): Promise<string> {
  const run = drive(lab, writeInventory(lab, { backups: '' }), scenario);
  const [ended] = await Promise.all([run.ended, meanwhile()]);
  const journal = ended.recovered ? '' : await lastWords();
  expect(ended.recovered, `${ended.why}\n${run.said()}\n${journal}`).toBe(true);
  return run.said();
}

describe('two of three servers lose their power', () => {
  it('the third keeps every key it had, and serves alone, cut off for a minute in the middle of the reset', {
    timeout: 300_000,
  }, async () => {
    for (let n = 0; n < 200; n++) await cluster.put(`${PREFIX}key-${n}`, `value ${n}`);
    const before = await cluster.read(PREFIX);
    expect(before.size).toBe(200);
    for (const name of ['node-2', 'node-3']) await lab.machine(name).powerOff();
    await until('etcd to notice', async () =>
      (await lab.machine('node-1').inside(['curl', '-s', '-m', '5', 'http://127.0.0.1:2381/health'])).stdout.includes(
        'true',
      )
        ? undefined
        : true,
    );
    const first = lab.machine('node-1');
    const said = await plays('quorum-loss', async () => {
      // A minute is longer than the console needs to give the connection up: the reset goes on without it.
      await first.isAsked(/--unit=blackstart-\S+-reset/);
      await first.cut();
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      await first.heal();
    });
    expect(first.asked().filter((line) => /--unit=blackstart-\S+-reset/.test(line))).toHaveLength(1);
    expect(await cluster.read(PREFIX), said).toEqual(before);
    expect(await voters()).toEqual(['10.77.0.11']);
  });

  it('when they are back, each joins anew, one rebooted on the way, and the keys are on all three', {
    timeout: 400_000,
  }, async () => {
    await cluster.put(`${PREFIX}after`, 'the reset');
    const before = await cluster.read(PREFIX);
    for (const name of ['node-2', 'node-3']) {
      const machine = lab.machine(name);
      machine.boot();
      await until(`${name} to be up`, async () =>
        machine.leader() !== undefined &&
        (await machine.inside(['systemctl', 'is-active', '--quiet', 'ssh'])).code === 0
          ? true
          : undefined,
      );
      // The last one is rebooted as soon as it is told to start.
      await plays('single-node', async () => {
        if (name !== 'node-3') return;
        await machine.isAsked(/systemctl start --no-block k3s/);
        await machine.inside(['systemctl', 'reboot']);
      });
    }
    expect((await voters()).sort()).toEqual(['10.77.0.11', '10.77.0.12', '10.77.0.13']);
    for (const server of cluster.servers) expect(await cluster.read(PREFIX, server.host.name)).toEqual(before);
  });
});

describe('one server is replaced by a machine without K3s', () => {
  it('gets K3s and its settings from a healthy one, and joins', { timeout: 300_000 }, async () => {
    const before = await cluster.read(PREFIX);
    const machine = lab.machine('node-3');
    await machine.act(['systemctl', 'stop', 'k3s.service']);
    await machine.act(['systemctl', 'disable', '--quiet', 'k3s.service']);
    for (const path of ['/usr/local/bin/k3s', '/etc/rancher', '/etc/systemd/system/k3s.service', machine.host.dataDir])
      rmSync(`${machine.root}${path}`, { recursive: true });
    await machine.act(['systemctl', 'daemon-reload']);
    await plays('single-node');
    expect((await voters()).sort()).toEqual(['10.77.0.11', '10.77.0.12', '10.77.0.13']);
    expect(await cluster.read(PREFIX, 'node-3')).toEqual(before);
    const config = await machine.act(['cat', '/etc/rancher/k3s/config.yaml']);
    expect(config).toContain(`data-dir: ${machine.host.dataDir}`);
  });
});
