import { crc32c, crcHex } from '../base/crc32c.js';
import { inertLine } from '../base/inert.js';
import type { Meta } from './bolt-meta.js';
import { BoltWalk, type Entry, type EntrySink } from './bolt-walk.js';
import type { Breath } from './breathe.js';
import type { Findings } from './findings.js';
import { emptyRevision, type Revision, readRevision } from './mvcc.js';
import type { RandomReader } from './reader.js';

/** A member of the cluster as the snapshot knew it; a restore drops them all. */
export interface Member {
  /** Lower-case hex, as etcdctl prints it. */
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly learner: boolean;
}

/** What the buckets of an etcd database say (facts 7.5–7.7). */
export interface EtcdScan {
  /** As etcdctl and etcdutl print it, hex; `undefined` when the tree could not be read to its end. */
  hash: string | undefined;
  revision: number | undefined;
  /** Entries of all buckets: what etcd up to 3.5 calls total keys. */
  totalKeys: number;
  consistentIndex: bigint | undefined;
  term: bigint | undefined;
  clusterVersion: string | undefined;
  storageVersion: string | undefined;
  leases: number;
  members: Member[];
}

/** Who is told every revision, in order. */
export interface RevisionSink {
  take(entry: Entry, revision: Revision): void;
}

/** Buckets every etcd 3.x has; a database without them is not etcd's. */
const NEEDED = ['key', 'meta', 'members', 'lease'];

/** Walks every bucket: etcd's hash over all of it, the revisions into `live`, the small buckets read. */
export async function scanEtcd(
  reader: RandomReader,
  meta: Meta,
  live: RevisionSink,
  findings: Findings,
  breath: Breath,
  onWalk: (walk: BoltWalk) => void,
): Promise<EtcdScan> {
  const walk = new BoltWalk(reader, meta, findings, breath);
  onWalk(walk);
  const scan: EtcdScan = {
    hash: undefined,
    revision: undefined,
    totalKeys: 0,
    consistentIndex: undefined,
    term: undefined,
    clusterVersion: undefined,
    storageVersion: undefined,
    leases: 0,
    members: [],
  };
  let crc = 0;
  const names = new Set<string>();
  for (const bucket of await walk.top(meta.root)) {
    const name = bucket.name.toString('latin1', 0, 64);
    names.add(name);
    crc = crc32c(crc, bucket.name, 0, bucket.name.length);
    const read = sinkFor(name, scan, live, findings);
    await bucket.open((entry) => {
      // A nested bucket's header is not hashed, only its name, as etcd's own loop does.
      const end = entry.isBucket ? entry.value : entry.value + entry.valueLength;
      crc = crc32c(crc, entry.bytes, entry.key, end);
      scan.totalKeys++;
      read(entry);
    });
  }
  walk.finish();
  const missing = NEEDED.filter((name) => !names.has(name));
  if (missing.length > 0 && findings.fatal === 0) {
    findings.damage('not-etcd', `This is a bbolt database, but not etcd's: it has no bucket ${missing.join(', ')}.`);
  }
  if (findings.fatal === 0) scan.hash = crcHex(crc);
  return scan;
}

function sinkFor(name: string, scan: EtcdScan, live: RevisionSink, findings: Findings): EntrySink {
  switch (name) {
    case 'key':
      return revisions(scan, live, findings);
    case 'lease':
      return () => scan.leases++;
    case 'members':
      return (entry) => {
        const member = scan.members.length < 100 ? readMember(entry) : undefined;
        if (member !== undefined) scan.members.push(member);
      };
    case 'cluster':
      return (entry) => {
        if (keyOf(entry) === 'clusterVersion') scan.clusterVersion = textOf(entry);
      };
    case 'meta':
      return (entry) => {
        const key = keyOf(entry);
        if (key === 'storageVersion') scan.storageVersion = textOf(entry);
        else if (key === 'consistent_index') scan.consistentIndex = bigOf(entry);
        else if (key === 'term') scan.term = bigOf(entry);
      };
    default:
      return () => {};
  }
}

function revisions(scan: EtcdScan, live: RevisionSink, findings: Findings): EntrySink {
  const revision = emptyRevision();
  let displaced = false;
  return (entry) => {
    const wrong = readRevision(entry, revision);
    if (wrong !== undefined) {
      findings.damage('revision-unreadable', `A revision in the database cannot be read: ${wrong}.`, {
        offset: entry.fileOffset,
      });
      return;
    }
    scan.revision = revision.main;
    if (revision.keyEnd === revision.key) return;
    if (!revision.tombstone && revision.modRevision !== revision.main && !displaced) {
      displaced = true;
      findings.add({
        id: 'revision-differs',
        severity: 'warning',
        message: `An object says it was written at revision ${revision.modRevision}, its place in the database says ${revision.main}.`,
        remedy: 'etcd itself does not write such a file. Prefer another snapshot.',
        offset: entry.fileOffset,
      });
    }
    live.take(entry, revision);
  };
}

function keyOf(entry: Entry): string {
  return entry.bytes.toString('latin1', entry.key, Math.min(entry.value, entry.key + 64));
}

function textOf(entry: Entry): string {
  return inertLine(entry.bytes.toString('utf8', entry.value, entry.value + Math.min(entry.valueLength, 64)), 64);
}

function bigOf(entry: Entry): bigint | undefined {
  return entry.valueLength === 8 ? entry.bytes.readBigUInt64BE(entry.value) : undefined;
}

/** A member's value is JSON; its id there exceeds 2^53, so the key's hex is used (R28). */
function readMember(entry: Entry): Member | undefined {
  if (entry.valueLength > 64 * 1024) return undefined;
  try {
    const value: unknown = JSON.parse(entry.bytes.toString('utf8', entry.value, entry.value + entry.valueLength));
    if (typeof value !== 'object' || value === null) return undefined;
    const one = value as Record<string, unknown>;
    return {
      id: inertLine(keyOf(entry), 32),
      name: typeof one.name === 'string' ? inertLine(one.name, 300) : '',
      peerURLs: texts(one.peerURLs),
      clientURLs: texts(one.clientURLs),
      learner: one.isLearner === true,
    };
  } catch {
    return undefined;
  }
}

function texts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, 20)
    .filter((one) => typeof one === 'string')
    .map((one: string) => inertLine(one, 300));
}
