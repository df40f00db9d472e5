import { describe, expect, test } from 'vitest';
import {
  furtherAddresses,
  killall,
  killallBeside,
  mountedTwice,
  mountsItTakes,
  shimsIn,
} from '../../src/k3s/killall.js';
import { parseProcesses } from '../../src/k3s/listing.js';

const MOUNTS = [
  '/dev/vda1 / ext4 rw,relatime 0 0',
  'tmpfs /run tmpfs rw 0 0',
  'shm /run/k3s/containerd/io.containerd.grpc.v1.cri/sandboxes/89/shm tmpfs rw 0 0',
  'nas:/vol /var/lib/kubelet/pods/0a/volumes/kubernetes.io~nfs/my\\040disk nfs4 rw 0 0',
  'nsfs /run/netns/cni-1 nsfs rw 0 0',
  'nsfs /run/netns/mine nsfs rw 0 0',
  'data /srv/kubelet ext4 rw 0 0',
].join('\n');

describe('k3s-killall.sh', () => {
  test('lies beside k3s, and is told where K3s keeps its data', () => {
    expect(killallBeside('/usr/local/bin/k3s')).toBe('/usr/local/bin/k3s-killall.sh');
    expect(killall('/opt/bin/k3s-killall.sh', '/data/k3s')).toEqual([
      'env',
      'K3S_DATA_DIR=/data/k3s',
      '/opt/bin/k3s-killall.sh',
    ]);
  });

  test('takes off the mounts of pods and of K3s, and no others', () => {
    expect(mountsItTakes(MOUNTS).map((mount) => mount.path)).toEqual([
      '/run/k3s/containerd/io.containerd.grpc.v1.cri/sandboxes/89/shm',
      '/var/lib/kubelet/pods/0a/volumes/kubernetes.io~nfs/my disk',
      '/run/netns/cni-1',
    ]);
    expect(mountsItTakes(MOUNTS)[1]?.type).toBe('nfs4');
  });

  test('a path with two mounts is found', () => {
    const twice = 'a /run/k3s/x ext4 rw 0 0\nb /run/k3s/y ext4 rw 0 0\nc /run/k3s/x ext4 rw 0 0\n';
    expect(mountedTwice(mountsItTakes(twice))).toEqual(['/run/k3s/x']);
    expect(mountedTwice(mountsItTakes(MOUNTS))).toEqual([]);
  });

  // As `ps -eo pid=,user=,args=` prints what m-pods/02-k3s-stopped-processes-node-1 recorded.
  test('shims of K3s are told from those of another containerd', () => {
    const found = parseProcesses(
      [
        '    525 root     /usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id 8949e1a2 -address /run/k3s/containerd/containerd.sock',
        '    546 root     /pause',
        '    900 root     /usr/bin/containerd-shim-runc-v2 -namespace moby -id 11 -address /run/containerd/containerd.sock',
      ].join('\n'),
    );
    expect(shimsIn(found).map((one) => one.pid)).toEqual([525]);
  });

  test('addresses besides the host’s own are named; those of pods and bridges are not', () => {
    const said = [
      '2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever',
      '2: eth0    inet 10.0.0.10/32 scope global deprecated eth0\\       valid_lft forever preferred_lft forever',
      '3: eth1@if7    inet6 fd00::5/64 scope global \\       valid_lft forever preferred_lft forever',
      '5: cni0    inet 10.42.0.1/24 brd 10.42.0.255 scope global cni0\\       valid_lft forever preferred_lft forever',
      '6: flannel.1    inet 10.42.0.0/32 scope global flannel.1\\       valid_lft forever preferred_lft forever',
    ].join('\n');
    expect(furtherAddresses(said, '10.0.0.11')).toEqual([
      { device: 'eth0', address: '10.0.0.10/32' },
      { device: 'eth1', address: 'fd00::5/64' },
    ]);
  });
});
