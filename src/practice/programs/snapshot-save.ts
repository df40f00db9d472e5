import { createHash } from 'node:crypto';
import type { PracticeNode } from '../node/node.js';
import type { Serving } from './serving.js';

/**
 * `k3s etcd-snapshot save`: writes the image this history began with, with a right trailer. What was changed through
 * the API since is in the model's object list, not in these bytes. Returns the snapshot's name.
 */
export function snapshotNow(node: PracticeNode, serving: Serving, prefix: string): string {
  const name = `${prefix}-${node.name}-${Math.floor(node.now() / 1000)}`;
  const dir = `${serving.k3s.options.dataDir}/server/db/snapshots`;
  const { image } = serving.lineage;
  const hash = createHash('sha256').update(image).digest();
  node.files().mkdir(dir, { parents: true, mode: 0o700 });
  node.files().write(`${dir}/${name}`, new Uint8Array(Buffer.concat([image, hash])), 0o600);
  return name;
}
