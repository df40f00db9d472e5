/** Backups: the catalogue, and the way from a stored backup to a proven snapshot on this machine. */
export type { BucketConfig } from './bucket.js';
export { bucketProblem } from './bucket-problems.js';
export {
  type Backup,
  type BackupPlace,
  fileBackup,
  listBucket,
  listFolder,
  listServer,
  merge,
  nextBest,
  pick,
  type ServerFile,
  suggested,
  usable,
} from './catalogue.js';
export { fetchAndProve } from './client.js';
export { findCredentials } from './credentials.js';
export { fetchHead, type Source } from './fetch.js';
export { assess, type CatalogueHealth, type Gap, KEEP, type Retention } from './health.js';
export { type BackupKind, type BackupName, nearest, parseTime, readName } from './names.js';
export { decrypt } from './openpgp.js';
export { HEAD_BYTES, type PassphraseTest, testPassphrase } from './openpgp-head.js';
export {
  type Fetched,
  type FetchHooks,
  type FetchRequest,
  fetchAndProveHere,
  type ProofTerms,
  spoolFromServer,
} from './pipeline.js';
export type { PipelineProgress, Stage } from './progress.js';
export { answers, endpointOf } from './reach.js';
export { Spool } from './spool.js';
export { tokenHashesOf } from './token-hashes.js';
