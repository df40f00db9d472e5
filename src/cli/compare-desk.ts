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
/** Names in all three lists together: a screenful. */
const NAMES = 30;
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
  const remarks: string[] = [];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  for (const server of request.servers) {
    try {
      const found = await compareOne(request, server, limit, progress);
      if (typeof found === 'string') remarks.push(`${server.host}: ${found}`);
      else return { ...found, remarks: [...found.remarks, ...remarks] };
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) {
        remarks.push(`${server.host}: not compared within ${PATIENCE / 1000} s`);
        break;
      }
      remarks.push(`${server.host}: ${inertLine(toProblem(error).what, 300)}`);
    }
  }
  return {
    ...{ host: null, revision: null, gone: NONE, older: NONE, back: NONE, folded: 0, inLog: 0, sameCluster: null },
    remarks,
  };
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
    const [gone, older, back] = [created, changed, deleted].map((list) => differenceOf(list)) as [
      Difference,
      Difference,
      Difference,
    ];
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
  if (damage !== undefined) return `its data is damaged and was not compared (${damage.message})`;
  if (sameCluster(survivor, request) === false)
    return `its data is of another cluster (kube-system has another UID), begun anew perhaps; not compared`;
  if ((proof.revision ?? 0) < request.revision)
    return `its data is older than the backup (revision ${(proof.revision ?? 0).toLocaleString('en')})`;
  return undefined;
}

function sameCluster({ proof }: Survivor, { clusterUid }: CompareRequest): boolean | null {
  return proof.clusterUid === null || clusterUid === null ? null : proof.clusterUid === clusterUid;
}

function differenceOf(entries: readonly DiffEntry[]): Difference {
  const kinds = new Map<string, number>();
  for (const { kind } of entries) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return {
    count: entries.length,
    byKind: [...kinds].sort((a, b) => b[1] - a[1]).slice(0, KINDS),
    names: entries
      .slice(0, NAMES / 3)
      .map(({ kind, namespace, name }) => `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`),
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
