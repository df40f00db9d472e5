import type { Cluster } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import { ailments } from '../k3s/ailment.js';
import { oddities } from './odd.js';
import { clustersSeen, type Servers, sortServers } from './servers.js';

/** What is wrong with the control plane, and what fits, from what was seen. Pure. */

export type ClusterState =
  | 'healthy'
  | 'degraded'
  | 'no-space'
  | 'stopped'
  | 'quorum-lost'
  | 'data-damaged'
  | 'split'
  | 'half-restored'
  | 'total-loss'
  | 'unreachable'
  | 'not-etcd'
  | 'looking';

export type ScenarioId = 'start' | 'single-node' | 'quorum-loss' | 'full-restore';

export interface Triage {
  readonly state: ClusterState;
  /** One status word for the header. */
  readonly word: string;
  /** The scenario that fits, when one does. */
  readonly recommends?: ScenarioId;
  /** What speaks for it, in sentences. */
  readonly evidence: readonly string[];
  /** What to do where no scenario is needed, or before one is chosen. */
  readonly advice?: string;
  /** What nobody knows yet. */
  readonly unknown: readonly string[];
}

const WORDS: Readonly<Record<ClusterState, string>> = {
  healthy: 'HEALTHY',
  degraded: 'DEGRADED',
  'no-space': 'NO SPACE',
  stopped: 'STOPPED',
  'quorum-lost': 'QUORUM LOST',
  'data-damaged': 'DATA DAMAGED',
  split: 'TWO CLUSTERS',
  'half-restored': 'HALF RESTORED',
  'total-loss': 'TOTAL LOSS',
  unreachable: 'CANNOT TELL',
  'not-etcd': 'NOT ETCD',
  looking: 'LOOKING',
};

/** @param now milliseconds since the epoch, for what expires */
export function triage(cluster: Cluster, facts: Readonly<Record<string, HostFacts>>, now = Date.now()): Triage {
  const servers = sortServers(cluster, facts);
  const seen = servers.all.filter((name) => facts[name] !== undefined);
  if (seen.length < servers.all.length) {
    const evidence = [`${seen.length} of ${servers.all.length} servers have been looked at`];
    return { state: 'looking', word: WORDS.looking, evidence, unknown: [] };
  }
  const found = stateOf(servers);
  return {
    state: found.state,
    word: WORDS[found.state],
    ...(found.recommends === undefined ? {} : { recommends: found.recommends }),
    ...(found.advice === undefined ? {} : { advice: found.advice }),
    evidence: [
      ...found.evidence,
      ...common(servers),
      ...oddities(cluster, facts, servers),
      ...hostsThemselves(servers, now),
    ],
    unknown: unknownOf(servers),
  };
}

type Found = Pick<Triage, 'state' | 'evidence'> & Partial<Pick<Triage, 'recommends' | 'advice'>>;

/** The first of these that holds; the order is from what makes every other reading wrong to what is plain. */
function stateOf(servers: Servers): Found {
  return notEtcd(servers) ?? split(servers) ?? noSpace(servers) ?? quorumHolds(servers) ?? withoutQuorum(servers);
}

const list = (names: readonly string[]): string => names.join(', ');

/** What is wrong with the data of servers, each problem once. */
function byProblem(servers: Servers, names: readonly string[]): string {
  const problems = Map.groupBy(names, (name) =>
    (servers.of(name).data?.content?.problem ?? 'damaged').replace(/\.$/, ''),
  );
  return [...problems].map(([problem, whose]) => `${list(whose)}: ${problem}`).join('; ');
}

function notEtcd({ foreign, of }: Servers): Found | undefined {
  if (foreign.length === 0) return undefined;
  const store = of(foreign[0] ?? '').data?.datastore === 'sqlite' ? 'SQLite' : 'an external datastore';
  return { state: 'not-etcd', evidence: [`${list(foreign)} uses ${store}: an etcd restore does not apply`] };
}

