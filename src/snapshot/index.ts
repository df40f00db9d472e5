/** Proof that a snapshot will restore: what other rooms may use of this one. */
export { caHashOf } from './bootstrap.js';
export { type DiffEntry, type DiffOptions, diffSnapshots, liveObjects, type SnapshotDiff } from './diff.js';
export { failedProof } from './draft.js';
export type { Member } from './etcd-scan.js';
export type { Finding, Severity } from './findings.js';
export { type Format, looksLikeOpenPgp } from './form.js';
export { timeOfName } from './name-time.js';
export { type ObjectName, parseKey } from './objects.js';
export {
  type Identity,
  type IdentityVerdict,
  type Proof,
  type TokenProof,
  type TokenTry,
  type Trial,
  type Verdict,
  verdictOf,
} from './proof.js';
export { type ProofProgress, type ProveOptions, prove } from './prove.js';
export { compareSurvivors, type MemberCopy, readSurvivor, type Survivor } from './survivor.js';
export { compareVersions } from './taken-at.js';
export { parseToken, shortHash, tokenHash } from './token.js';
export type { NamedToken } from './token-proof.js';
export { unzipSnapshot } from './unzip.js';
export type { Wake, WakeCause } from './wakes.js';
export { readWal, type WalBeyond, type WalOptions, type WalReading, walStart, walsAfter } from './wal.js';
