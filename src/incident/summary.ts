import { namesOf } from './cluster.js';
import { type Loss, lossLines, lossText } from './loss.js';
import { cellKey, contextOf, type IncidentState, isSettled } from './state.js';
import { HERE } from './step.js';
import { stamp } from './times.js';

export interface RestoreSummary {
  readonly lost: readonly string[];
  readonly left: readonly string[];
  /** One sentence. */
  readonly tolerance: string;
}

/** What the backup did not hold, what is left to do, how many failures the cluster now tolerates. Works on any state. */
export function restoreSummary(state: IncidentState): RestoreSummary {
  const context = contextOf(state, HERE, 1, true);
  const lost: string[] = [];
  const left: string[] = [];
  const proof = context.known('fetch', 'proof', HERE) as
    | { takenAt?: number | null; revision?: number; wakes?: string[] }
    | undefined;
  if (state.ended?.outcome === 'recovered' && proof?.takenAt !== undefined && proof.takenAt !== null) {
    lost.push(
      `everything written between ${stamp(proof.takenAt * 1000)} and the incident: the backup is of revision ${proof.revision}`,
    );
  }
  const loss = context.known('compare', 'loss', HERE) as unknown as Loss | undefined;
  const objects = lossText(loss);
  if (state.ended?.outcome === 'recovered' && objects !== undefined) lost.push(objects, ...lossLines(loss));
  if (state.ended?.outcome === 'recovered' && proof?.wakes !== undefined && proof.wakes.length > 0) {
    left.push(`look at what began to act by itself when the cluster woke: ${proof.wakes.slice(0, 10).join(', ')}`);
  }
  const primary = state.choices.primary;
  const gone = (context.known('verify-nodes', 'gone', primary) as string[] | undefined) ?? [];
  const deleted = (context.known('delete-gone', 'deleted', primary) as string[] | undefined) ?? [];
  for (const node of gone.filter((name) => !deleted.includes(name)))
    left.push(`Node ${node} came back from the backup and has no host: \`kubectl delete node ${node}\``);
  for (const pod of (context.known('verify-pods', 'waiting', primary) as string[] | undefined) ?? [])
    left.push(`system pod ${pod} was not running`);
  for (const claim of (context.known('verify-pods', 'unbound', primary) as string[] | undefined) ?? [])
    left.push(`claim ${claim} was not bound`);
  for (const host of state.choices.fenced)
    left.push(`server ${host} was left out: keep it off, then add it as a fresh server`);
  for (const host of state.choices.left) left.push(`agent ${host} was left out: restart it when it is back`);
  for (const host of state.cluster.hosts) {
    for (const aside of (context.known('leftovers', 'aside', host.name) as
      | { path: string; bytes: number }[]
      | undefined) ?? []) {
      left.push(
        `old data on ${host.name} (${Math.round(aside.bytes / 1e6)} MB), when nobody needs it any more: \`rm -r ${aside.path}\``,
      );
    }
    for (const path of (context.known('identity-aside', 'kept', host.name) as string[] | undefined) ?? [])
      left.push(`certificates and keys of before on ${host.name}, when nobody needs them any more: \`rm -r ${path}\``);
    if (isSettled(state.cells[cellKey('save', host.name)]))
      left.push(
        `safety copy on ${host.name}, when nobody needs it any more: \`rm -r /var/lib/blackstart/${state.runId}\``,
      );
  }
  if (state.ended?.outcome === 'recovered')
    left.push(
      proof === undefined
        ? 'check the backup schedule'
        : 're-enable and check the backup schedule; re-apply what was changed after the backup',
    );
  return { lost, left, tolerance: toleranceOf(state) };
}

/** What the cluster itself was counted to tolerate; where nobody counted, by the servers that took part. */
function toleranceOf(state: IncidentState): string {
  const counted = Object.values(state.cells).find((cell) => cell.step === 'tolerance' && isSettled(cell));
  if (counted?.evidence[0] !== undefined && counted.status !== 'skipped') return counted.evidence[0];
  const total = namesOf(state.cluster, 'server').length;
  const voters = total - state.choices.fenced.length;
  const failures = Math.floor((voters - 1) / 2);
  if (failures === 0) return `${voters} of ${total} servers vote: recovered, tolerates no failure`;
  return `${voters} of ${total} servers vote: tolerates ${failures} failure${failures === 1 ? '' : 's'}`;
}
