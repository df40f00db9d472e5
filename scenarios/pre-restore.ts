import { namesOf } from '../src/incident/cluster.js';
import { type IncidentState, isSettled } from '../src/incident/state.js';
import { HERE, type StepContext } from '../src/incident/step.js';
import { provenBackup } from './steps/fetch.js';
import { serversIn } from './steps/hosts.js';
import { bytes } from './steps/judge.js';

/** The runbook's pre-restore checklist in its own words: each item met by what is seen, or by the operator's word. */

export interface ChecklistItem {
  readonly id: string;
  readonly title: string;
  /** True where only a person can know. */
  readonly needsWord: boolean;
  judge(seen: ChecklistSeen): { readonly met: boolean; readonly underWay?: boolean; readonly evidence: string };
}

export interface ChecklistSeen {
  readonly state: IncidentState;
  readonly context: StepContext;
  /** How many backups the catalogue lists; undefined while it is being read. */
  readonly backups: number | undefined;
  /** Why the catalogue could not be read. */
  readonly backupsProblem: string | undefined;
}

const fetchCell = (seen: ChecklistSeen) => seen.state.cells[`fetch@${HERE}`];

export const preRestore: readonly ChecklistItem[] = [
  {
    id: 'backup-identified',
    title: 'Identify the backup file to restore from',
    needsWord: false,
    judge: (seen) => {
      const name = seen.context.choices.snapshot;
      if (name === undefined) return { met: false, evidence: 'choose one: b' };
      const proof = provenBackup(seen.context);
      if (proof !== undefined) return { met: true, evidence: `${name}, proven` };
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
    title: 'Ensure you have access to the storage containing backups',
    needsWord: false,
    judge: ({ backups, backupsProblem }) =>
      backups === undefined
        ? { met: false, underWay: backupsProblem === undefined, evidence: backupsProblem ?? 'being read' }
        : { met: backups > 0, evidence: backups > 0 ? `${backups} backups listed` : 'no backup is listed' },
  },
  {
    id: 'passphrase',
    title: 'Have the backup encryption passphrase ready',
    needsWord: false,
    judge: (seen) => {
      const proof = provenBackup(seen.context);
      if (proof !== undefined) return { met: true, evidence: 'it opened the chosen backup' };
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
    judge: ({ state }) => {
      const seen = Object.keys(state.facts).length;
      return {
        met: seen >= state.cluster.hosts.length,
        underWay: true,
        evidence: `state of ${seen} of ${state.cluster.hosts.length} hosts is in the record`,
      };
    },
  },
  {
    id: 'accessible',
    title: 'Prepare fresh master nodes or ensure existing nodes are accessible',
    needsWord: false,
    judge: ({ context }) => {
      const servers = serversIn(context);
      const ready = servers.filter(
        (name) => context.facts(name).reachable && context.facts(name).service !== undefined,
      );
      const total = namesOf(context.cluster, 'server').length;
      return {
        met: ready.length > 0 && ready.length === servers.length,
        underWay: true,
        evidence: `${ready.length} of ${total} servers answer and have K3s`,
      };
    },
  },
  {
    id: 'network',
    title: 'Have network connectivity to all master nodes',
    needsWord: false,
    judge: ({ context }) => {
      const silent = namesOf(context.cluster, 'server').filter((name) => !context.facts(name).reachable);
      const open = silent.filter((name) => !context.choices.fenced.includes(name));
      if (silent.length === 0) return { met: true, evidence: 'every server answers' };
      return {
        met: open.length === 0,
        evidence:
          open.length === 0
            ? `${silent.join(', ')}: attested`
            : `${open.join(', ')}: ${context.facts(open[0] ?? '').problem?.what ?? 'no answer'}`,
      };
    },
  },
  {
    id: 'current-data',
    title: 'Backup current etcd data if any nodes are still functional',
    needsWord: false,
    judge: ({ state, context }) => {
      const servers = serversIn(context);
      const saved = servers.filter((name) => isSettled(state.cells[`save@${name}`]));
      const size = servers.reduce((sum, name) => sum + (context.facts(name).data?.etcdBytes ?? 0), 0);
      return {
        met: saved.length === servers.length && servers.length > 0,
        underWay: true,
        evidence:
          saved.length > 0
            ? `${saved.length} of ${servers.length} saved`
            : `${bytes(size)}; the plan saves it before anything is changed`,
      };
    },
  },
];

/**
 * Items that must be met, or given a word, before the plan may begin, with how they stand. Saving is a step of the plan itself.
 * @param needed ids of those the scenario needs; all where it does not say
 */
export function unmetBeforeBegin(seen: ChecklistSeen, needed?: readonly string[]): string[] {
  return preRestore
    .filter((item) => needed?.includes(item.id) ?? true)
    .filter((item) => item.id !== 'current-data' && seen.state.ticks[item.id] === undefined)
    .map((item) => ({ item, judged: item.judge(seen) }))
    .filter(({ judged }) => !judged.met)
    .map(({ item, judged }) => `${item.title} (${judged.evidence})`);
}
