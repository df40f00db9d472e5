import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ASKED_LOG, type Machine } from './machine.js';
import { HOSTS, type LabSecrets } from './plan.js';
import { must } from './sh.js';

const ASKED_PROGRAM = '/usr/local/sbin/lab-asked';
const ASKED_SCRIPT = `#!/bin/sh
[ -n "$SSH_ORIGINAL_COMMAND" ] || exec "$SHELL"
printf '%s\\0' "$SSH_ORIGINAL_COMMAND" >> ${ASKED_LOG}
exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"
`;

/** Gives a machine its name, users, keys and sudo rules before it boots. */
export async function configureSystem(machine: Machine, publicKey: string, secrets: LabSecrets): Promise<void> {
  const { host, root } = machine;
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(`${root}${path.slice(0, path.lastIndexOf('/'))}`, { recursive: true });
    writeFileSync(`${root}${path}`, text, { mode });
  };
  write('/etc/hostname', `${host.name}\n`);
  write('/etc/machine-id', `${'0123456789abcdef0123456789abcde'}${host.name.at(-1)}\n`, 0o444);
  write('/etc/hosts', ['127.0.0.1 localhost', ...HOSTS.map((one) => `${one.ip} ${one.name}`), ''].join('\n'));
  write('/etc/resolv.conf', '');
  mkdirSync(`${root}/var/log/journal`, { recursive: true });
  await must(['chroot', root, 'useradd', '--create-home', '--shell', '/bin/bash', 'ops']);
  await must(['chroot', root, 'chpasswd'], { input: `ops:${secrets.sudoPassword}\n` });
  write('/root/.ssh/authorized_keys', publicKey, 0o600);
  write('/home/ops/.ssh/authorized_keys', publicKey, 0o600);
  await must(['chroot', root, 'chown', '-R', 'ops:ops', '/home/ops']);
  await must(['chmod', '700', `${root}/root/.ssh`, `${root}/home/ops/.ssh`]);
  if (host.sudo === 'password') write('/etc/sudoers.d/ops', 'ops ALL=(ALL) ALL\n', 0o440);
  if (host.sudo === 'passwordless') {
    // A `secure_path` without /usr/local/bin, as Red Hat ships it.
    write(
      '/etc/sudoers.d/ops',
      'Defaults secure_path="/sbin:/bin:/usr/sbin:/usr/bin"\nops ALL=(ALL) NOPASSWD: ALL\n',
      0o440,
    );
  }
  sshd(machine);
  // Its own host keys: the ones of the base tree would be the same everywhere.
  await must(['chroot', root, 'sh', '-c', 'rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -A']);
}

function sshd({ host, root }: Machine): void {
  const lines = [`Port ${host.sshPort}`, 'PasswordAuthentication no', 'UseDNS no', `ForceCommand ${ASKED_PROGRAM}`];
  writeFileSync(`${root}${ASKED_PROGRAM}`, ASKED_SCRIPT, { mode: 0o755 });
  writeFileSync(`${root}${ASKED_LOG}`, '');
  chmodSync(`${root}${ASKED_LOG}`, 0o666);
  const via = HOSTS.find((one) => one.name === host.jump);
  // Behind a jump host means that nobody else may log in.
  if (via !== undefined) lines.push(`AllowUsers *@${via.ip}`);
  if (host.sessions !== undefined) lines.push(`MaxSessions ${host.sessions}`);
  mkdirSync(`${root}/etc/ssh/sshd_config.d`, { recursive: true });
  writeFileSync(`${root}/etc/ssh/sshd_config.d/lab.conf`, `${lines.join('\n')}\n`);
}

/** The line known_hosts has for a machine. */
export function knownHost({ host, root }: Machine): string {
  const key = readFileSync(`${root}/etc/ssh/ssh_host_ed25519_key.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  const name = host.sshPort === 22 ? host.ip : `[${host.ip}]:${host.sshPort}`;
  return `${name} ${key}\n`;
}
