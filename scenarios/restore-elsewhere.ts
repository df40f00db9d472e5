import { type GateSpec, HERE, type Scenario } from '../src/incident/step.js';
import { fullRestore } from './full-restore.js';
import { cleanupGate, startGate } from './gates.js';
import { othersJoin, stopAndDeliver, verifyAndTidy } from './phases.js';
import { restartAgents } from './steps/agents.js';
import { mountCheck, olderK3s, olderRisk, roomCheck, tokenCheck, versionCheck } from './steps/checks.js';
import {
  agentCertificates,
  asideIdentity,
  forgetPasswords,
  isolationCheck,
  joinTokenCheck,
  notForRehearsal,
  peerCertificates,
  primaryCertificates,
  wakesCheck,
  whoseCheck,
} from './steps/elsewhere.js';
import { fetchFromElsewhere, provenBackup } from './steps/fetch.js';
import { agentsIn, onlyPrimary, peersOf, primaryName, serversIn } from './steps/hosts.js';
import { freshChecks, installsOn } from './steps/install.js';
import { reset } from './steps/reset.js';
import { primaryCheck, startPrimary, verifyPrimary } from './steps/start.js';
import { verifyObjects } from './steps/verify.js';

/**
 * The runbook's monthly test: production's backup restored on another, real cluster that is there to be overwritten. The steps are those of a
 * full restore; what differs is that another cluster's CA, certificates and node passwords come with the data.
 */

const gates: readonly GateSpec[] = [
  {
    id: 'stop',
    title: 'Confirm the isolation, then stop and hold every server',
    // The operator's word, before anything is touched: not a name that is typed in every plan.
    typed: () => 'isolated',
    does: (context) =>
      `takes your word that ${context.cluster.name} is cut off from ${context.cluster.rehearsal?.of ?? 'production'}; stops K3s on ${serversIn(context).join(', ')}, holds and saves them; brings the snapshot to ${primaryName(context)}`,
    loses: () => 'the control plane of this cluster until the restore ends',
    keeps: () => 'everything: nothing is removed or overwritten',
    undo: 'complete: lifts the holds and starts what was running',
    checks: (context) => [
      whoseCheck,
      ...context.cluster.hosts
        .filter((host) => ![...context.choices.fenced, ...context.choices.left].includes(host.name))
        .map((host) => isolationCheck(host.name)),
      wakesCheck,
      ...serversIn(context).flatMap((host) => [roomCheck(host), mountCheck(host), joinTokenCheck(host)]),
      versionCheck(primaryName(context)),
    ],
  },
  {
    id: 'reset',
    title: 'Reset etcd from the other cluster’s snapshot',
    typed: (context) => olderK3s(context, primaryName(context)) ?? primaryName(context),
    does: (context) =>
      `moves the etcd data of ${primaryName(context)} aside; its data, CA and tokens become those of ${provenBackup(context)?.name ?? 'the backup'}`,
    loses: (context) => `all that ${context.cluster.name} is now${olderRisk(context, primaryName(context))}`,
    keeps: (context) => `server/db/etcd-old-<time>, server/tls-<time>, and the safety copy of run ${context.runId}`,
    undo: 'complete until the server has started; then the database only; none after the release',
    checks: (context) => [
      whoseCheck,
      mountCheck(primaryName(context)),
      tokenCheck(primaryName(context)),
      versionCheck(primaryName(context)),
    ],
  },
  startGate,
  {
    id: 'release',
    title: 'Let the other servers and the agents join',
    typed: (context) => context.cluster.name,
    does: (context) =>
      `forgets the node passwords in the backup; moves data, tls and cred of ${peersOf(context).join(', ') || 'no server'} aside, lets them join ${primaryName(context)} one by one; gives ${agentsIn(context).length} agents new certificates${installsOn(context)}`,
    loses: () => 'the way back: after this the restored cluster is the only one',
    keeps: (context) => `etcd, tls, cred and the agents’ certificates as ….pre-rejoin-${context.runId} on each of them`,
    undo: 'none: this is the point of no return',
    checks: (context) => [...primaryCheck(context), ...peersOf(context).map(joinTokenCheck), ...freshChecks(context)],
  },
  cleanupGate,
];

export const restoreElsewhere: Scenario = {
  id: 'restore-elsewhere',
  title: 'Restore elsewhere',
  when: 'The monthly test: another cluster’s backup on this one, which is there to be overwritten.',
  pointOfNoReturn: forgetPasswords.id,
  backup: 'restored',
  asks: fullRestore.asks.filter((one) => one.optional !== true),
  gates,
  missing: (context) => [...notForRehearsal(context), ...fullRestore.missing(context)],
  phases: [
    {
      id: 'prove',
      title: 'Prove the backup',
      hosts: () => [HERE],
      order: () => 'together',
      steps: [fetchFromElsewhere],
    },
    ...stopAndDeliver,
    {
      id: 'restore',
      title: 'Restore',
      hosts: onlyPrimary,
      order: () => 'one-by-one',
      steps: [reset, primaryCertificates, startPrimary, verifyPrimary, forgetPasswords],
    },
    ...othersJoin({ beforeInstall: [asideIdentity, peerCertificates], agents: [agentCertificates, restartAgents] }),
    ...verifyAndTidy({ data: [verifyObjects] }),
  ],
};
