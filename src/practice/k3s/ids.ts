import { createHash } from 'node:crypto';

/**
 * etcd's id of a bootstrap member: computed from its peer URL, not random (R20). K3s restores with an empty
 * cluster token, so the ids after a restore differ from those of a first start and are the same for every restore.
 */
export function memberId(peerUrl: string, origin: 'new' | 'restore'): string {
  return createHash('sha1')
    .update(peerUrl + (origin === 'new' ? 'etcd-cluster' : ''))
    .digest('hex')
    .slice(0, 16);
}

/** etcd's cluster id: computed from the ids of the first members. */
export function clusterId(firstMember: string): string {
  return createHash('sha1').update(Buffer.from(firstMember, 'hex')).digest('hex').slice(0, 16);
}

/** An id as etcd's JSON prints it: all its digits, beyond 2^53 (R28). */
export function decimal(hexId: string): string {
  return BigInt(`0x${hexId}`).toString();
}
