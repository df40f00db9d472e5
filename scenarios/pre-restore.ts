import { namesOf } from '../src/incident/cluster.js';
import { type IncidentState, isSettled } from '../src/incident/state.js';
import { HERE, type StepContext } from '../src/incident/step.js';
import { provenBackup } from './steps/fetch.js';
import { notManaged } from './steps/fitness.js';
import { serversIn } from './steps/hosts.js';
import { bytes } from './steps/judge.js';

/** The runbook's pre-restore checklist in its own words: each item met by what is seen, or by the operator's word. */

export interface ChecklistItem {
  readonly id: string;
  readonly title: string;
  /** True where only a person can know. */
  readonly needsWord: boolean;
  judge(seen: ChecklistSeen): Judged;
}

export interface Judged {
  readonly met: boolean;
  readonly evidence: string;
  /** It is being looked at: nobody has to do anything yet. */
  readonly underWay?: boolean;
  /** When the evidence was seen, milliseconds since the epoch. */
  readonly at?: number;
}

/** The state of the cluster as it was written down before anything was changed. */
export interface Documented {
  readonly path: string;
  readonly at: number;
  /** The server whose API answered, or undefined: then only what the hosts themselves show is in it. */
  readonly api?: string;
}

/** A copy of one server's etcd data on this machine. */
export type DataCopy =
  | {
      readonly state: 'copied';
      readonly at: number;
      readonly bytes: number;
      /** With the write-ahead log; else the database alone. */
      readonly whole: boolean;
      /** etcd ran meanwhile: the copy may not be of one moment. */
      readonly live: boolean;
    }
  | { readonly state: 'copying'; readonly share: number }
  | { readonly state: 'failed'; readonly why: string }
  /** More than is copied without being asked. */
  | { readonly state: 'large'; readonly bytes: number };

export interface ChecklistSeen {
  readonly state: IncidentState;
  readonly context: StepContext;
  /** Items the scenario needs; all where it does not say, or none is chosen. */
  readonly needed: readonly string[] | undefined;
  /** How many backups the catalogue lists; undefined while it is being read. */
  readonly backups: number | undefined;
  /** When it was read. */
  readonly listedAt: number | undefined;
  /** Why the catalogue could not be read. */
  readonly backupsProblem: string | undefined;
  /** When each host was looked at last. */
  readonly lookedAt: Readonly<Record<string, number>>;
  readonly documented: Documented | undefined;
  readonly copies: Readonly<Record<string, DataCopy>>;
}

const fetchCell = (seen: ChecklistSeen) => seen.state.cells[`fetch@${HERE}`];

/** The oldest of the looks at these hosts. */
function oldestLook(seen: ChecklistSeen, hosts: readonly string[]): { at?: number } {
  const times = hosts.flatMap((name) => seen.lookedAt[name] ?? []);
  return times.length === 0 ? {} : { at: Math.min(...times) };
}

function provenAt(seen: ChecklistSeen): { at?: number } {
  const at = fetchCell(seen)?.endedAt;
  return at === undefined ? {} : { at };
}

