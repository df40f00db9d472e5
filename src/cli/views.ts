import { clearOneHost } from '../../scenarios/clear-host.js';
import { fullRestore } from '../../scenarios/full-restore.js';
import type { MaintenanceStatus } from '../../scenarios/maintenance.js';
import { type ChecklistSeen, itemStatuses } from '../../scenarios/pre-restore.js';
import { quorumLoss } from '../../scenarios/quorum-loss.js';
import { restoreElsewhere } from '../../scenarios/restore-elsewhere.js';
import { singleNode } from '../../scenarios/single-node.js';
import { startAgain } from '../../scenarios/start-again.js';
import { suggestPrimary } from '../../scenarios/steps/fitness.js';
import { assess, type Backup } from '../backups/index.js';
import { against, loses } from '../cluster/fits.js';
import { type Triage, triage } from '../cluster/triage.js';
import type { Cluster } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import type { Scenario } from '../incident/step.js';
import type {
  BackupRow,
  BackupsView,
  ChecklistRow,
  MaintenanceRow,
  ScenarioOption,
  TriageView,
} from '../store/store.js';

/** Turns what the rooms know into what the screen draws. Pure. */

export const scenarios: ReadonlyMap<string, Scenario> = new Map(
  [startAgain, singleNode, quorumLoss, fullRestore, restoreElsewhere, clearOneHost].map((scenario) => [
    scenario.id,
    scenario,
  ]),
);

export { suggestPrimary };

/** The three of the paper always stand there, with what speaks against them; another plan only where it can be meant. */
function isOffered(id: string, cluster: Cluster, { state, recommends }: Triage): boolean {
  // Where production is to be repaired, a plan that overwrites it with another cluster is no line to choose by mistake.
  if (id === restoreElsewhere.id) return cluster.rehearsal !== undefined;
  if (id === startAgain.id) return recommends === id;
  if (id === clearOneHost.id) return state !== 'looking' && against(state, id) === undefined;
  return true;
}

export function triageView(
  cluster: Cluster,
  facts: Readonly<Record<string, HostFacts>>,
  backup: { readonly newest: number | undefined; readonly now: number },
  chosen?: string,
): TriageView {
  const seen = triage(cluster, facts);
  const offered = [...scenarios.values()].filter(({ id }) => id === chosen || isOffered(id, cluster, seen));
  const options = offered.map((scenario): ScenarioOption => {
    const no = against(seen.state, scenario.id);
    const lost = loses(scenario.id, backup.newest, backup.now);
    return {
      id: scenario.id,
      title: scenario.title,
      when: scenario.when,
      recommended: seen.recommends === scenario.id,
      ...(no === undefined ? {} : { against: no }),
      ...(lost === undefined ? {} : { loses: lost }),
    };
  });
  const { word, state, evidence, unknown, advice } = seen;
  return {
    word,
    healthy: state === 'healthy',
    evidence,
    unknown,
    options,
    ...(advice === undefined ? {} : { advice }),
  };
}

export function backupsView(backups: readonly Backup[], now: number, notes: readonly string[] = []): BackupsView {
  const health = assess(backups, now);
  const odd = new Set(health.oddSizes.map((one) => one.id));
  const rows = backups.map(
    (one): BackupRow => ({
      name: one.id,
      kind: one.kind,
      takenAt: one.takenAt ?? 0,
      bytes: one.size,
      source: one.place.source === 'bucket' ? one.place.holder : `${one.place.source} ${one.place.holder}`,
      ...(odd.has(one.id) ? { remark: 'unusual size' } : {}),
    }),
  );
  const remarks = [
    ...notes,
    ...health.gaps.map((gap) => `${gap.missed} missing between ${day(gap.from)} and ${day(gap.to)}`),
    ...(health.daily.state === 'short' ? [`dailies reach back ${Math.floor(health.daily.days)} of 7 days`] : []),
    ...(health.weekly.state === 'short' ? [`weeklies reach back ${Math.floor(health.weekly.days)} of 30 days`] : []),
  ];
  return { state: 'listed', rows, remarks };
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

export function checklistView(seen: ChecklistSeen): ChecklistRow[] {
  return itemStatuses(seen).map(({ item, how, met, underWay, evidence, at }) => ({
    id: item.id,
    title: item.title,
    status: met ? 'met' : item.needsWord ? 'word-needed' : underWay === true ? 'checking' : 'unmet',
    how,
    evidence,
    ...(at === undefined ? {} : { at }),
  }));
}

export const maintenanceView = (statuses: readonly MaintenanceStatus[]): MaintenanceRow[] =>
  statuses.map(({ item, state, last, look }) => ({
    id: item.id,
    title: item.title,
    every: item.every,
    state,
    last: last === undefined ? undefined : { at: last.at, by: last.by, words: last.words },
    seen: look?.text,
    how: item.how,
  }));
