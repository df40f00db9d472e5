import { writeFileSync } from 'node:fs';
import type { Lab } from './lab.js';
import { HOSTS, type LabHost } from './plan.js';

export interface InventoryOptions {
  /** Lines for `bucket:` or `snapshots:`. */
  readonly backups: string;
  readonly cluster?: string;
  /** A file of known host keys beside it; without, those of the lab are all known. */
  readonly knownHosts?: string;
}

const sudoOf = (host: LabHost): string => (host.sudo === 'password' ? '{ password: file:./sudo-password }' : host.sudo);

function entry(host: LabHost): string {
  const jump = host.jump === undefined ? 'none' : host.jump;
  const dir = `dataDir: ${host.dataDir}`;
  return `  - { name: ${host.name}, address: ${host.ip}, port: ${host.sshPort}, user: ${host.user}, identity: ./id_ed25519, jump: ${jump}, sudo: ${sudoOf(host)}, ${dir} }\n`;
}

/** Writes `cluster.yaml` and the files its secrets come from; its path. It is a drill: nothing in it is of use to anybody. */
export function writeInventory(lab: Lab, options: InventoryOptions): string {
  const rows = (role: LabHost['role']): string =>
    HOSTS.filter((host) => host.role === role)
      .map(entry)
      .join('');
  const jumps = HOSTS.filter((host) => HOSTS.some((one) => one.jump === host.name))
    .map(
      (host) =>
        `  - { name: ${host.name}, address: ${host.ip}, port: ${host.sshPort}, user: ${host.user}, identity: ./id_ed25519 }\n`,
    )
    .join('');
  const secret = (name: string, text: string): void =>
    writeFileSync(`${lab.home}/${name}`, `${text}\n`, { mode: 0o600 });
  secret('sudo-password', lab.secrets.sudoPassword);
  secret('passphrase', lab.secrets.passphrase);
  secret('token', lab.secrets.token);
  const text = `cluster: ${options.cluster ?? 'lab'}
drill: true
knownHosts: ./${options.knownHosts ?? 'known_hosts'}
servers:
${rows('server')}agents:
${rows('agent')}jumps:
${jumps}${options.backups}
passphrase: file:./passphrase
token: file:./token
contacts: []
`;
  const file = `${lab.home}/cluster.yaml`;
  writeFileSync(file, text);
  return file;
}
