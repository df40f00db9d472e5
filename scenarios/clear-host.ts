import { namesOf } from '../src/incident/cluster.js';
import type { HostFacts } from '../src/incident/facts.js';
import type { GateSpec, Scenario, StepContext } from '../src/incident/step.js';
import {
  clearedReady,
  clearHost,
  findStrays,
  ground,
  lookAtHost,
  sameGround,
  startCleared,
  straysOn,
} from './steps/clear.js';
import { agentsIn, serversIn } from './steps/hosts.js';
import { targetName } from './steps/member.js';

/**
 * Clearing one host of containers that the API does not know: optional after a restore, chosen by itself, and for one host at a time, because
 * everything that runs there ends.
 */

const everyHost = (context: StepContext): string[] => [...serversIn(context), ...agentsIn(context)];

const apiReady = (facts: HostFacts): boolean => facts.reachable && facts.apiReady === true;

/** A server that is not itself cleared, so that the API can be asked meanwhile; the target alone where there is no other. */
function suggestAsked(context: StepContext): string | undefined {
  const ready = serversIn(context).filter((name) => apiReady(context.facts(name)));
  const others = ready.filter((name) => name !== context.choices.target);
  const { primary } = context.choices;
  return others.includes(primary ?? '') ? primary : (others[0] ?? ready[0]);
}

/** The host with the most pods that the API does not know; none where there is no such pod. */
function suggestTarget(context: StepContext): string | undefined {
  const most = everyHost(context)
    .map((name) => ({ name, count: straysOn(context, name)?.length ?? 0 }))
    .reduce((best, one) => (one.count > best.count ? one : best), { name: '', count: 0 });
  return most.count === 0 ? undefined : most.name;
}

/** Whether the other servers keep quorum while this one is away; a cluster of one has none to lose. */
function quorumWithout(context: StepContext, target: string): string[] {
  const servers = namesOf(context.cluster, 'server');
  if (!servers.includes(target) || servers.length === 1) return [];
  const others = servers.filter((name) => name !== target && context.facts(name).etcd?.healthy === true).length;
  const needed = Math.floor(servers.length / 2) + 1;
  return others >= needed
    ? []
    : [
        `Without ${target} only ${others} of ${servers.length} servers have a healthy etcd, ${needed} are needed: get the others well first.`,
      ];
}

function unfit(context: StepContext, host: string): string[] {
  const facts = context.facts(host);
  if (!facts.reachable) return [facts.problem?.what ?? `${host} does not answer.`];
  if (facts.service === undefined) return [`K3s is not installed on ${host}.`];
  if (facts.init === 'other') return [`${host} does not run systemd: this plan cannot be carried out there.`];
  if (facts.held === true) return [`${host} is held by a run that has not ended: finish or undo that first.`];
  return quorumWithout(context, host);
}

const clearGate: GateSpec = {
  id: 'clear',
  title: 'End everything that runs on this host',
  typed: targetName,
  does: (context) =>
    `stops K3s on ${targetName(context)}, kills every container of it, takes its mounts off, removes the interfaces and packet filter rules of the pod network; then starts K3s again`,
  loses: (context) => {
    const addresses = ground(context, 'addresses');
    return [
      `what the pods on ${targetName(context)} are doing, without a chance to finish; what they keep in memory`,
      ...(serversIn(context).includes(targetName(context)) ? ['this server is away from etcd meanwhile'] : []),
      ...(addresses.length === 0
        ? []
        : [
            `who is reached at ${addresses.join(', ')} may not be, if that is a virtual address kept by one of these pods`,
          ]),
    ].join('; ');
  },
  losses: (context) => [
    ...ground(context, 'pods').map(
      (pod) => `${pod}${ground(context, 'strays').includes(pod) ? ', unknown to the API: does not come back' : ''}`,
    ),
    ...ground(context, 'mounts').map((mount) => `mounted: ${mount}`),
  ],
  keeps: () => 'the cluster’s data, the data of volumes, images; pods that the API knows start again',
  undo: 'none: what ran is ended',
  checks: (context) => (context.choices.target === undefined ? [] : [sameGround(context.choices.target)]),
};

const target = (context: StepContext): string[] =>
  context.choices.target === undefined ? [] : [context.choices.target];

export const clearOneHost: Scenario = {
  id: 'clear-host',
  title: 'Clear a host',
  when: 'After a restore, containers that the API does not know stay on a host. Ends everything that runs there, then starts K3s again. No backup is needed.',
  pointOfNoReturn: clearHost.id,
  backup: 'unused',
  checklist: [],
  asks: [
    {
      key: 'target',
      press: 't',
      title: 'Host to clear',
      label: 'clear',
      options: (context) =>
        everyHost(context).map((value) => {
          const strays = straysOn(context, value);
          const says =
            strays === undefined
              ? 'not looked at yet'
              : strays.length === 0
                ? 'every container is known to the API'
                : `unknown to the API: ${strays.join(', ')}`;
          return { value, says: unfit(context, value)[0] ?? says };
        }),
    },
    {
      key: 'primary',
      press: 'p',
      title: 'Server whose API is asked',
      label: 'asked',
      options: (context) =>
        serversIn(context).map((value) => ({
          value,
          says: apiReady(context.facts(value)) ? 'its API answers' : 'its API does not answer',
        })),
    },
  ],
  suggests: (context) => {
    const [primary, host] = [suggestAsked(context), suggestTarget(context)];
    return { ...(primary === undefined ? {} : { primary }), ...(host === undefined ? {} : { target: host }) };
  },
  gates: [clearGate],
  missing: (context) => {
    const { primary, target: host } = context.choices;
    if (primary === undefined || !apiReady(context.facts(primary)))
      return ['No server says that its API is ready: what runs can only be compared when one answers.'];
    if (host !== undefined) return unfit(context, host);
    const looked = everyHost(context).filter((name) => context.facts(name).reachable);
    return looked.every((name) => straysOn(context, name)?.length === 0)
      ? ['Every container is known to the API: nothing needs clearing. A host can be chosen all the same (t).']
      : ['Choose the host to clear (t).'];
  },
  phases: [
    { id: 'strays', title: 'Compare', hosts: everyHost, order: () => 'together', steps: [findStrays] },
    { id: 'ground', title: 'Look', hosts: target, order: () => 'together', steps: [lookAtHost] },
    {
      id: 'clear',
      title: 'Clear and start',
      hosts: target,
      order: () => 'together',
      steps: [clearHost, startCleared, clearedReady],
    },
  ],
};
