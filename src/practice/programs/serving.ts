import type { K3sState, Lineage } from '../k3s/ports.js';
import type { PracticeNode } from '../node/node.js';

/** A K3s server on a node whose apiserver answers. */
export interface Serving {
  readonly k3s: K3sState;
  readonly lineage: Lineage;
}

/** The K3s server running on a node, whatever its state; not one that resets. */
export function serverOn(node: PracticeNode): K3sState | undefined {
  for (const proc of node.state.procs.values()) {
    if (proc.k3s?.options.command === 'server' && proc.k3s.supervisor !== 'down') return proc.k3s;
  }
  return undefined;
}

/** The server on a node if its API is ready and has a leader. */
export function servingApi(node: PracticeNode): Serving | undefined {
  const k3s = serverOn(node);
  if (k3s?.api !== 'ready' || !k3s.led || k3s.wal === undefined) return undefined;
  return { k3s, lineage: node.etcd.lineage(k3s.wal.lineage) };
}
