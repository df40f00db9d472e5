import { createHash } from 'node:crypto';
import { dataBytes, dataText, snapshot } from '../data.js';
import type { FaultName } from '../faults.js';
import { firstPassword } from '../k3s/node-password.js';
import { loadedCopy } from '../loaded.js';
import { PROGRAMS } from '../programs/index.js';
import { Files } from './files.js';
import type { HostPlan } from './hosts.js';
import { type Disk, directory } from './inode.js';

/** The token of the recorded cluster (`a-healthy/node-1.token-files.out`). */
export const TOKEN = 'blackstart-lab-token-1';
const GIB = 1 << 30;

/** Tools the shell library brings: it finds them where a file of their name is. */
const SHELL_TOOLS = (
  'sh bash tee grep egrep fgrep sed awk cut tr sort wc printf basename dirname seq xargs uniq diff gzip gunzip zcat tar tac rev comm paste nl od ' +
  'base64 md5sum sha1sum expr file tree fold join split column expand unexpand strings printenv hexdump yes'
).split(' ');

/** What the servers of a cluster share: its token and its CA. */
interface Identity {
  readonly token: string;
  readonly ca: string;
}

/** Of the recorded cluster, or of the one whose backup is loaded. */
function identity(): Identity {
  const copy = loadedCopy();
  return copy === undefined
    ? { token: TOKEN, ca: dataText('server-ca.crt') }
    : { token: copy.password, ca: copy.serverCa };
}

/** A token may hold what YAML reads as something else. */
const inYaml = (token: string): string => (/^[A-Za-z][A-Za-z0-9._-]*$/.test(token) ? token : JSON.stringify(token));

function serverConfig(host: HostPlan, dataDir: string): string {
  const how = host.name === 'node-1' ? 'cluster-init: true' : 'server: https://10.77.0.11:6443';
  const moved = dataDir === '/var/lib/rancher/k3s' ? '' : `data-dir: ${dataDir}\n`;
  return `token: ${inYaml(identity().token)}\n${how}\n${moved}tls-san:\n  - k3s.lab.internal\nwrite-kubeconfig-mode: "0600"\ndisable:\n  - coredns\n  - traefik\n  - metrics-server\n  - local-storage\n  - servicelb\n`;
}

function labConfig(host: HostPlan): string {
  const server =
    host.role === 'server' ? 'flannel-backend: none\ndisable-network-policy: true\ndisable-kube-proxy: true\n' : '';
  return `${server}node-ip: ${host.ip}\nsnapshotter: native\nkubelet-arg:\n  - fail-cgroupv1=false\n  - feature-gates=KubeletInUserNamespace=true\n`;
}

function unitText(host: HostPlan): string {
  const unit = host.role === 'server' ? 'k3s' : 'k3s-agent';
  return `[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/${unit}.service.env
KillMode=process
Delegate=yes
User=root
# Having non-zero Limit*s causes performance problems due to accounting overhead
# in the kernel. We recommend using cgroups to do container-local accounting.
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s \\
    ${host.role} \\

`;
}

function secretFile(name: string): string {
  return `-----BEGIN PRACTICE FILE-----\n${createHash('sha256').update(name).digest('hex')}\n-----END PRACTICE FILE-----\n`;
}

function systemFiles(files: Files, host: HostPlan): void {
  for (const path of [
    '/root',
    '/etc',
    '/run/systemd',
    '/tmp',
    '/usr/bin',
    '/usr/sbin',
    '/usr/local/bin',
    '/var/lib',
    '/var/tmp',
    '/dev',
    '/proc',
    '/home/ops',
    '/etc/systemd/system/multi-user.target.wants',
    '/etc/rancher/node',
  ]) {
    files.mkdir(path, { parents: true });
  }
  files.chmod('/root', 0o700);
  files.chmod('/tmp', 0o1777);
  files.chmod('/var/tmp', 0o1777);
  files.chown('/home/ops', 'ops');
  files.symlink('usr/bin', '/bin');
  files.symlink('usr/sbin', '/sbin');
  for (const name of PROGRAMS.keys()) {
    if (!['k3s', 'k3s-killall.sh', 'kubectl', 'crictl', 'etcdctl', '['].includes(name))
      files.write(`/usr/bin/${name}`, '', 0o755);
  }
  for (const name of SHELL_TOOLS) files.write(`/usr/bin/${name}`, '', 0o755);
  const id = `0123456789abcdef0123456789abcde${host.name.at(-1)}`;
  files.write('/etc/machine-id', `${id}\n`, 0o444);
  files.write('/etc/hostname', `${host.name}\n`);
  files.write(
    '/etc/os-release',
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
  );
  files.write('/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000::/home/ops:/bin/bash\n');
  files.write('/dev/null', '', 0o666);
  files.mkdir('/proc/self', { parents: true });
  for (const path of ['/proc/uptime', '/proc/mounts', '/proc/self/mounts']) files.write(path, '', 0o444);
}

function installK3s(files: Files, host: HostPlan): void {
  const unit = host.role === 'server' ? 'k3s' : 'k3s-agent';
  files.write('/usr/local/bin/k3s', 'ELF', 0o755, 75_000_000);
  for (const link of ['kubectl', 'crictl', 'ctr']) files.symlink('k3s', `/usr/local/bin/${link}`);
  files.write('/usr/local/bin/k3s-killall.sh', '#!/bin/sh\n', 0o755);
  const path = `/etc/systemd/system/${unit}.service`;
  files.write(path, unitText(host));
  files.write(`${path}.env`, host.role === 'server' ? `K3S_NODE_NAME='${host.name}'\n` : '', 0o600);
  files.symlink(path, `/etc/systemd/system/multi-user.target.wants/${unit}.service`);
  files.write('/etc/rancher/node/password', firstPassword(host.name), 0o600);
}

