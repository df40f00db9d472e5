import { namesOf } from '../src/incident/cluster.js';
import { type GateCheck, type GateSpec, HERE, type Scenario, type StepContext } from '../src/incident/step.js';
import { fullRestore } from './full-restore.js';
import { cleanupGate } from './gates.js';
import { othersJoin, verifyAndTidy } from './phases.js';
import { restartAgentsOfGoneServers } from './steps/agents.js';
import { factCheck, KEEPS_DATA, mountCheck, roomCheck } from './steps/checks.js';
import { outside, outsiders, serverOptions, unaccounted, unfit } from './steps/fitness.js';
import { askGoneNodes, deleteGoneNodes, goneNodesGate, listGoneNodes } from './steps/gone-nodes.js';
import { onlyPrimary, peersOf, primaryName, serversIn } from './steps/hosts.js';
import { freshChecks, installsOn } from './steps/install.js';
import { failed, yes } from './steps/judge.js';
import { liveSnapshot, liveSnapshots } from './steps/live.js';
import { moveAside } from './steps/rejoin.js';
import { resetMembership } from './steps/reset.js';
import { saveServers } from './steps/save.js';
import { primaryCheck, startPrimary, verifyPrimary } from './steps/start.js';
import { stopServers } from './steps/stop.js';
import {
  checkMajority,
  compareBackup,
  describe,
  newestBackup,
  ranked,
  rankSurvivors,
  readSurvivor,
  soundCheck,
  suggestSurvivor,
  survivorOf,
} from './steps/survivors.js';

/**
 * Quorum loss: the runbook's scenario 2. A server with sound data becomes the only member of its own cluster again and the
 * others join it anew; no backup is needed, and nothing that server holds is lost.
 */

/** What another server has and the chosen one has not, as far as anybody can know. */
function lost(context: StepContext): string {
  const chosen = survivorOf(context, context.choices.primary ?? '');
  const { fenced } = context.choices;
  const beyond =
    fenced.length === 0 ? '' : `; what only ${fenced.join(', ')} had seen, should there be such a thing, is not in it`;
  if (chosen === undefined) return `nothing that ${primaryName(context)} holds${beyond}`;
  const ahead = ranked(context).filter(
    (one) => one.intact && one.host !== chosen.host && (one.index > chosen.index || one.revision > chosen.revision),
  );
  const behind = ahead.map(
    (one) => `what ${one.host} has beyond it (revision ${one.revision.toLocaleString('en')}, index ${one.index})`,
  );
  const own = `nothing that ${chosen.host} holds up to revision ${chosen.revision.toLocaleString('en')}`;
  return behind.length === 0 ? `${own}${beyond}` : `${behind.join(' and ')}${beyond}; ${own}`;
}

/** The token the server will start with against the one that opens its own data: with another one it loops (R25). */
const ownTokenCheck = (host: string): GateCheck =>
  factCheck('starts with the token of its own data', host, (_answers, context) => {
    const opens = survivorOf(context, context.choices.primary ?? '')?.tokenHash ?? undefined;
    const service = context.facts(host).service;
    if (opens === undefined) return yes(['no token at hand opens the data; K3s uses its own as before']);
    if (service?.tokenHash === undefined) return yes(['no token configured: it uses its server/token']);
    return service.tokenHash === opens
      ? yes([`token ${opens}, from ${service.tokenFrom ?? 'its configuration'}`])
      : failed([
          `it would start with token ${service.tokenHash} from ${service.tokenFrom ?? 'its configuration'}, the data needs ${opens}`,
        ]);
  });

/** A peer with another CA than the survivor's cannot join. */
const sameCaCheck = (host: string): GateCheck =>
  factCheck('has the CA of the surviving server', host, (_answers, context) => {
    const own = context.facts(host).caHash;
    const theirs = context.facts(context.choices.primary ?? '').caHash;
    if (own === undefined || theirs === undefined || own === theirs) return yes(['same CA, or none yet']);
    return failed([
      `its server-ca.crt is ${own.slice(0, 12)}, that of ${primaryName(context)} is ${theirs.slice(0, 12)}: it is of another cluster; leave it out or move its server/tls and server/cred aside`,
    ]);
  });