function split(servers: Servers): Found | undefined {
  const groups = clustersSeen(servers);
  if (groups.length < 2) return undefined;
  const sides = groups.map((group) => {
    const { members, etcd } = servers.of(group[0] ?? '');
    const revision = etcd?.revision === undefined ? '' : `, revision ${etcd.revision.toLocaleString('en')}`;
    return `${list(group)} (${members?.length ?? 0} members${revision})`;
  });
  return {
    state: 'split',
    recommends: 'single-node',
    evidence: [`${groups.length} clusters answer as healthy, side by side: ${sides.join(' and ')}`],
    advice:
      'Decide which side is the real one and stop K3s on the other at once: both accept writes. Then Single server lets each server of the other side join anew.',
  };
}

function noSpace({ noSpace: full, healthy, needed }: Servers): Found | undefined {
  if (full.length === 0 || healthy.length + full.length < needed) return undefined;
  return {
    state: 'no-space',
    evidence: [`etcd on ${list(full)} has raised NOSPACE: it reads, and refuses every write`],
    advice: `Restart K3s on ${full[0]}: it defragments and lifts the alarm. If it comes back, raise quota-backend-bytes or find what writes so much. Nothing is to be restored.`,
  };
}

function quorumHolds(servers: Servers): Found | undefined {
  const { all, healthy, needed, voters, of } = servers;
  const expected =
    voters < all.length ? [`the cluster counts ${voters} voters, the inventory ${all.length} servers`] : [];
  const refused = healthy.filter((name) => ailments(of(name)).some((one) => one.id === 'node-password'));
  if (healthy.length === all.length && refused.length > 0)
    return {
      state: 'degraded',
      recommends: 'single-node',
      evidence: [`etcd votes on every server, but the Node of ${list(refused)} is refused`, ...expected],
    };
  if (healthy.length === all.length) return { state: 'healthy', evidence: expected };
  if (healthy.length === 0) return undefined;
  if (healthy.length < needed) {
    // Its health is a read through the quorum: there is one, only not where we can see it. Or it has just been lost (R29).
    return {
      state: 'degraded',
      evidence: [
        `etcd of ${list(healthy)} answers through a quorum, although only ${healthy.length} of ${voters} voters can be seen from here`,
        ...expected,
      ],
      advice:
        'Look again in 20 seconds: so long etcd takes to notice that its peers are gone. If it stays so, the others are alive, and only the way from here to them is broken.',
    };
  }
  const ill = all.filter((name) => !healthy.includes(name));
  return {
    state: 'degraded',
    recommends: 'single-node',
    evidence: [
      `${list(ill)} has failed, the others have quorum: nothing is lost, and nothing must be reset`,
      ...expected,
    ],
  };
}

function withoutQuorum(servers: Servers): Found {
  const { reachable, shut, sound, unread, damaged, looping, resetOnly, needed, stopped } = servers;
  // What keeps us out says nothing of the cluster: recommending on it would be guessing.
  if (reachable.length === 0 || shut.length > 0) {
    const why = shut.map((name) => servers.of(name).problem?.what ?? name);
    return {
      state: 'unreachable',
      evidence: why,
      advice:
        why.length > 0
          ? 'Let these be reached first: accept their keys (K), or put the login right.'
          : 'No server answers: look first whether it is the network between here and them.',
    };
  }
  if (resetOnly.length > 0) {
    return {
      state: 'half-restored',
      evidence: [
        `${list(resetOnly)} was reset and not started since: somebody began a restore`,
        ...(reachable.length > resetOnly.length ? ['the other servers still have their old data'] : []),
      ],
      advice:
        'Find out who began it before anything else: a run of this console can be resumed or taken over, a reset by hand has to be told. Full restore and Quorum loss can both begin from here.',
    };
  }
  // Data that nobody has read yet is not known to be bad, and starting it breaks nothing: K3s itself would refuse it.
  const whole = [...sound, ...unread].filter((name) => stopped.includes(name));
  const read = whole.filter((name) => sound.includes(name));
  const unsure = whole.filter((name) => !sound.includes(name));
  if (whole.length >= needed) {
    return {
      state: 'stopped',
      recommends: 'start',
      evidence: [
        ...(read.length > 0 ? [`the data of ${list(read)} is sound`] : []),
        ...(unsure.length > 0 ? [`${list(unsure)} has etcd data that nobody has read yet`] : []),
        `K3s is only stopped on ${list(whole)}: together they are a quorum`,
      ],
    };
  }
  const maybe = [...sound, ...unread.filter((name) => !looping.includes(name))];
  if (maybe.length > 0) return quorumLost(servers, maybe);
  if (unread.length > 0 || damaged.length > 0) {
    return {
      state: 'data-damaged',
      recommends: 'full-restore',
      evidence: [
        damaged.length > 0
          ? `no server that answers has sound data: ${byProblem(servers, damaged)}`
          : 'no server that answers can start its etcd',
      ],
    };
  }
  return {
    state: 'total-loss',
    recommends: 'full-restore',
    evidence: ['no server that answers has etcd data'],
  };
}

