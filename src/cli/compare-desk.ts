import { inertLine } from '../base/inert.js';
import { toProblem } from '../base/problem.js';
import type { Json } from '../incident/json.js';
import type { Difference, Loss } from '../incident/loss.js';
import type { ProgressListener } from '../runner/ports.js';
import { type DiffEntry, diffSnapshots, readSurvivor, type Survivor } from '../snapshot/index.js';
import type { DeskHosts } from './bucket-route.js';
import { beyondText, RemoteMember } from './member-copy.js';

/** The restore waits for this: longer than it takes to copy any usual database, shorter than anybody's patience. Milliseconds. */
const PATIENCE = 60_000;
/** Names in all three lists together: a screenful. What comes back is missed least, what is gone most. */
const NAMES = { all: 30, older: 8, back: 6 };
const KINDS = 12;

export interface CompareRequest {
  /** The proven snapshot on this machine, and what it says of itself. */
  readonly file: string;
  readonly revision: number;
  readonly clusterUid: string | null;
  /** Servers and where their `db/etcd` is, the most likely first. */
  readonly servers: readonly { readonly host: string; readonly etcd: string }[];
  readonly hosts: DeskHosts | undefined;
  readonly spool: string;
}

const NONE: Difference = { count: 0, byKind: [], names: [] };

/**
 * What a restore of this snapshot would lose of the data on the servers: compared with the first of them whose data is whole, of this cluster,
 * and newer. Never throws but for the signal: what cannot be read is a remark.
 */
export async function compareLossWith(
  request: CompareRequest,
  signal: AbortSignal,
  progress: ProgressListener,
): Promise<Loss> {
  const remarks: Remark[] = [];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  for (const server of request.servers) {
    try {
      const found = await compareOne(request, server, limit, progress);
      if (typeof found !== 'string') return { ...found, remarks: [...found.remarks, ...told(remarks)] };
      remarks.push({ host: server.host, why: found });
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) {
        remarks.push({ host: server.host, why: `not compared within ${PATIENCE / 1000} s` });
        break;
      }
      remarks.push({ host: server.host, why: inertLine(toProblem(error).what, 300) });
    }
  }
  return {
    ...{ host: null, revision: null, gone: NONE, older: NONE, back: NONE, folded: 0, inLog: 0, sameCluster: null },
    remarks: told(remarks),
  };
}

interface Remark {
  readonly host: string;
  readonly why: string;
}

/** One line for all hosts of which the same is to be said. */
function told(remarks: readonly Remark[]): string[] {
  const whys = [...new Set(remarks.map((one) => one.why))];
  return whys.map((why) => `${remarks.flatMap((one) => (one.why === why ? [one.host] : [])).join(', ')}: ${why}`);
}

async function compareOne(
  request: CompareRequest,
  { host, etcd }: CompareRequest['servers'][number],
  signal: AbortSignal,
  progress: ProgressListener,
): Promise<Loss | string> {
  const { hosts, spool } = request;
  if (hosts === undefined) return 'no host can be asked';
  const member = new RemoteMember({
    ...{ host: hosts(host), name: host, etcd, spool, signal, running: false },
    onProgress: (done, total) => progress({ stage: 'fetch', done, total, bytesPerSecond: 0 }),
  });
  try {
    const db = await member.database();
    const survivor = await readSurvivor(member.copy(db), { signal });
    const unlike = reasonAgainst(survivor, request);
    if (unlike !== undefined) return unlike;
    const { created, changed, deleted, folded, unlisted } = await diffSnapshots(request.file, db, { signal });
    const older = differenceOf(changed, NAMES.older);
    const back = differenceOf(deleted, NAMES.back);
    const gone = differenceOf(created, NAMES.all - older.names.length - back.names.length);
    const beyond = beyondText(survivor);
    return {
      ...{ host, revision: survivor.proof.revision, gone, older, back },
      folded: folded.events + folded.leases,
      inLog: (survivor.wal?.beyond?.puts ?? 0) + (survivor.wal?.beyond?.deletes ?? 0),
      sameCluster: sameCluster(survivor, request),
      remarks: [
        ...(beyond === undefined ? [] : [`${host}: ${beyond}`]),
        ...(unlisted > 0 ? [`${unlisted} more objects differ and were only counted`] : []),
      ],
    };
  } finally {
    await member.remove();
  }
}

/** Why a server's data says nothing about what a restore loses. */
function reasonAgainst(survivor: Survivor, request: CompareRequest): string | undefined {
  const { proof } = survivor;
  const damage = proof.problems.find((one) => one.severity === 'fatal');
  if (damage !== undefined) return `damaged data, not compared (${damage.message})`;
  if (sameCluster(survivor, request) === false)
    return 'data of another cluster (kube-system has another UID), begun anew perhaps; not compared';
  if ((proof.revision ?? 0) < request.revision)
    return `data older than the backup (revision ${(proof.revision ?? 0).toLocaleString('en')})`;
  return undefined;
}

function sameCluster({ proof }: Survivor, { clusterUid }: CompareRequest): boolean | null {
  return proof.clusterUid === null || clusterUid === null ? null : proof.clusterUid === clusterUid;
}

/** Names of every kind in turn, so that forty ConfigMaps do not hide the one Deployment. */
function differenceOf(entries: readonly DiffEntry[], most: number): Difference {
  const kinds = new Map<string, DiffEntry[]>();
  for (const entry of entries) {
    const list = kinds.get(entry.kind);
    if (list === undefined) kinds.set(entry.kind, [entry]);
    else list.push(entry);
  }
  const sorted = [...kinds].sort((a, b) => b[1].length - a[1].length);
  const names: string[] = [];
  for (let turn = 0; names.length < Math.min(most, entries.length); turn++) {
    for (const [kind, list] of sorted) {
      const one = list[turn];
      if (one !== undefined && names.length < most)
        names.push(`${kind} ${one.namespace === '' ? '' : `${one.namespace}/`}${one.name}`);
    }
  }
  return {
    count: entries.length,
    byKind: sorted.slice(0, KINDS).map(([kind, list]) => [kind, list.length] as const),
    names: names.sort(),
  };
}

/** The task's list of servers, as plain data. */
export function serversOf(value: Json | undefined): { host: string; etcd: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one) => {
    const { host, etcd } = one as { host?: Json; etcd?: Json };
    return typeof host === 'string' && typeof etcd === 'string' ? [{ host, etcd }] : [];
  });
}
