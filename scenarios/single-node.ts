import { namesOf } from '../src/incident/cluster.js';
import type { HostFacts } from '../src/incident/facts.js';
import { type GateSpec, HERE, type Scenario, type Step, type StepContext, type When } from '../src/incident/step.js';
import { ailments } from '../src/k3s/ailment.js';
import { urlHost } from '../src/k3s/health.js';
import { mountCheck } from './steps/checks.js';
import { forgetUnits, freshSnapshot, removeOverrides } from './steps/cleanup.js';
import { outside, serverOptions } from './steps/fitness.js';
import { agentsIn, isFresh, nodeAddress, onlyPrimary, primaryName } from './steps/hosts.js';
import { architectureCheck, fetchProgram, installK3s } from './steps/install.js';
import {
  hasPlace,
  memberReady,
  removeMember,
  startMember,
  targetName,
  tolerance,
  verifyQuorum,
  WAYS,
  type Way,
  wayOf,
} from './steps/member.js';
import { becomeVoter, joinUrl, moveAside, rejoin } from './steps/rejoin.js';
import { ailmentsOf, causeCheck, forgetRefused, moveNewerAside, repairsFirst } from './steps/repair.js';
import { saveServers } from './steps/save.js';
import { stopServers } from './steps/stop.js';

/**
 * Single server: the runbook's scenario 1. Quorum is intact, so nothing is ever reset: the failed server is started, joins anew, is
 * installed afresh, or gives up its place.
 */

const healthy = (facts: HostFacts): boolean => facts.reachable && facts.etcd?.healthy === true;

/** Its etcd may vote while its Node is refused. */
const isWell = (facts: HostFacts): boolean =>
  healthy(facts) && !ailments(facts).some((one) => one.id === 'node-password');

const votersOf = (facts: HostFacts): number | undefined => {
  const voters = facts.members?.filter((member) => !member.learner).length ?? 0;
  return voters === 0 ? undefined : voters;
};

/** The healthy server through which the cluster is asked and changed, and which the target joins. */
function suggestHelper(context: StepContext): string | undefined {
  const fit = namesOf(context.cluster, 'server').filter(
    (name) => name !== context.choices.target && isWell(context.facts(name)),
  );
  const kept = fit.find((name) => name === context.choices.primary);
  return kept ?? fit.find((name) => context.facts(name).apiReady === true) ?? fit[0];
}

/** The server that is not well; with several, the first that answers, since something can be done about it. */
function suggestTarget(context: StepContext): string | undefined {
  const sick = namesOf(context.cluster, 'server').filter((name) => !isWell(context.facts(name)));
  if (sick.includes(context.choices.target ?? '')) return context.choices.target;
  return sick.find((name) => context.facts(name).reachable) ?? sick[0];
}

/** What fits the target, from what is seen of it. */
export function suggestWay(context: StepContext, target: string): Way {
  const { reachable, service, data } = context.facts(target);
  if (!reachable) return 'remove';
  if (service === undefined) return 'install';
  const hasData =
    data?.datastore === 'etcd' &&
    data.tombstone !== true &&
    data.content?.intact !== false &&
    hasPlace(context, target) !== false;
  // A cause that can be put right is no reason to throw a member out.
  if (hasData && ailmentsOf(context, target).length > 0) return 'start';
  const down = service.unit.active === 'inactive' || service.unit.active === 'failed';
  return down && !service.unit.crashLoop && hasData ? 'start' : 'rejoin';
}

const target = (context: StepContext): string[] =>
  context.choices.target === undefined || context.choices.fenced.includes(context.choices.target)
    ? []
    : [context.choices.target];

/** What is wrong with a server, in a few words. */
function seenOf(facts: HostFacts): string {
  const [cause] = ailments(facts);
  if (cause !== undefined) return `${cause.what}: ${cause.remedy}`;
  if (!facts.reachable) return facts.problem?.what ?? 'it does not answer';
  if (facts.service === undefined) return 'K3s is not installed';
  const { unit } = facts.service;
  return unit.crashLoop ? `K3s dies over and over (${unit.restarts} times)` : `K3s is ${unit.active}`;
}

/** A step that belongs to some of the ways only. */
function onlyFor(ways: readonly Way[], step: Step, more: Partial<Step> = {}): Step {
  return {
    ...step,
    when: (context): When => {
      const way = wayOf(context);
      if (way === undefined) return { run: 'not-known-yet', because: 'the way is not chosen' };
      if (!ways.includes(way)) return { run: 'no', because: `not needed to ${way}` };
      return step.when?.(context) ?? { run: 'yes' };
    },
    ...more,
  };
}

