import type { Problem } from '../base/problem.js';
import type { Proof } from './proof.js';

/** A proof while it is being made. */
export type Draft = { -readonly [K in keyof Proof]: Proof[K] };

/** A proof of which nothing is known yet. */
export function emptyDraft(source: string, bytes: number): Draft {
  return {
    ok: false,
    verdict: 'not-restorable',
    source,
    bytes,
    format: 'unknown',
    inner: null,
    sha256: { expected: null, actual: null, ok: false },
    fileSha256: null,
    pages: 0,
    pageSize: 0,
    totalSize: 0,
    revision: null,
    keys: null,
    totalKeys: null,
    hash: null,
    etcdVersion: null,
    clusterVersion: null,
    storageVersion: null,
    consistentIndex: null,
    term: null,
    leases: 0,
    members: [],
    nodes: [],
    k3sVersion: null,
    objects: {},
    objectsByNamespace: {},
    clusterUid: null,
    wakes: [],
    wakeCounts: {},
    takenAt: null,
    takenAtFrom: null,
    token: { checked: false, opens: false, expectedHash: null, candidate: null, tried: [] },
    caHash: null,
    caHashFrom: null,
    caExpiry: null,
    secretsEncryption: null,
    identity: { verdict: 'cannot-tell', evidence: [] },
    kineRevision: null,
    trial: null,
    problems: [],
    seconds: 0,
  };
}

/** The proof of a file that could not even be read as far as a snapshot: a damaged or wrongly encrypted one. */
export function failedProof(source: string, bytes: number, problem: Problem): Proof {
  const { id, what, next } = problem;
  return { ...emptyDraft(source, bytes), problems: [{ id, severity: 'fatal', message: what, remedy: next }] };
}

/** A 64-bit number as JSON can carry it: text above 2^53 (R28). */
export function jsonInteger(value: bigint | undefined): number | string | null {
  if (value === undefined) return null;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}
