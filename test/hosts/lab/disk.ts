import { chmodSync, chownSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { contentOf, type Inode } from '../../../src/practice/node/inode.js';
import { makeDisk } from '../../../src/practice/node/layout.js';
import type { LabHost } from './plan.js';

/**
 * Puts K3s' files onto a real disk as its install.sh and its first start left them: the very files a practice node has
 * (they come from the recordings), but `/usr/local/bin/k3s` is the stand-in.
 */
export function installK3s(host: LabHost, root: string, enabled: boolean): void {
  const disk = makeDisk({ name: host.name, ip: host.ip, role: host.role }, () => Date.now(), new Set(), host.dataDir);
  const unit = host.role === 'server' ? 'k3s' : 'k3s-agent';
  const wanted = (path: string): boolean =>
    ['/etc/rancher', host.dataDir].some((top) => path === top || path.startsWith(`${top}/`)) ||
    path.startsWith(`/etc/systemd/system/${unit}.service`) ||
    (enabled && path === `/etc/systemd/system/multi-user.target.wants/${unit}.service`);
  const leadsTo = (path: string): boolean =>
    ['/etc/rancher', host.dataDir, `/etc/systemd/system/multi-user.target.wants`].some((top) =>
      top.startsWith(`${path}/`),
    ) || path === '';
  const walk = (path: string, inode: Inode): void => {
    if (wanted(path)) place(`${root}${path}`, inode);
    if (inode.kind !== 'dir') return;
    if (wanted(path) || leadsTo(path) || path === '/etc/systemd/system/multi-user.target.wants')
      for (const [name, child] of inode.entries) walk(`${path}/${name}`, child);
  };
  walk('', disk.root);
  mkdirSync(`${root}/usr/local/bin`, { recursive: true });
  writeFileSync(`${root}/usr/local/bin/k3s`, STAND_IN, { mode: 0o755 });
  for (const link of ['kubectl', 'crictl', 'ctr']) symlinkSync('k3s', `${root}/usr/local/bin/${link}`);
}

const STAND_IN = `#!/bin/sh
# A stand-in for K3s, not K3s: the project's model of it over this disk and a real etcd.
exec /opt/lab/node /opt/lab/test/hosts/standin/main.js "$0" "$@"
`;

function place(path: string, inode: Inode): void {
  if (inode.kind === 'dir') {
    mkdirSync(path, { recursive: true });
    chmodSync(path, inode.mode & 0o7777);
  } else if (inode.kind === 'file') {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    writeFileSync(path, contentOf(inode));
    chmodSync(path, inode.mode & 0o7777);
    chownSync(path, 0, 0);
    utimesSync(path, inode.mtime / 1000, inode.mtime / 1000);
  } else {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    symlinkSync(inode.target, path);
  }
}
