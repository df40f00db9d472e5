import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMetas } from './bolt-meta.js';
import { Breath } from './breathe.js';
import { interesting, readContent, watchedKind } from './content.js';
import { type Digests, digestBeside, TRAILER } from './digest.js';
import { type Draft, emptyDraft, jsonInteger } from './draft.js';
import { scanEtcd } from './etcd-scan.js';
import { Findings } from './findings.js';
import { recognise, refusal, shortName } from './form.js';
import { type Expected, identify } from './identity.js';
import { LiveObjects } from './live-objects.js';
import { type Proof, verdictOf } from './proof.js';
import { RandomReader } from './reader.js';
import { inspectSqlite } from './sqlite.js';
import { checkVersion, highestVersion, setTakenAt } from './taken-at.js';
import { type NamedToken, proveTokens } from './token-proof.js';
import { unzipSnapshot } from './unzip.js';

/** How far a proof is, bytes of work: the file is read twice, once for its SHA-256 and once along its tree. */
export interface ProofProgress {
  readonly done: number;
  readonly total: number;
}

export interface ProveOptions {
  /** Tokens to try, each under the name of where it was found. */
  readonly tokens?: readonly NamedToken[];
  readonly expectedCaHashes?: readonly string[];
  readonly expectedNodes?: readonly string[];
  /** CAs that this cluster's own tokens name; they can only speak for a snapshot. */
  readonly namedCaHashes?: readonly string[];
  /** UID of kube-system in this cluster. */
  readonly expectedClusterUid?: string;
  /** What earlier proofs showed of the cluster of this name. */
  readonly past?: { readonly clusterUid?: string | undefined; readonly caHashes: readonly string[] };
  /** It is to be restored on another cluster on purpose: being of another one is no fault then. */
  readonly elsewhere?: boolean;
  /** Version of the K3s that would restore it. */
  readonly installedK3s?: string;
  /** The name to show and to read the time from, where the file lies under another one (a spool's `.part`). */
  readonly name?: string;
  /** `survivor`: a copy of a live `member/snap/db`, which needs no trailer. */
  readonly as?: 'snapshot' | 'survivor';
  /** Where zips are unpacked and SQLite is copied to. */
  readonly scratch?: string;
  readonly onProgress?: (progress: ProofProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Proves whether a file will restore (facts 7 and 8.5). Whatever the file holds ends in a verdict with its reasons; only the file
 * or the disk being out of reach throws ({@link ProblemError}), and the signal's reason when it is aborted.
 */
export async function prove(file: string, options: ProveOptions = {}): Promise<Proof> {
  const began = performance.now();
  const name = options.name ?? shortName(file);
  const findings = new Findings();
  const reader = await RandomReader.open(file);
  let draft = emptyDraft(name, reader.size);
  try {
    draft.format = recognise(reader, name);
    const refused = refusal(draft.format, name);
    if (refused !== undefined) findings.add(refused);
    else if (draft.format === 'zip') draft = await proveZip(file, name, draft, findings, options);
    else if (draft.format === 'sqlite') await proveSqlite(file, draft, findings, options);
    else await proveEtcd(reader, name, draft, findings, options);
  } finally {
    await reader.close();
  }
  const problems = findings.list();
  const verdict = verdictOf(problems);
  return { ...draft, problems, verdict, ok: verdict !== 'not-restorable', seconds: (performance.now() - began) / 1000 };
}

/** K3s' own zip: what is inside is proven, from a file beside the spool that is removed afterwards. */
async function proveZip(
  file: string,
  name: string,
  draft: Draft,
  findings: Findings,
  options: ProveOptions,
): Promise<Draft> {
  const directory = await mkdtemp(join(options.scratch ?? tmpdir(), 'blackstart-unzip-'));
  try {
    const inside = join(directory, 'snapshot');
    const damaged = await unzipSnapshot(file, inside, options.signal);
    if (damaged !== undefined) {
      findings.add(damaged);
      return draft;
    }
    const proof = await prove(inside, { ...options, name: name.replace(/\.zip$/, '') });
    for (const problem of proof.problems) findings.add(problem);
    return { ...proof, source: name, bytes: draft.bytes, format: 'zip', inner: proof.format };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function proveSqlite(file: string, draft: Draft, findings: Findings, options: ProveOptions): Promise<void> {
  findings.add({
    id: 'sqlite-datastore',
    severity: 'fatal',
    message:
      'This is the SQLite datastore of a single-server K3s (state.db), not an etcd snapshot: the etcd restore does not apply to it.',
    remedy: 'With K3s stopped, put the file back as server/db/state.db together with the same server/token.',
  });
  draft.kineRevision = (await inspectSqlite(file, findings, options.scratch)) ?? null;
}

async function proveEtcd(
  reader: RandomReader,
  name: string,
  draft: Draft,
  findings: Findings,
  options: ProveOptions,
): Promise<void> {
  const trailer = reader.size % 512 === TRAILER;
  const { signal, onProgress } = options;
  const total = reader.size * 2;
  let hashed = 0;
  let walked = 0;
  const tell = (): void => onProgress?.({ done: Math.min(total, hashed + walked), total });
  const ends = new AbortController();
  const stop = signal === undefined ? ends.signal : AbortSignal.any([signal, ends.signal]);
  const hashing = digestBeside(reader, trailer, stop, (done) => {
    hashed = done;
    tell();
  });
  // It is waited for below; until then a refusal of it must not count as nobody's.
  hashing.catch(() => undefined);
  try {
    await walkEtcd(reader, name, draft, findings, options, (bytes) => {
      walked = bytes;
      tell();
    });
  } catch (thrown) {
    ends.abort(thrown);
    throw thrown;
  }
  const sums = new Findings();
  judgeDigests(await hashing, trailer, reader.size, draft, sums, options.as === 'survivor');
  findings.lead(sums);
  // etcd's own hash of a file that is not what was written tells nothing.
  if (sums.fatal > 0) draft.hash = null;
  onProgress?.({ done: total, total });
}

/** Everything a proof reads along the tree. */
async function walkEtcd(
  reader: RandomReader,
  name: string,
  draft: Draft,
  findings: Findings,
  options: ProveOptions,
  onBytes: (done: number) => void,
): Promise<void> {
  const { signal } = options;
  const trailer = reader.size % 512 === TRAILER;
  const imageSize = trailer ? reader.size - TRAILER : reader.size;
  const meta = readMetas(reader, imageSize, findings);
  if (meta === undefined) return;
  draft.pages = meta.pages;
  draft.pageSize = meta.pageSize;
  draft.totalSize = meta.pages * meta.pageSize;
  if (trailer && draft.totalSize !== imageSize) {
    findings.damage(
      'size-mismatch',
      `The database says it has ${draft.totalSize} bytes, the file holds ${imageSize}: something was added to it.`,
      {
        offset: draft.totalSize,
      },
    );
  }
  let reached = (): number => 0;
  const breath = new Breath(signal, () => onBytes(reached() * meta.pageSize));
  const live = new LiveObjects(watchedKind, interesting);
  const scan = await scanEtcd(reader, meta, live, findings, breath, (walk) => {
    reached = () => walk.reached;
  });
  draft.hash = scan.hash ?? null;
  draft.revision = scan.revision ?? null;
  draft.keys = live.keys ?? null;
  draft.totalKeys = scan.totalKeys;
  draft.clusterVersion = scan.clusterVersion ?? null;
  draft.storageVersion = scan.storageVersion ?? null;
  draft.etcdVersion = draft.storageVersion ?? draft.clusterVersion;
  draft.consistentIndex = jsonInteger(scan.consistentIndex);
  draft.term = jsonInteger(scan.term);
  draft.leases = scan.leases;
  draft.members = scan.members;
  const counts = live.counts();
  draft.objects = counts.byKind;
  draft.objectsByNamespace = counts.byNamespace;
  const content = await readContent(reader, live, breath);
  draft.nodes = content.nodes;
  draft.k3sVersion = highestVersion(content.nodes.map((node) => node.kubeletVersion));
  draft.clusterUid = content.clusterUid ?? null;
  draft.wakes = content.wakes;
  draft.wakeCounts = content.wakeCounts;
  if (content.publishedCa !== undefined) {
    draft.caHash = content.publishedCa;
    draft.caHashFrom = 'kube-root-ca';
  }
  setTakenAt(draft, name, content.newest, reader.mtimeMs, findings);
  if (live.keys === undefined) tooMany(findings);
  await proveTokens(content.bootstrap, options.tokens ?? [], draft, findings);
  checkVersion(draft.k3sVersion, options.installedK3s, findings);
  const expected: Expected = {
    caHashes: options.expectedCaHashes,
    nodes: options.expectedNodes,
    clusterUid: options.expectedClusterUid,
    namedCaHashes: options.namedCaHashes,
    past: options.past,
  };
  const claimed = { caHash: draft.caHash, nodes: content.nodes.map((node) => node.name), clusterUid: draft.clusterUid };
  draft.identity = identify(claimed, expected, findings, options.elsewhere === true);
}

/** facts 7.1: a trailer is there when the size says so; without one K3s refuses the restore. */
function judgeDigests(
  found: Digests,
  trailer: boolean,
  size: number,
  draft: Draft,
  findings: Findings,
  survivor: boolean,
): void {
  draft.fileSha256 = found.file;
  if (trailer) {
    const ok = found.image === found.trailer;
    draft.sha256 = { expected: found.trailer, actual: found.image, ok };
    if (!ok) {
      findings.damage(
        'sha256-mismatch',
        'The SHA-256 at the end of the snapshot does not fit its content: at least one byte was changed or lost.',
        {
          offset: size - TRAILER,
        },
      );
    }
    return;
  }
  draft.sha256 = { expected: null, actual: found.image, ok: false };
  if (size % 512 !== 0) {
    findings.damage(
      'size-odd',
      `The file has ${size} bytes, which no ${survivor ? 'database' : 'snapshot'} can have: it was cut off, or something was added to it.`,
      { offset: size },
    );
  } else if (!survivor) {
    findings.add({
      id: 'no-trailer',
      severity: 'fatal',
      message:
        'This is a plain copy of a live database (member/snap/db), without the SHA-256 a snapshot ends with: K3s refuses to restore it.',
      remedy:
        'Use it where it came from with --cluster-reset and no snapshot, or choose a snapshot made by k3s etcd-snapshot or etcdctl snapshot save.',
    });
  }
}

function tooMany(findings: Findings): void {
  findings.add({
    id: 'too-many-keys',
    severity: 'warning',
    message: 'The snapshot holds more keys than can be counted in bounded memory; counts of objects are too low.',
    remedy:
      'The structure and the SHA-256 were checked in full. Check with etcdutl snapshot status where that is at hand.',
  });
}
