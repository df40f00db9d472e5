import type { Findings } from './findings.js';
import type { Identity, IdentityVerdict } from './proof.js';

/** What is known of the cluster at hand, from its inventory and its hosts, and what earlier proofs showed. */
export interface Expected {
  /** SHA-256 of the `server-ca.crt` of reachable hosts, or the `K10` prefix of their tokens. */
  readonly caHashes?: readonly string[] | undefined;
  readonly nodes?: readonly string[] | undefined;
  /** UID of namespace kube-system. */
  readonly clusterUid?: string | undefined;
  /** CAs that this cluster's own tokens name: they can speak for a snapshot, not against it (the CA may have been rotated since). */
  readonly namedCaHashes?: readonly string[] | undefined;
  /** Of the cluster that had this name when a backup was last proven here: it may have been made anew since, so it speaks only for a snapshot. */
  readonly past?: { readonly clusterUid?: string | undefined; readonly caHashes?: readonly string[] } | undefined;
}

/** What the snapshot says of itself. */
export interface Claimed {
  readonly caHash: string | null;
  readonly nodes: readonly string[];
  readonly clusterUid: string | null;
}

/**
 * Whose snapshot it is. The UID of kube-system and the CA are made once per cluster, so either decides; the UID before the CA, which
 * may have been rotated. What hosts have comes before what was proven here in the past. Node names are only a hint: every second cluster has a `node-1`. `elsewhere`: it is to be restored on another
 * cluster on purpose, so that one of another is no fault of it.
 */
export function identify(claimed: Claimed, expected: Expected, findings: Findings, elsewhere = false): Identity {
  const evidence: string[] = [];
  const uid = compareUid(claimed, expected, evidence);
  const ca = compareCa(claimed, expected, evidence);
  const past = comparePast(claimed, expected, evidence);
  const names = compareNames(claimed, expected, evidence);
  let verdict: IdentityVerdict = 'cannot-tell';
  if (uid !== undefined) verdict = uid ? 'this-cluster' : 'another-cluster';
  else if (ca === true || past === true) verdict = 'this-cluster';
  else if (ca === false) verdict = 'another-cluster';
  else if (namedByToken(claimed, expected, evidence)) verdict = 'this-cluster';
  if (verdict === 'another-cluster' && elsewhere) return { verdict, evidence };
  if (verdict === 'another-cluster') {
    findings.add({
      id: 'another-cluster',
      severity: 'fatal',
      message: `This snapshot is from another cluster: ${evidence.join('; ')}.`,
      remedy:
        'Choose a snapshot of this cluster. Restoring another cluster here on purpose is a plan of its own: restore-elsewhere.',
    });
  } else if (verdict === 'this-cluster' && ca === false) {
    findings.add({
      id: 'ca-rotated',
      severity: 'warning',
      message:
        "The snapshot is of this cluster, but from before its certificate authority was changed: its CA is not the hosts'.",
      remedy: 'After the restore, peers need server/tls and server/cred moved aside and agents have to join again.',
    });
  } else if (verdict === 'cannot-tell' && names === false) {
    findings.add({
      id: 'nodes-unknown',
      severity: 'warning',
      message: `None of this cluster's node names is in the snapshot; it knows ${claimed.nodes.slice(0, 8).join(', ')}.`,
      remedy:
        'Make sure it is a snapshot of this cluster: compare its CA hash with sha256sum of server/tls/server-ca.crt on a host.',
    });
  } else if (verdict === 'cannot-tell' && asked(expected)) {
    findings.add({
      id: 'identity-unknown',
      severity: 'warning',
      message: `Whose snapshot this is cannot be told: ${evidence.length === 0 ? 'nothing is at hand to compare it with' : `only that ${evidence.join('; ')}`}. ${
        claimed.caHash === null ? 'It names no CA.' : `Its CA is ${claimed.caHash.slice(0, 12)}.`
      }`,
      remedy:
        'Compare that with sha256sum of server/tls/server-ca.crt on a server of this cluster before restoring it.',
    });
  }
  return { verdict, evidence };
}

/** Whether the caller wants to know whose it is, even where it knew nothing to compare with. */
function asked({ caHashes, nodes, clusterUid }: Expected): boolean {
  return caHashes !== undefined || nodes !== undefined || clusterUid !== undefined;
}

function compareUid(claimed: Claimed, expected: Expected, evidence: string[]): boolean | undefined {
  if (claimed.clusterUid === null || expected.clusterUid === undefined) return undefined;
  const same = claimed.clusterUid === expected.clusterUid;
  evidence.push(
    same
      ? 'the UID of kube-system is the same'
      : `the UID of kube-system is ${claimed.clusterUid}, expected ${expected.clusterUid}`,
  );
  return same;
}

function compareCa(claimed: Claimed, expected: Expected, evidence: string[]): boolean | undefined {
  const known = expected.caHashes ?? [];
  if (claimed.caHash === null || known.length === 0) return undefined;
  const hash = claimed.caHash.toLowerCase();
  const same = known.some((one) => one.toLowerCase() === hash);
  evidence.push(
    same
      ? `its CA ${hash.slice(0, 12)} is the hosts' own`
      : `its CA is ${hash.slice(0, 12)}, the hosts have ${known.map((one) => one.slice(0, 12)).join(', ')}`,
  );
  return same;
}

function comparePast(claimed: Claimed, { past }: Expected, evidence: string[]): boolean | undefined {
  const uid = past?.clusterUid;
  if (uid !== undefined && claimed.clusterUid !== null) {
    const same = claimed.clusterUid === uid;
    evidence.push(
      same
        ? 'the UID of kube-system is that of backups proven here before'
        : `backups proven here before were of a cluster whose kube-system has the UID ${uid}, in this one it is ${claimed.clusterUid}`,
    );
    return same;
  }
  const hash = claimed.caHash?.toLowerCase();
  if (hash === undefined || past?.caHashes?.some((one) => one.toLowerCase() === hash) !== true) return undefined;
  evidence.push(`its CA ${hash.slice(0, 12)} is that of backups proven here before`);
  return true;
}

function namedByToken(claimed: Claimed, expected: Expected, evidence: string[]): boolean {
  const hash = claimed.caHash?.toLowerCase();
  if (hash === undefined || expected.namedCaHashes?.includes(hash) !== true) return false;
  evidence.push(`its CA ${hash.slice(0, 12)} is the one this cluster's token names`);
  return true;
}

function compareNames(claimed: Claimed, expected: Expected, evidence: string[]): boolean | undefined {
  const known = expected.nodes ?? [];
  if (known.length === 0 || claimed.nodes.length === 0) return undefined;
  const both = known.filter((name) => claimed.nodes.includes(name));
  evidence.push(`${both.length} of ${known.length} node names are in the snapshot`);
  return both.length > 0;
}
