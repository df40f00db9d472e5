import type { Machine } from './machine.js';

/** Where nothing may change but what a plan said. */
const LOOKED_AT = ['/etc', '/root', '/home', '/usr/local', '/var/lib/rancher', '/var/lib/blackstart', '/data'];

/** Every path with kind, mode, owner and, below /etc, content; unit files with their state. */
export async function listMachine(machine: Machine): Promise<Set<string>> {
  const paths = await machine.inside(['find', ...LOOKED_AT, '-printf', '%p\t%y\t%m\t%u\n']);
  const sums = await machine.inside(['find', '/etc', '-type', 'f', '-exec', 'sha256sum', '{}', '+']);
  const units = await machine.inside(['systemctl', 'list-unit-files', '--no-legend', '--plain', '--no-pager']);
  const lines = [
    ...paths.stdout.split('\n'),
    ...sums.stdout.split('\n').map((line) => `${line.slice(66)}\t${line.slice(0, 64)}`),
    ...units.stdout.split('\n').map((line) => `unit ${line.trim().replace(/\s+/g, ' ')}`),
  ];
  return new Set(lines.filter((line) => line.trim() !== '' && line !== 'unit '));
}

/** Lines that came or went, each path once. */
export function changesOf(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  const changed = [...before].filter((line) => !after.has(line)).concat([...after].filter((line) => !before.has(line)));
  return [...new Set(changed.map((line) => line.split('\t')[0] ?? ''))].sort();
}

/** What a full restore leaves on a host, as its plan says. */
export function saidByThePlan(machine: Machine, runId: string): RegExp {
  const { dataDir, user } = machine.host;
  const server = `${dataDir}/server`;
  return new RegExp(
    `^(${[
      `/var/lib/blackstart(/${runId}(/.*)?)?`,
      // The script of the lock stays: whoever comes next uses it.
      '/var/lib/blackstart/lock-[0-9a-f]+\\.sh',
      `${server}/db/etcd(/.*)?`,
      `${server}/db/etcd-old-\\d+(/.*)?`,
      `${server}/db/etcd\\.pre-rejoin-${runId}(/.*)?`,
      `${server}/db/snapshots/(blackstart-${runId}|restored-${runId}-.*)`,
      `${server}/tls-\\d+(/.*)?`,
      // The folder of the hold stays, empty.
      '/etc/systemd/system/k3s\\.service\\.d',
      ...(user === 'root' ? [] : [`/home/${user}/\\.blackstart-stage`]),
      // K3s' own, at every start.
      `${server}/(token|cred|cred/passwd|tls/server-ca\\.crt)`,
    ].join('|')})$`,
  );
}
