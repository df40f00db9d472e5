import { dropContainers, mountsOf } from '../node/containers.js';
import type { Program } from './run.js';

/**
 * `k3s-killall.sh`. No real run of it was recorded: what it does and the commands its `set -x` prints are those of the install script's text
 * (K3S:install.sh, create_killall); what the programs below it say on their own is left out.
 */
export const killall: Program = async (node, run) => {
  const say = async (line: string): Promise<void> => void (await run.output.err(`+ ${line}\n`));
  for (const unit of [...node.state.units.values()]) {
    if (!/^k3s.*\.service$/.test(`${unit.name.replace(/\.service$/, '')}.service`) || unit.def.transient) continue;
    await say(`[ -s /etc/systemd/system/${unit.name.replace(/\.service$/, '')}.service ]`);
    await say(`systemctl stop ${unit.name.replace(/\.service$/, '')}.service`);
    const code = await node.run({ ...run, argv: ['systemctl', 'stop', unit.name] });
    if (code !== 0) return code;
  }
  await say(`kill -9 ${node.state.containers.map((one) => one.pid).join(' ')}`.trimEnd());
  await node.time.sleep(300, run.signal);
  const paths = mountsOf(node.state).map((line) => line.split(' ')[1] ?? '');
  dropContainers(node);
  for (const path of paths.sort().reverse()) await run.output.err(`sh -c 'umount -f "$0" && rm -rf "$0"' ${path}\n`);
  for (const device of ['cni0', 'flannel.1', 'flannel-v6.1', 'kube-ipvs0', 'flannel-wg', 'flannel-wg-v6'])
    await say(`ip link delete ${device}`);
  await say('rm -rf /var/lib/cni/');
  await say('iptables-restore');
  await say('ip6tables-restore');
  node.changed();
  return 0;
};

/** `ip -o addr`: the host's own address, and those it keeps besides. */
export const ip: Program = async (node, run) => {
  const words = run.argv.slice(1).filter((word) => !word.startsWith('-'));
  if (!/^a(ddr(ess)?)?$/.test(words[0] ?? '')) {
    await run.output.err(`Object "${words[0] ?? ''}" is unknown, try "ip help".\n`);
    return 1;
  }
  const row = (address: string): string =>
    `2: eth0    inet ${address} scope global eth0\\       valid_lft forever preferred_lft forever\n`;
  await run.output.out([`${node.state.ip}/24 brd 10.77.0.255`, ...node.state.further].map(row).join(''));
  return 0;
};
