import { lossLines, lossText } from '../src/incident/loss.js';
import { type GateSpec, HERE, type Scenario, type StepContext } from '../src/incident/step.js';
import { minute } from '../src/incident/times.js';
import { cleanupGate, startGate } from './gates.js';
import { othersJoin, stopAndDeliver, verifyAndTidy } from './phases.js';
import { restartAgents } from './steps/agents.js';
import { caCheck, mountCheck, olderK3s, olderRisk, roomCheck, tokenCheck, versionCheck } from './steps/checks.js';
import { compareLoss, lossOf } from './steps/compare.js';
import { fetchAndProve, identityCheck, provenBackup } from './steps/fetch.js';
import { fetchFirstProgram, firstChecks, installFirst, installsFirst } from './steps/first.js';
import { outside, outsiders, serverOptions, unaccounted, unfit } from './steps/fitness.js';
import { askGoneNodes, deleteGoneNodes, goneNodesGate, listGoneNodes } from './steps/gone-nodes.js';
import { agentsIn, neededK3s, onlyPrimary, peersOf, primaryName, serversIn } from './steps/hosts.js';
import { freshChecks, installsOn } from './steps/install.js';
import { moveAside } from './steps/rejoin.js';
import { reset } from './steps/reset.js';
import { primaryCheck, startPrimary, verifyPrimary } from './steps/start.js';
import { verifyObjects } from './steps/verify.js';

/**
 * Full restore: the runbook's steps 1 to 7 for a cluster whose etcd is lost everywhere, corrected where the paper is wrong
 * about K3s. Read it against the runbook; every step names its line.
 */

const lost = (context: StepContext): string => {
  const proof = provenBackup(context);
  if (proof === undefined) return 'what was written after the backup';
  const taken = proof.takenAt === null ? 'the backup was taken' : minute(proof.takenAt * 1000);
  const wakes =
    proof.wakes.length === 0
      ? ''
      : `; ${proof.wakes.length} objects act as soon as it starts: ${proof.wakes.slice(0, 4).join(', ')}`;
  const objects = lossText(lossOf(context));
  const named = objects === undefined ? '' : `: ${objects}`;
  return `what was written after ${taken} (revision ${proof.revision.toLocaleString('en')})${named}${wakes}`;
};

/** New machines have nothing to stop or to save. */
function stopsWhat(context: StepContext): string {
  const there = serversIn(context).filter((name) => !neededK3s(context, name));
  return there.length === 0
    ? ''
    : `stops K3s on ${there.join(', ')} and keeps it from starting; copies data, token and configuration; `;
}

const gates: readonly GateSpec[] = [
  {
    id: 'stop',
    title: 'Stop and hold every server, save what is there',
    typed: (context) => olderK3s(context, primaryName(context)),
    does: (context) => `${stopsWhat(context)}brings the snapshot to ${primaryName(context)}${installsFirst(context)}`,
    loses: (context) =>
      `the control plane until the restore ends; workloads keep running${olderRisk(context, primaryName(context))}`,
    keeps: () => 'everything: nothing is removed or overwritten',
    undo: 'complete: lifts the holds and starts what was running',
    checks: (context) => [
      identityCheck,
      ...serversIn(context).map((host) => roomCheck(host)),
      // Peers move theirs aside later: better seen now than behind the point of no return.
      ...serversIn(context).map(mountCheck),
      versionCheck(primaryName(context)),
      ...firstChecks(context),
    ],
  },
  {
    id: 'reset',
    title: 'Reset etcd from the snapshot',
    typed: (context) => olderK3s(context, primaryName(context)) ?? primaryName(context),
    does: (context) =>
      neededK3s(context, primaryName(context))
        ? `fills ${primaryName(context)}, a new machine without etcd data, from the snapshot; membership becomes this server alone`
        : `moves the etcd data of ${primaryName(context)} aside; membership becomes this server alone`,
    loses: (context) => `${lost(context)}${olderRisk(context, primaryName(context))}`,
    losses: (context) => lossLines(lossOf(context)),
    keeps: (context) => `server/db/etcd-old-<time>, server/tls-<time>, and the safety copy of run ${context.runId}`,
    undo: 'complete until the server has started; then the database only; none after the release',
    checks: (context) => [
      mountCheck(primaryName(context)),
      tokenCheck(primaryName(context)),
      versionCheck(primaryName(context)),
    ],
  },
  startGate,
  {
    id: 'release',
    title: 'Release the other servers and the agents',
    typed: (context) => context.cluster.name,
    does: (context) =>
      `moves the old data of ${peersOf(context).join(', ') || 'no server'} aside, lets them join ${primaryName(context)} one by one, restarts ${agentsIn(context).length} agents${installsOn(context)}`,
    loses: () => 'the way back: after this the restored cluster is the only one',
    keeps: (context) => `server/db/etcd.pre-rejoin-${context.runId} on each of them`,
    undo: 'none: this is the point of no return',
    checks: (context) => [
      ...primaryCheck(context),
      ...peersOf(context).flatMap((host) => [tokenCheck(host), caCheck(host)]),
      ...freshChecks(context),
    ],
  },
  goneNodesGate,
  cleanupGate,
];

export const fullRestore: Scenario = {
  id: 'full-restore',
  title: 'Full restore',
  when: 'All control plane nodes lost, or the etcd data damaged everywhere. Loses what was written after the backup.',
  pointOfNoReturn: moveAside.id,
  backup: 'restored',
  asks: [
    {
      key: 'primary',
      press: 'p',
      title: 'Server to restore on',
      options: (context) =>
        serverOptions(context, (name) => [...outside(context, name, true), ...unfit(context, name)]),
    },
    askGoneNodes,
  ],
  gates,
  missing: (context) => {
    const missing = unaccounted(context);
    if (serversIn(context).length === 0) missing.push('No server answers: there is nothing to restore on.');
    const primary = context.choices.primary;
    const reachable = serversIn(context).filter((name) => context.facts(name).reachable);
    missing.push(...outsiders(context, true));
    if (primary !== undefined && serversIn(context).includes(primary)) missing.push(...unfit(context, primary));
    else if (
      reachable.length === 0 ||
      reachable.some((name) => unfit(context, name).length + outside(context, name, true).length === 0)
    )
      missing.push('Choose the server to restore on.');
    else missing.push(...reachable.flatMap((name) => unfit(context, name)));
    if (context.choices.snapshot === undefined) missing.push('Choose a backup.');
    return missing;
  },
  phases: [
    { id: 'prove', title: 'Prove the backup', hosts: () => [HERE], order: () => 'together', steps: [fetchAndProve] },
    {
      id: 'first-program',
      title: 'Bring K3s',
      hosts: () => [HERE],
      order: () => 'together',
      steps: [fetchFirstProgram],
    },
    {
      id: 'first',
      title: 'A new first server',
      hosts: onlyPrimary,
      order: () => 'together',
      steps: [installFirst],
    },
    ...stopAndDeliver,
    {
      id: 'compare',
      title: 'What will be lost',
      hosts: () => [HERE],
      order: () => 'together',
      // Begun as soon as the servers are stopped, while they are saved and the snapshot is delivered.
      steps: [compareLoss],
    },
    {
      id: 'restore',
      title: 'Restore',
      hosts: onlyPrimary,
      order: () => 'one-by-one',
      steps: [reset, startPrimary, verifyPrimary],
    },
    ...othersJoin({ agents: [restartAgents] }),
    ...verifyAndTidy({ data: [verifyObjects], nodes: [listGoneNodes, deleteGoneNodes] }),
  ],
};