const DOES: Readonly<Record<Way, (target: string, helper: string) => string>> = {
  start: (name) => `starts K3s on ${name}; it is still a member and catches up by itself`,
  rejoin: (name, helper) => `lets ${name} join ${helper} anew, with empty data`,
  install: (name, helper) => `installs on ${name} the K3s of ${helper} with its settings, and lets it join ${helper}`,
  remove: (name) => `nothing on ${name}`,
};

/** Agents that name the server that goes: they work on through those they know, and find none after their next restart. */
function leftAlone(context: StepContext): string {
  const gone = nodeAddress(context, targetName(context));
  const agents = agentsIn(context).filter((name) => {
    const url = context.facts(name).service?.serverUrl?.url;
    return url !== undefined && urlHost(url) === gone;
  });
  return agents.length === 0
    ? ''
    : `. ${agents.join(', ')} name it as their server: give them another (server: ${joinUrl(context)})`;
}

const gates: readonly GateSpec[] = [
  {
    id: 'stop',
    title: 'Stop and hold the failed server, save what is there',
    typed: () => undefined,
    does: (context) =>
      `stops K3s on ${targetName(context)} and keeps it from starting; copies its data, token and configuration`,
    loses: () => 'nothing: the others have quorum without it',
    keeps: () => 'everything: nothing is removed or overwritten',
    undo: 'complete: lifts the hold and starts what was running',
    checks: (context) => target(context).map(causeCheck),
  },
  {
    id: 'remove',
    title: 'Take the failed server out of the cluster',
    typed: targetName,
    does: (context) =>
      `deletes the Node ${targetName(context)} and with it its etcd member${wayOf(context) === 'rejoin' ? '; moves its database aside' : ''}`,
    loses: (context) =>
      wayOf(context) === 'remove'
        ? `the place of ${targetName(context)} in the cluster; labels and taints given to its Node by hand${leftAlone(context)}`
        : 'labels and taints given to its Node by hand; its copy of the data, which the others have too',
    keeps: (context) =>
      wayOf(context) === 'rejoin'
        ? `server/db/etcd.pre-rejoin-${context.runId} and the safety copy of run ${context.runId}`
        : 'the data of the other servers, which is not touched',
    undo: 'none: the server becomes a member again by joining',
    checks: (context) => [
      ...target(context).map(causeCheck),
      ...(wayOf(context) === 'rejoin' ? target(context).map(mountCheck) : []),
    ],
  },
  {
    id: 'join',
    title: 'Bring the server back',
    typed: (context) => (/Secret/.test(repairsFirst(context, targetName(context))) ? targetName(context) : undefined),
    does: (context) =>
      `${wayOf(context) === 'start' ? repairsFirst(context, targetName(context)) : ''}${DOES[wayOf(context) ?? 'remove'](targetName(context), primaryName(context))}`,
    loses: () => 'nothing',
    keeps: () => 'the data of the other servers',
    undo: 'not needed: stop K3s there, and the cluster is as it was',
    checks: (context) => [
      ...target(context).map(causeCheck),
      ...(wayOf(context) === 'install' ? target(context).map(architectureCheck) : []),
    ],
  },
  {
    id: 'cleanup',
    title: 'Clean up',
    typed: () => undefined,
    does: () => 'removes our overrides, takes a fresh snapshot',
    loses: () => 'nothing',
    keeps: () => 'what was moved aside, and the safety copy',
    undo: 'not needed',
  },
];

/** Whether the way that is chosen can be gone with the target as it is. */
function fitsWay(context: StepContext, name: string, way: Way): string[] {
  const facts = context.facts(name);
  const fenced = context.choices.fenced.includes(name);
  if (way === 'remove')
    return fenced ? [] : [`Taking ${name} out of the cluster needs your word that it is off: attest it.`];
  if (!facts.reachable)
    return [
      `${facts.problem?.what ?? `${name} does not answer.`} Put that right, or attest that it is off and choose the way remove.`,
    ];
  if (fenced) return [`${name} is attested to be off: the only way is remove.`];
  if (way === 'install') return isFresh(context, name) ? [] : [`K3s is installed on ${name}: choose the way rejoin.`];
  if (facts.service === undefined) return [`K3s is not installed on ${name}: choose the way install.`];
  if (
    way === 'start' &&
    (facts.data?.datastore !== 'etcd' || facts.data.tombstone || hasPlace(context, name) === false)
  )
    return [`${name} has no place in the cluster to come back to with its data: choose the way rejoin.`];
  return way === 'rejoin' ? outside(context, name) : [];
}

