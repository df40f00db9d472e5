import type { Process } from './listing.js';

/**
 * `k3s-killall.sh`, which the install script writes beside `k3s` (K3S:install.sh `create_killall`; DOCS:docs/upgrades/killall.md). What it does is
 * read from its text: no recording of a real K3s covers it. It stops every unit `k3s*.service`, kills the containers' shims with everything below
 * them, takes off mounts, removes CNI's interfaces, `/var/lib/cni` and the packet filter rules of Kubernetes, CNI and flannel. The cluster's data stays.
 */
export const killallBeside = (k3s: string): string => `${k3s.slice(0, k3s.lastIndexOf('/'))}/k3s-killall.sh`;

/** It looks for shims under K3s' data directory, which it takes from the environment; older ones know only the default. */
export const killall = (script: string, dataDir: string): string[] => ['env', `K3S_DATA_DIR=${dataDir}`, script];

/** Where it takes mounts off, and then removes the directory they were mounted on. */
const UNMOUNTED = ['/run/k3s', '/var/lib/kubelet/pods', '/var/lib/kubelet/plugins', '/run/netns/cni-'];

export interface Mount {
  readonly path: string;
  readonly type: string;
}

export const listMounts = (): string[] => ['cat', '/proc/self/mounts'];

/** The mounts the script takes off, from `/proc/self/mounts`. */
export function mountsItTakes(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [, path = '', type = ''] = line.split(' ');
    const plain = path.replace(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return UNMOUNTED.some((prefix) => plain.startsWith(prefix)) ? [{ path: plain, type }] : [];
  });
}

/**
 * Paths that something is mounted on twice. For each mount the script runs `umount -f` and then `rm -rf` on the path: where a second mount lies
 * below the first, that removes what is in it.
 */
export function mountedTwice(mounts: readonly Mount[]): string[] {
  const paths = mounts.map((mount) => mount.path);
  return [...new Set(paths.filter((path, index) => paths.indexOf(path) !== index))];
}

/** Shims of K3s' own containerd; each holds one pod (m-pods/02-k3s-stopped-processes). */
export const shimsIn = (processes: readonly Process[]): Process[] =>
  processes.filter(({ command }) => /\bcontainerd-shim\S* .*-address \/run\/k3s\//.test(command));

export const listAddresses = (): string[] => ['ip', '-o', 'addr', 'show', 'scope', 'global'];

export interface Address {
  readonly device: string;
  /** With its prefix length, as `ip` prints it. */
  readonly address: string;
}

/** Devices whose addresses are those of pods and bridges, not of the host. */
const NOT_THE_HOST = /^(cni\d|flannel|kube-ipvs|docker|veth|br-|cilium|cali|tunl|vxlan)/;

/** Addresses of a host besides its own, from `ip -o addr`: a virtual one of kube-vip or keepalived is among them. */
export function furtherAddresses(text: string, own: string): Address[] {
  return text.split('\n').flatMap((line) => {
    const [, device, address] = /^\d+:\s+(\S+?)(?:@\S+)?\s+inet6?\s+(\S+)/.exec(line) ?? [];
    if (device === undefined || address === undefined || NOT_THE_HOST.test(device)) return [];
    return address.split('/')[0] === own ? [] : [{ device, address }];
  });
}
