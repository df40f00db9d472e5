import type { Rig } from './rig.js';

/** Where a K3s host keeps what matters; times and names drawn at random are taken out before comparing. */
const WATCHED = ['/etc', '/var/lib/rancher', '/data', '/run/blackstart', '/usr/local'];
const SERVERS = ['node-1', 'node-2', 'node-3'];

const neutral = (text: string): string =>
  text
    .replace(/(etcd-old-|tls-|etcd-backup-|restored-[\w-]+-node-\d-)\d{9,}/g, '$1TIME')
    .replace(/node-(\d)-[0-9a-f]{8}/g, 'node-$1-RANDOM');

/** Kind, mode, owner and content of every file that matters on a node, members as the cluster tells them, and unit states.
 * @param serving false where the cluster is down: then files alone count
 */
export async function endState(rig: Rig, serving = true): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const [name, node] of rig.cluster.nodes) {
    if (node.state.power !== 'on') continue;
    for (const [path, print] of node.fingerprint()) {
      if (!WATCHED.some((root) => path.startsWith(root))) continue;
      state[`${name}:${neutral(path)}`] = content(path, print);
    }
    if (!serving) continue;
    const unit = SERVERS.includes(name) ? 'k3s' : 'k3s-agent';
    const said = await rig.run(name, `systemctl show ${unit} -p ActiveState,SubState,DropInPaths`);
    state[`${name}: unit`] = said.stdout;
  }
  if (!serving) return state;
  const { stdout } = await rig.run('node-1', 'curl -s -k https://127.0.0.1:6443/db/info');
  const { members } = JSON.parse(stdout) as { members: { name: string; isLearner?: boolean }[] };
  state.members = neutral(
    members
      .map((member) => `${member.name} ${member.isLearner === true ? 'learner' : 'voter'}`)
      .sort()
      .join(', '),
  );
  const objects = await rig.run('node-1', 'k3s kubectl get configmaps,secrets,deployments,namespaces -A -o name');
  state.objects = objects.stdout;
  return state;
}

/** What a fingerprint says without its time. Files that hold a time or a random name count by kind and mode alone. */
function content(path: string, print: string): string {
  const [kind, mode, owner, , ...rest] = print.split(' ');
  const drawn = /\/db\/etcd\/(member\/wal\/|name$)|\.crt$|\.key$|kubeconfig$|k3s\.yaml$|snapshots\/restored-/.test(
    path,
  );
  return [kind, mode, owner, ...(drawn || kind === 'dir' ? [] : rest)].join(' ');
}

/** The lines in which two states differ, for a message one can read. */
export function differences(expected: Record<string, string>, found: Record<string, string>): string[] {
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return keys.flatMap((key) =>
    expected[key] === found[key]
      ? []
      : [`${key}: expected ${expected[key] ?? 'nothing'}, found ${found[key] ?? 'nothing'}`],
  );
}
