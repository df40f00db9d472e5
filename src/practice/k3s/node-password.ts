import { createHash } from 'node:crypto';
import { at } from './paths.js';
import type { K3sPorts, K3sState, Lineage } from './ports.js';
import { log } from './speak.js';

const FILE = '/etc/rancher/node/password';
const PLACE = 'secrets kube-system/';

/** The Secret that keeps the hash of a node's password. */
export const passwordSecret = (node: string): string => `${PLACE}${node.toLowerCase()}.node-password.k3s`;

/** What a host that was installed before the disaster has in its file. */
export const firstPassword = (node: string): string => `${createHash('md5').update(node).digest('hex')}\n`;

/**
 * A machine shows its password to the cluster; another machine of the same name is refused until the Secret is gone (facts 4.4 row 49,
 * `f-single-node/08-agent-lost-password`, recorded on an agent). After a reset the server deletes its own Secret first (facts 1.8).
 */
export function passwordRefused(ports: K3sPorts, state: K3sState, lineage: Lineage): boolean {
  const { files } = ports;
  const name = state.options.nodeName ?? ports.node;
  if (!files.exists(FILE)) {
    files.mkdir('/etc/rancher/node', { parents: true });
    files.write(FILE, `${ports.hex(32)}\n`, 0o600);
  }
  const own = files.text(FILE);
  const secret = passwordSecret(name);
  const kept = lineage.passwords?.[name] ?? firstPassword(name);
  if (!files.exists(at.flag(state)) && lineage.objects.includes(secret) && kept !== own) {
    log(
      ports,
      state,
      'info',
      `Waiting to retrieve agent configuration; server is not ready: ${state.options.dataDir}/agent/serving-kubelet.crt: Node password rejected, duplicate hostname or contents of '${FILE}' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag`,
    );
    return true;
  }
  lineage.passwords = { ...lineage.passwords, [name]: own };
  // A cluster whose objects are those of the recordings keeps one for each of its nodes.
  const keeps = lineage.objects.some((line) => line.endsWith('.node-password.k3s'));
  if (keeps && !lineage.objects.includes(secret)) lineage.objects.push(secret);
  return false;
}