const gates: readonly GateSpec[] = [
  {
    id: 'stop',
    title: 'Stop and hold every server that answers, save and read its data',
    typed: () => undefined,
    does: (context) =>
      `has etcd write a snapshot where it still answers and etcdctl is at hand; stops K3s on ${serversIn(context).join(', ')} and keeps it from starting; copies data, token and configuration; reads each server’s data on a copy`,
    loses: () => 'the control plane until the end; workloads keep running',
    keeps: () => 'everything: nothing is removed or overwritten',
    undo: 'complete: lifts the holds and starts what was running',
    checks: (context) => [
      ...serversIn(context).map((host) => roomCheck(host, KEEPS_DATA)),
      ...peersOf(context).map(mountCheck),
    ],
  },
  {
    id: 'reset',
    title: 'Reset the membership to one server, keep its data',
    typed: primaryName,
    does: (context) =>
      `makes ${primaryName(context)} the only member of the cluster, with the data it has; ${namesOf(context.cluster, 'server').length - 1} members are forgotten`,
    loses: lost,
    keeps: (context) => `the safety copy of run ${context.runId} on every server that answers${liveSnapshots(context)}`,
    undo: 'complete until the server has started: the safety copy is put back; none after the release',
    checks: (context) => [soundCheck, ownTokenCheck(primaryName(context))],
  },
  {
    id: 'start',
    title: 'Start the surviving server',
    typed: () => undefined,
    does: (context) => `starts K3s on ${primaryName(context)} as a cluster of one; its controllers act again`,
    loses: () => 'nothing; what controllers do from now on cannot be undone',
    keeps: () => 'the safety copies; the other servers stay held',
    undo: 'the database, but not what controllers did meanwhile',
  },
  {
    id: 'release',
    title: 'Let the other servers join again',
    typed: (context) => context.cluster.name,
    does: (context) =>
      `moves the old data of ${peersOf(context).join(', ') || 'no server'} aside and lets them join ${primaryName(context)} one by one${installsOn(context)}`,
    loses: () => 'the way back: after this the surviving server’s cluster is the only one',
    keeps: (context) => `server/db/etcd.pre-rejoin-${context.runId} on each of them`,
    undo: 'none: this is the point of no return',
    checks: (context) => [
      ...primaryCheck(context),
      ...peersOf(context).flatMap((host) => [ownTokenCheck(host), sameCaCheck(host)]),
      ...freshChecks(context),
    ],
  },
  goneNodesGate,
  cleanupGate,
];

const fits = (context: StepContext, host: string): boolean =>
  context.facts(host).reachable && outside(context, host).length + unfit(context, host).length === 0;

export const quorumLoss: Scenario = {
  id: 'quorum-loss',
  title: 'Quorum loss',
  when: 'A majority of the servers is gone, and one that answers has its etcd data. Loses nothing that server holds; needs no backup.',
  pointOfNoReturn: moveAside.id,
  backup: 'compared',
  checklist: ['workloads', 'documented', 'accessible', 'network', 'current-data'],
  asks: [
    {
      key: 'primary',
      press: 'p',
      title: 'Server whose data is kept',
      options: (context) =>
        serverOptions(
          context,
          (name) => [...outside(context, name), ...unfit(context, name)],
          (name) => {
            const survivor = survivorOf(context, name);
            return survivor === undefined ? '' : describe(survivor);
          },
        ),
    },
    askGoneNodes,
  ],
  suggests: (context) => {
    const primary = suggestSurvivor(context, (host) => fits(context, host));
    return primary === undefined ? {} : { primary };
  },
  handsOver: { to: fullRestore.id, until: startPrimary.id },
  gates,
  missing: (context) => {
    const missing = [...unaccounted(context), ...outsiders(context)];
    const servers = serversIn(context).filter((name) => context.facts(name).reachable);
    const withData = servers.filter((name) => context.facts(name).data?.datastore === 'etcd');
    if (servers.length === 0) missing.push('No server answers: nobody can say what survived.');
    else if (withData.length === 0)
      missing.push('No server that answers has etcd data: this needs a backup. Choose Full restore.');
    const { primary } = context.choices;
    if (primary === undefined || !serversIn(context).includes(primary)) {
      if (withData.length > 0) missing.push('Choose the server whose data is kept.');
    } else missing.push(...unfit(context, primary));
    return missing;
  },
  phases: [
    { id: 'live', title: 'While etcd runs', hosts: serversIn, order: () => 'together', steps: [liveSnapshot] },
    {
      id: 'safe',
      title: 'Make safe',
      hosts: serversIn,
      order: () => 'together',
      steps: [stopServers],
    },
    {
      id: 'save',
      title: 'Save and read',
      hosts: serversIn,
      order: () => 'together',
      steps: [saveServers, readSurvivor],
    },
    { id: 'newest', title: 'The newest backup', hosts: () => [HERE], order: () => 'together', steps: [newestBackup] },
    {
      id: 'rank',
      title: 'Choose',
      hosts: () => [HERE],
      order: () => 'together',
      steps: [checkMajority, rankSurvivors, compareBackup],
    },
    {
      id: 'restore',
      title: 'Reset and start',
      hosts: onlyPrimary,
      order: () => 'one-by-one',
      steps: [resetMembership, { ...startPrimary, title: 'Start the surviving server' }, verifyPrimary],
    },
    ...othersJoin({ joins: 'Let it join the surviving server', agents: [restartAgentsOfGoneServers] }),
    ...verifyAndTidy({ nodes: [listGoneNodes, deleteGoneNodes] }),
  ],
};
