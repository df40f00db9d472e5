import { readdirSync, rmSync } from 'node:fs';
import type { Lab } from './lab.js';
import type { Machine } from './machine.js';
import { HOSTS, serversOf } from './plan.js';
import { until } from './sh.js';

/** A member list as real etcd gives it. */
export interface EtcdMember {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly learner: boolean;
}

const unitOf = (machine: Machine): string => (machine.host.role === 'server' ? 'k3s' : 'k3s-agent');
const CTL = ['env', 'ETCDCTL_API=3', '/opt/lab/etcdctl', '--endpoints', 'http://127.0.0.1:2379'];

/** The cluster of the lab: three real etcd members whose first data is a recorded snapshot of a real K3s. */
export class LabCluster {
  constructor(readonly lab: Lab) {}

  get servers(): Machine[] {
    return serversOf(HOSTS).map((host) => this.lab.machine(host.name));
  }

  /** Restores the recorded snapshot on node-1, starts it, lets the others join. */
  async form(): Promise<void> {
    const first = this.lab.machine('node-1');
    const db = `${first.host.dataDir}/server/db`;
    const snapshot = `${db}/snapshots/on-demand-node-1-1795342572`;
    const reset = ['k3s', 'server', '--cluster-reset', `--cluster-reset-restore-path=${snapshot}`];
    const done = await first.inside([
      'env',
      'K3S_NODE_NAME=node-1',
      'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
      ...reset,
    ]);
    if (!done.stderr.includes('restart without --cluster-reset flag now'))
      throw new Error(`no first cluster: ${done.stderr.slice(-2000)}`);
    const server = `${first.root}${first.host.dataDir}/server`;
    for (const folder of [server, `${server}/db`])
      for (const name of readdirSync(folder))
        if (/^(etcd-old|tls)-\d/.test(name)) rmSync(`${folder}/${name}`, { recursive: true });
    for (const machine of this.lab.machines.values()) {
      await machine.act(['systemctl', 'start', '--no-block', unitOf(machine)]);
      await this.active(machine);
      await machine.act(['systemctl', 'enable', '--quiet', unitOf(machine)]);
    }
    await until('three voters', async () => {
      const members = await this.members();
      return members.length === 3 && members.every((member) => !member.learner) ? true : undefined;
    });
  }

  /** Waits for K3s on a machine; in vain, it says what its journal says. */
  async active(machine: Machine): Promise<void> {
    const unit = unitOf(machine);
    try {
      await until(`${unit} on ${machine.host.name}`, async () =>
        (await machine.inside(['systemctl', 'is-active', '--quiet', unit])).code === 0 ? true : undefined,
      );
    } catch (error) {
      const journal = await machine.inside(['journalctl', '--no-pager', '--lines=30', '--output=cat', '--unit', unit]);
      const etcd = await machine.inside(['tail', '-n', '10', '/run/k3s-stand-in-etcd.log']);
      throw new Error(`${String(error)}\n${journal.stdout}\n${etcd.stdout}`);
    }
  }

  /** Asks the first server whose etcd answers, through a real etcd client. */
  async members(from = 'node-1'): Promise<EtcdMember[]> {
    const said = await this.lab.machine(from).inside([...CTL, 'member', 'list', '-w', 'simple']);
    return said.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(', '))
      .map(([id = '', , name = '', peer = '', , learner]) => ({
        id,
        name,
        ip: /\/\/(.*):2380/.exec(peer)?.[1] ?? '',
        learner: learner === 'true',
      }));
  }

  async put(key: string, value: string): Promise<void> {
    await this.lab.machine('node-1').act([...CTL, 'put', key, value]);
  }

  /** Every key and value under a prefix. */
  async read(prefix: string, from = 'node-1'): Promise<Map<string, string>> {
    const text = await this.lab.machine(from).act([...CTL, 'get', '--prefix', prefix]);
    const lines = text.split('\n');
    const found = new Map<string, string>();
    for (let at = 0; at + 1 < lines.length; at += 2) found.set(lines[at] ?? '', lines[at + 1] ?? '');
    return found;
  }

  /**
   * `etcdctl snapshot save` on a server, as the runbook's CronJob does; the file's path on this machine. Whatever that member has applied stands in
   * its database from then on.
   */
  async snapshot(from = 'node-1'): Promise<string> {
    const machine = this.lab.machine(from);
    await machine.act([...CTL, 'snapshot', 'save', '/var/tmp/backup.db']);
    return `${machine.root}/var/tmp/backup.db`;
  }

  /** Kills K3s and cuts the end off the database, on servers: it dies of it again and again, as the real one. */
  async destroy(names = this.servers.map((machine) => machine.host.name)): Promise<void> {
    for (const machine of names.map((name) => this.lab.machine(name))) {
      await machine.inside(['systemctl', 'kill', '--signal=KILL', 'k3s.service']);
      await machine.act(['truncate', '--size=1000100', `${machine.host.dataDir}/server/db/etcd/member/snap/db`]);
    }
  }

  /** Kills K3s and overwrites a part of etcd's log: it dies of that again and again, and its database can still be read. */
  async tear(name: string): Promise<void> {
    const machine = this.lab.machine(name);
    await machine.inside(['systemctl', 'kill', '--signal=KILL', 'k3s.service']);
    const wal = `${machine.host.dataDir}/server/db/etcd/member/wal`;
    await machine.act([
      'sh',
      '-c',
      `for f in ${wal}/*.wal; do dd if=/dev/zero of="$f" bs=1 seek=500 count=200 conv=notrunc status=none; done`,
    ]);
  }
}