export const preRestore: readonly ChecklistItem[] = [
  {
    id: 'backup-identified',
    title: 'Identify the backup file to restore from',
    needsWord: false,
    judge: (seen) => {
      const name = seen.context.choices.snapshot;
      if (name === undefined) return { met: false, evidence: 'choose one: b' };
      const proof = provenBackup(seen.context);
      if (proof !== undefined) return { met: true, evidence: `${name}, proven`, ...provenAt(seen) };
      const cell = fetchCell(seen);
      return {
        met: false,
        underWay: cell?.trouble === undefined,
        evidence: cell?.trouble?.what ?? `${name} is being proven`,
      };
    },
  },
  {
    id: 'storage',
    title: 'Ensure you have access to the MinIO/S3 storage containing backups',
    needsWord: false,
    judge: (seen) => {
      const { backups, backupsProblem, listedAt } = seen;
      const at = listedAt === undefined ? {} : { at: listedAt };
      if (backups !== undefined && backups > 0)
        return { met: true, evidence: `${backups} ${backups === 1 ? 'backup' : 'backups'} listed`, ...at };
      return backups === undefined
        ? { met: false, underWay: backupsProblem === undefined, evidence: backupsProblem ?? 'being read' }
        : { met: false, evidence: 'no backup is listed', ...at };
    },
  },
  {
    id: 'passphrase',
    title: 'Have the backup encryption passphrase ready',
    needsWord: false,
    judge: (seen) => {
      const proof = provenBackup(seen.context);
      if (proof !== undefined) return { met: true, evidence: 'it opened the chosen backup', ...provenAt(seen) };
      const cell = fetchCell(seen);
      return {
        met: false,
        underWay: cell !== undefined && cell.trouble === undefined,
        evidence: cell?.trouble?.what ?? 'shown by proving the backup',
      };
    },
  },
  {
    id: 'workloads',
    title: 'Stop all applications and workloads if possible',
    needsWord: true,
    judge: () => ({ met: false, evidence: 'your word: stopped, or why not' }),
  },
  {
    id: 'documented',
    title: 'Document current cluster state if partially functional',
    needsWord: false,
    judge: ({ documented, state }) => {
      if (documented === undefined) {
        const chosen = state.scenario !== undefined;
        return {
          met: false,
          underWay: chosen,
          evidence: chosen ? 'being written down' : 'written down as soon as a scenario is chosen',
        };
      }
      const what =
        documented.api === undefined
          ? 'what the hosts show (no API answers)'
          : `nodes, pods, volumes, members by ${documented.api}`;
      return { met: true, evidence: `${what}, in ${documented.path.split('/').at(-1)}`, at: documented.at };
    },
  },
  {
    id: 'accessible',
    title: 'Prepare fresh master nodes or ensure existing nodes are accessible',
    needsWord: false,
    judge: (seen) => {
      const { context } = seen;
      const servers = serversIn(context);
      const ready = servers.filter(
        (name) => context.facts(name).reachable && notManaged(context, name, true).length === 0,
      );
      const fresh = ready.filter((name) => context.facts(name).service === undefined);
      const given = fresh.length === 0 ? '' : `; ${fresh.join(', ')} new, given K3s by the plan`;
      const total = namesOf(context.cluster, 'server').length;
      return {
        met: ready.length > 0 && ready.length === servers.length,
        underWay: servers.some((name) => seen.lookedAt[name] === undefined),
        evidence: `${ready.length} of ${total} servers answer and ${fresh.length === 0 ? 'have K3s' : `are fit${given}`}`,
        ...oldestLook(seen, ready),
      };
    },
  },
  {
    id: 'network',
    title: 'Have network connectivity to all master nodes',
    needsWord: false,
    judge: (seen) => {
      const { context } = seen;
      const servers = namesOf(context.cluster, 'server');
      const silent = servers.filter((name) => !context.facts(name).reachable);
      const open = silent.filter((name) => !context.choices.fenced.includes(name));
      const at = oldestLook(seen, servers);
      if (silent.length === 0) return { met: true, evidence: 'every server answers', ...at };
      return {
        met: open.length === 0,
        evidence:
          open.length === 0
            ? `${silent.join(', ')}: attested`
            : `${open[0]}: ${context.facts(open[0] ?? '').problem?.what ?? 'no answer'}${open.length > 1 ? ` Silent, too: ${open.slice(1).join(', ')}` : ''}`,
        ...at,
      };
    },
  },
  {
    id: 'current-data',
    title: 'Backup current etcd data if any nodes are still functional',
    needsWord: false,
    judge: judgeCopies,
  },
];