function quorumLost({ sound, of }: Servers, maybe: readonly string[]): Found {
  const known = sound.map((name) => {
    const content = of(name).data?.content;
    return `the data of ${name} is sound at revision ${content?.revision.toLocaleString('en')}`;
  });
  const running = maybe
    .filter((name) => !sound.includes(name))
    .map((name) => {
      const revision = of(name).etcd?.revision;
      return revision === undefined
        ? `${name} has etcd data that nobody has read yet`
        : `etcd of ${name} runs without a leader at revision ${revision.toLocaleString('en')}`;
    });
  return {
    state: 'quorum-lost',
    recommends: 'quorum-loss',
    evidence: [...known, ...running, 'what such a server has seen would not be lost'],
  };
}

/** What is said whatever the state is. */
function common(servers: Servers): string[] {
  const { all, reachable, healthy, needed, looping, stopped, removed, of } = servers;
  const loops = looping.map((name) => {
    const why = of(name).lastFatal;
    return `K3s starts and dies over and over on ${name}${why === undefined ? '' : `: ${why}`}`;
  });
  const cut = reachable.flatMap((name) =>
    (of(name).cannotReach ?? [])
      .filter((port) => of(port.split(':')[0] ?? '').etcd !== undefined)
      .map((port) => `${name} cannot connect to ${port}`),
  );
  return [
    `${reachable.length} of ${all.length} servers answer over SSH`,
    `${healthy.length} of ${all.length} have a healthy etcd, ${needed} are needed`,
    ...loops,
    ...(stopped.length > 0 ? [`K3s is stopped on ${list(stopped)}`] : []),
    ...(removed.length > 0 ? [`${list(removed)} was removed from the cluster: it has to join anew`] : []),
    ...cut,
  ];
}

const DAY = 86_400_000;
const SKEWED_MS = 2_000;
const LITTLE = 1e9;

/** What is wrong with the machines, whatever etcd says. */
function hostsThemselves({ reachable, of }: Servers, now: number): string[] {
  return reachable.flatMap((name) => {
    const { certExpires, clockOffsetMs, diskFree } = of(name);
    const days = certExpires === undefined ? undefined : Math.floor((certExpires * 1000 - now) / DAY);
    return [
      ...(days === undefined || days > 14
        ? []
        : [
            `the serving certificate of ${name} ${days < 0 ? 'has expired' : `expires in ${days} days`}: a restart of K3s renews it`,
          ]),
      ...ailments(of(name)).map((one) => `${name}: ${one.what}. Remedy: ${one.remedy}`),
      ...(Math.abs(clockOffsetMs ?? 0) > SKEWED_MS
        ? [`the clock of ${name} is ${((clockOffsetMs ?? 0) / 1000).toFixed(1)} s off this machine’s`]
        : []),
      ...((diskFree ?? LITTLE) < LITTLE ? [`${name} has ${Math.round((diskFree ?? 0) / 1e6)} MB of disk left`] : []),
    ];
  });
}

function unknownOf({ all, reachable, unread, looping, of }: Servers): string[] {
  const silent = all.filter((name) => !reachable.includes(name));
  return [
    ...silent.map((name) => `what ${name} has, and whether it is off: ${of(name).problem?.what ?? 'no answer'}`),
    ...unread.map((name) => `whether the data of ${name} is sound${looping.includes(name) ? ': its K3s dies' : ''}`),
  ];
}