function configure(files: Files, host: HostPlan, dataDir: string): void {
  files.mkdir('/etc/rancher/k3s/config.yaml.d', { parents: true });
  const agent = `token: ${inYaml(identity().token)}\nserver: https://10.77.0.11:6443\n${dataDir === '/var/lib/rancher/k3s' ? '' : `data-dir: ${dataDir}\n`}`;
  files.write('/etc/rancher/k3s/config.yaml', host.role === 'server' ? serverConfig(host, dataDir) : agent, 0o600);
  files.write('/etc/rancher/k3s/config.yaml.d/lab.yaml', labConfig(host));
  if (host.role === 'server') files.write('/etc/rancher/k3s/k3s.yaml', secretFile('k3s.yaml'), 0o600);
}

/** `server/` without `db/etcd`: token, passwords, TLS, snapshots (`a-healthy/node-1.ls-server.out`). */
function serverFiles(files: Files, host: HostPlan, dataDir: string): void {
  const server = `${dataDir}/server`;
  for (const folder of ['cred', 'db/snapshots', 'tls/etcd', 'tls/kube-controller-manager', 'etc'])
    files.mkdir(`${server}/${folder}`, { parents: true, mode: 0o700 });
  for (const folder of ['', '/cred', '/db', '/db/snapshots', '/tls', '/etc']) files.chmod(`${server}${folder}`, 0o700);
  const { token, ca } = identity();
  const full = `K10${createHash('sha256').update(ca).digest('hex')}::server:${token}\n`;
  files.write(`${server}/token`, full, 0o600);
  files.symlink(`${server}/token`, `${server}/node-token`);
  files.symlink(`${server}/token`, `${server}/agent-token`);
  files.write(`${server}/cred/passwd`, `${token},node,node,k3s:agent\n${token},server,server,k3s:server\n`, 0o600);
  files.write(`${server}/cred/ipsec.psk`, secretFile('ipsec'), 0o600);
  files.write(`${server}/cred/admin.kubeconfig`, secretFile('admin'), 0o600);
  files.write(`${server}/tls/server-ca.crt`, ca);
  files.write(`${server}/tls/server-ca.key`, secretFile('server-ca'), 0o600);
  for (const name of [
    'client-ca',
    'request-header-ca',
    'etcd/server-ca',
    'etcd/peer-ca',
    'etcd/client',
    'etcd/server-client',
    'etcd/peer-server-client',
  ]) {
    files.write(`${server}/tls/${name}.crt`, secretFile(`${name}.crt`));
    files.write(`${server}/tls/${name}.key`, secretFile(`${name}.key`), 0o600);
  }
  // A copy stands alone: the recorded snapshots are of another cluster.
  if (host.name !== 'node-1' || loadedCopy() !== undefined) return;
  const snapshots = `${server}/db/snapshots`;
  files.write(`${snapshots}/on-demand-node-1-1795342572`, snapshot('s3'), 0o600);
  files.touch(`${snapshots}/on-demand-node-1-1795342572`, 1_795_342_572_000);
  files.write(`${snapshots}/pre-upgrade-node-1-1795342556.zip`, dataBytes('s2.zip'), 0o644);
  files.touch(`${snapshots}/pre-upgrade-node-1-1795342556.zip`, 1_795_342_556_000);
}

/** The disk of a host as installed and configured, before any etcd data. */
export function makeDisk(host: HostPlan, now: () => number, faults: ReadonlySet<FaultName>, dataDir: string): Disk {
  const disk: Disk = { root: directory(0o755, now()), total: 40 * GIB, used: 3 * GIB, mounts: [] };
  const files = new Files(disk, now);
  systemFiles(files, host);
  if (faults.has('not-installed') && host.name === 'node-2') return disk;
  if (faults.has('fresh-servers') && host.role === 'server') return disk;
  if (faults.has('fresh-host') && host.name === 'node-3') return disk;
  if (host.role === 'server' && !faults.has('no-etcdctl')) files.write('/usr/bin/etcdctl', 'ELF', 0o755, 15_000_000);
  installK3s(files, host);
  configure(files, host, dataDir);
  if (host.role === 'server') serverFiles(files, host, dataDir);
  files.mkdir(`${dataDir}/agent/etc`, { parents: true });
  files.write(`${dataDir}/agent/server-ca.crt`, identity().ca, 0o600);
  if (host.role === 'agent') {
    files.write(
      `${dataDir}/agent/etc/k3s-agent-load-balancer.json`,
      JSON.stringify({
        ServerURL: 'https://10.77.0.11:6443',
        ServerAddresses: ['10.77.0.11:6443', '10.77.0.12:6443', '10.77.0.13:6443'],
      }),
      0o600,
    );
  }
  if (faults.has('server-url-in-env') && host.name === 'node-1') {
    files.write(
      '/etc/systemd/system/k3s.service.env',
      "K3S_NODE_NAME='node-1'\nK3S_URL='https://10.77.0.12:6443'\n",
      0o600,
    );
  }
  return disk;
}