/** Met by a copy of each server's data on this machine, or by the plan's own step that saves it on the servers. */
function judgeCopies({ state, context, copies }: ChecklistSeen): Judged {
  const servers = serversIn(context).filter((name) => context.facts(name).data?.datastore === 'etcd');
  const saved = servers.filter((name) => isSettled(state.cells[`save@${name}`]));
  if (saved.length > 0 && saved.length === servers.length)
    return { met: true, evidence: `saved on ${saved.join(', ')}${copiedHere(servers, copies)}` };
  if (servers.length === 0) {
    const answers = serversIn(context).some((name) => context.facts(name).reachable);
    return answers
      ? { met: true, evidence: 'no server that answers has etcd data' }
      : { met: false, evidence: 'no server answers: nobody can tell what they still have' };
  }
  const copying = servers.flatMap((name) => {
    const copy = copies[name];
    return copy?.state === 'copying' ? [`${name} ${Math.floor(copy.share * 100)} %`] : [];
  });
  if (copying.length > 0) return { met: false, underWay: true, evidence: `being copied here: ${copying.join(', ')}` };
  const failed = servers.flatMap((name) => {
    const copy = copies[name];
    return copy?.state === 'failed' ? [`${name}: ${copy.why}`] : [];
  });
  if (failed.length > 0)
    return { met: false, evidence: `not copied: ${failed.join('; ')}. enter tries again, or give your word` };
  const large = servers.filter((name) => copies[name]?.state === 'large');
  if (large.length > 0) {
    const size = servers.reduce((sum, name) => sum + (context.facts(name).data?.dbBytes ?? 0), 0);
    return {
      met: false,
      evidence: `${bytes(size)}: enter copies it here; the plan saves it on the servers in any case`,
    };
  }
  const done = servers.flatMap((name) => {
    const copy = copies[name];
    return copy?.state === 'copied' ? [copy] : [];
  });
  if (done.length < servers.length)
    return {
      met: false,
      underWay: state.scenario !== undefined,
      evidence: 'copied here as soon as a scenario is chosen; the plan also saves it on the servers',
    };
  return { met: true, evidence: copiedHere(servers, copies).slice(2), at: Math.min(...done.map((copy) => copy.at)) };
}

function copiedHere(servers: readonly string[], copies: ChecklistSeen['copies']): string {
  const done = servers.flatMap((name) => {
    const copy = copies[name];
    return copy?.state === 'copied' ? [{ name, ...copy }] : [];
  });
  if (done.length === 0) return '';
  const size = done.reduce((sum, copy) => sum + copy.bytes, 0);
  const live = done.filter((copy) => copy.live).map((copy) => copy.name);
  const notes = [
    ...(done.every((copy) => copy.whole) ? [] : ['the database without its log']),
    ...(live.length === 0 ? [] : [`${live.join(', ')} while etcd ran`]),
  ];
  return `; ${bytes(size)} of ${done.map((copy) => copy.name).join(', ')} copied here${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

/** How an item stands, the operator's word included. */
export interface ItemStatus extends Judged {
  readonly item: ChecklistItem;
  /** Who says so: a probe, or the operator. */
  readonly how: 'seen' | 'word';
}

export function itemStatuses(seen: ChecklistSeen): ItemStatus[] {
  return preRestore.map((item) => {
    const judged = item.judge(seen);
    if (!judged.met && seen.needed?.includes(item.id) === false)
      return { item, how: 'seen', met: true, evidence: 'not needed by this scenario' };
    const tick = seen.state.ticks[item.id];
    if (judged.met || tick === undefined) return { item, how: 'seen', ...judged };
    // What was seen before is history once the plan has begun: servers are stopped on purpose.
    if (tick.how === 'seen')
      return seen.state.begun
        ? { item, how: 'seen', met: true, evidence: `when the plan began: ${tick.evidence}`, at: tick.at }
        : { item, how: 'seen', ...judged };
    return { item, how: 'word', met: true, evidence: `your word: ${tick.evidence}`, at: tick.at };
  });
}

/** Items that must be met, or given a word, before the plan may begin, with how they stand. */
export function unmetBeforeBegin(seen: ChecklistSeen): string[] {
  return itemStatuses(seen)
    .filter((one) => !one.met)
    .map(({ item, evidence }) => `${item.title} (${evidence})`);
}