export const singleNode: Scenario = {
  id: 'single-node',
  title: 'Single server',
  when: 'One server has failed and the others have quorum. No backup is needed, no data is touched: repair it, let it join anew, or replace it.',
  pointOfNoReturn: removeMember.id,
  backup: 'unused',
  checklist: [],
  asks: [
    {
      key: 'target',
      press: 't',
      title: 'Server that failed',
      options: (context) =>
        namesOf(context.cluster, 'server').map((name) => ({
          value: name,
          says: isWell(context.facts(name)) ? 'healthy' : seenOf(context.facts(name)),
        })),
    },
    {
      key: 'way',
      press: 'w',
      title: 'What is done with it',
      options: (context) =>
        WAYS.map((way) => ({
          value: way,
          says: fitsWay(context, targetName(context), way)[0] ?? DOES[way](targetName(context), primaryName(context)),
        })),
    },
    {
      key: 'primary',
      press: 'p',
      title: 'Healthy server through which it is done',
      options: (context) =>
        serverOptions(context, (name) => (healthy(context.facts(name)) ? [] : ['its etcd is not healthy'])),
    },
  ],
  suggests: (context) => {
    // Who failed and how is seen before anything is done; what the plan itself does to a server says nothing about that.
    if (context.known(verifyQuorum.id, 'members', context.choices.primary) !== undefined) return {};
    const [primary, sick] = [suggestHelper(context), suggestTarget(context)];
    const chosen = context.choices.target ?? sick;
    return {
      ...(primary === undefined ? {} : { primary }),
      ...(sick === undefined ? {} : { target: sick }),
      ...(chosen === undefined ? {} : { way: suggestWay(context, chosen) }),
    };
  },
  gates,
  missing: (context) => {
    const servers = namesOf(context.cluster, 'server');
    const well = servers.filter((name) => healthy(context.facts(name)));
    // A cluster counts its own voters: after a reset it may be one alone, and has quorum.
    const voters = Math.min(...well.map((name) => votersOf(context.facts(name)) ?? servers.length), servers.length);
    const majority = Math.floor(voters / 2) + 1;
    if (well.length < majority)
      return [
        `${well.length} of ${servers.length} servers have a healthy etcd, ${majority} are needed for this plan: choose Quorum loss or Full restore.`,
      ];
    const { primary, target: name } = context.choices;
    if (name === undefined) return ['Every server is healthy: there is nothing to repair.'];
    if (primary === undefined || primary === name || !well.includes(primary))
      return ['Choose the healthy server through which this is done.'];
    if (isWell(context.facts(name))) return [`${name} is healthy: choose the server that failed.`];
    return fitsWay(context, name, wayOf(context) ?? suggestWay(context, name));
  },
  phases: [
    { id: 'look', title: 'Look', hosts: onlyPrimary, order: () => 'together', steps: [verifyQuorum] },
    {
      id: 'program',
      title: 'Bring K3s',
      hosts: () => [HERE],
      order: () => 'together',
      steps: [onlyFor(['install'], fetchProgram)],
    },
    {
      id: 'safe',
      title: 'Make safe',
      hosts: target,
      order: () => 'together',
      steps: [
        onlyFor(['rejoin'], stopServers, {
          runbook: 'Scenario 1, step 2: repair the failed node',
          why: 'It must not come back with its old data while its place in the cluster is being cleared.',
        }),
        onlyFor(['rejoin'], saveServers, {
          runbook: 'Pre-restore checklist: back up current etcd data',
          why: 'Its own data, token and configuration, for whoever wants to know later what it had.',
        }),
      ],
    },
    { id: 'out', title: 'Take out', hosts: onlyPrimary, order: () => 'together', steps: [removeMember] },
    {
      id: 'back',
      title: 'Bring back',
      hosts: target,
      order: () => 'together',
      steps: [
        onlyFor(['rejoin'], moveAside, { gate: 'remove' }),
        onlyFor(['install'], installK3s),
        onlyFor(['start'], moveNewerAside),
        onlyFor(['start'], forgetRefused),
        startMember,
        onlyFor(['rejoin', 'install'], rejoin, { gate: 'join', title: 'Let it join the cluster' }),
        onlyFor(['rejoin', 'install'], becomeVoter),
        memberReady,
      ],
    },
    { id: 'verify', title: 'Verification', hosts: onlyPrimary, order: () => 'together', steps: [tolerance] },
    {
      id: 'cleanup',
      title: 'Clean up',
      hosts: target,
      order: () => 'together',
      steps: [onlyFor(['rejoin', 'install'], removeOverrides), onlyFor(['rejoin'], forgetUnits)],
    },
    { id: 'snapshot', title: 'Snapshot', hosts: onlyPrimary, order: () => 'together', steps: [freshSnapshot] },
  ],
};
