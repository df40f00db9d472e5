import type { Answer } from '../../src/incident/command.js';
import { cellKey, isSettled } from '../../src/incident/state.js';
import type { StepContext } from '../../src/incident/step.js';
import { itemPath, parseItems } from '../../src/k3s/items.js';
import { provenBackup } from '../steps/fetch.js';
import { at } from '../steps/judge.js';
import { type Check, fail, get, info, kube, named, pass } from './check.js';

/** Against the backup: what it held is there, and the next one will be taken. */

/** Kinds that live by themselves: more or fewer of them than in the backup says nothing. */
const BY_THEMSELVES =
  /^(pods|events|leases|leasecandidates|endpoints|endpointslices|nodes|replicasets|controllerrevisions|csinodes|csistoragecapacities|etcdsnapshotfiles|ipaddresses|apiservices|masterleases|ranges|jobs|volumeattachments|certificatesigningrequests|resourceslices|storageversions)\b/;
/** K3s deletes the Secret of the restored server's password itself at the first start, and writes it anew (facts 1.4). */
const NODE_PASSWORD = /^kube-system\/.*\.node-password\.k3s$/;

/** Kinds that users own, as the proven backup has them. */
function ownedKinds(context: StepContext): [string, number][] {
  return Object.entries(provenBackup(context)?.objects ?? {})
    .filter(([kind, count]) => count > 0 && !BY_THEMSELVES.test(kind))
    .sort(([a], [b]) => a.localeCompare(b))
    .slice(0, 80);
}

/** `namespace/name` a line, `/name` for what has no namespace. */
const PATHS = 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
/** How many missing objects are named in the row; `blackstart diff` lists them all. */
const MOST_NAMES = 12;

export const objects: Check = {
  id: 'objects',
  title: 'Every object that the backup held is there',
  ask: (seen) => ownedKinds(seen.context).map(([kind]) => kube(seen, 'get', kind, '-A', '-o', PATHS)),
  judge: (answers, { context, held }) => {
    const kinds = ownedKinds(context);
    if (kinds.length === 0) return info('no backup was proven in this run to compare with');
    const compared = kinds.map(([kind, expected], index) =>
      compareKind(kind, expected, at(answers, index), held?.get(kind)),
    );
    const missing = compared.flatMap((one) => one.missing);
    const more = compared.filter((one) => one.more).map((one) => one.kind);
    const diff = `blackstart diff ${context.choices.snapshot ?? 'BACKUP'} live:${context.host}`;
    if (missing.length > 0)
      return fail(
        `missing: ${named(missing, MOST_NAMES)}`,
        `All that differs: ${diff}. A controller may have removed them since the start; what somebody needs is applied again.`,
      );
    const how = held === undefined ? 'counted: the snapshot is not at hand any more to compare names' : 'by name';
    return pass(
      `${kinds.length} kinds ${how}, nothing missing${more.length === 0 ? '' : `; more of ${named(more)}, which is no fault`}; pods, events, leases, endpoints and what else lives by itself is not compared`,
    );
  },
};

interface Compared {
  readonly kind: string;
  readonly missing: readonly string[];
  readonly more: boolean;
}

/** One kind: which names are gone, or how many where the names are not known. */
function compareKind(kind: string, expected: number, answer: Answer, held: readonly string[] | undefined): Compared {
  if (answer.silent !== undefined || answer.code !== 0)
    return { kind, missing: [`${kind} (not listed by the API)`], more: false };
  const found = new Set(answer.stdout.split('\n').filter((line) => line !== ''));
  if (held === undefined) {
    const fewer = found.size < expected ? [`${kind} ${found.size} of ${expected}`] : [];
    return { kind, missing: fewer, more: found.size > expected };
  }
  const gone = held.filter((path) => !found.has(path) && !(kind === 'secrets' && NODE_PASSWORD.test(path)));
  const known = new Set(held);
  return {
    kind,
    missing: gone.map((path) => `${kind} ${path.replace(/^\//, '')}`),
    more: [...found].some((path) => !known.has(path)),
  };
}

export const schedule: Check = {
  id: 'schedule',
  title: 'Backups go on: schedule and a fresh snapshot',
  ask: (seen) => [get(seen, 'cronjobs')],
  judge: (answers, { context, state }) => {
    const jobs = (parseItems(at(answers, 0).stdout) ?? []).filter((item) =>
      /etcd|backup|snapshot/i.test(itemPath(item)),
    );
    const stopped = jobs.filter((item) => (item.raw.spec as { suspend?: boolean } | undefined)?.suspend === true);
    const fresh = state.cells[cellKey('fresh-snapshot', context.choices.primary ?? context.host)];
    const taken =
      isSettled(fresh) && fresh?.status !== 'skipped' ? `fresh snapshot ${fresh?.evidence[0] ?? 'taken'}` : undefined;
    if (stopped.length > 0)
      return fail(
        `suspended: ${named(stopped.map(itemPath))}`,
        `kubectl -n ${stopped[0]?.namespace} patch cronjob ${stopped[0]?.name} -p '{"spec":{"suspend":false}}'`,
      );
    const found = jobs.length === 0 ? 'no CronJob looks like the backup' : named(jobs.map(itemPath));
    if (taken === undefined)
      return info(
        `${found}; no snapshot was taken in this run`,
        'Take one: k3s etcd-snapshot save. Then see that tonight’s backup comes: blackstart backups',
      );
    return jobs.length === 0
      ? info(`${found}; ${taken}`, 'See that tonight’s backup comes: blackstart backups')
      : pass(`${found}; ${taken}`);
  },
};
