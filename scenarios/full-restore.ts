import { namesOf } from '../src/incident/cluster.js';
import { look } from '../src/incident/command.js';
import { type GateCheck, type GateSpec, HERE, type Scenario, type StepContext } from '../src/incident/step.js';
import { diskFree, diskUsed } from '../src/k3s/ask.js';
import { parseDf } from '../src/k3s/listing.js';
import { restartAgents } from './steps/agents.js';
import { forgetUnits, freshSnapshot, listLeftovers, removeOverrides } from './steps/cleanup.js';
import { deliver, roomNeeded } from './steps/deliver.js';
import { fetchAndProve, identityCheck, provenBackup } from './steps/fetch.js';
import { agentsIn, nodeNameOf, onlyPrimary, pathsOf, peersOf, serversIn } from './steps/hosts.js';
import { at, bytes, failed, silence, yes } from './steps/judge.js';
import { becomeVoter, moveAside, peerReady, rejoin } from './steps/rejoin.js';
import { reset } from './steps/reset.js';
import { saveServers } from './steps/save.js';
import { startPrimary, verifyPrimary } from './steps/start.js';
import { stopServers } from './steps/stop.js';
import { deleteTestPod, testImage, testPod, verifyNodes, verifyObjects, verifyPods } from './steps/verify.js';

/**
 * Full restore: the runbook's steps 1 to 7 for a cluster whose etcd is lost everywhere, corrected where the paper is wrong
 * about K3s. Read it against the runbook; every step names its line.
 */

const primaryName = (context: StepContext): string => context.choices.primary ?? '';

/** The token each host will start with against the one that opened the snapshot: with another one it loops (R25). */
function tokenCheck(host: string): GateCheck {
  return {
    title: 'starts with the token that opens the snapshot',
    host,
    question: {
      ask: () => [],
      judge: (_answers, context) => {
        const opened = provenBackup(context)?.tokenHash;
        const service = context.facts(host).service;
        if (service?.tokenHash === undefined)
          return yes(['no token configured: it uses server/token of the restored data']);
        return service.tokenHash === opened
          ? yes([`token ${opened}, from ${service.tokenFrom ?? 'its configuration'}`])
          : failed([
              `it would start with token ${service.tokenHash} from ${service.tokenFrom ?? 'its configuration'}, the snapshot needs ${opened ?? 'another'}`,
            ]);
      },
    },
  };
}

/** A peer with another cluster's CA cannot join; its certificates have to go aside first (facts 1.10). */
function caCheck(host: string): GateCheck {
  return {
    title: 'has the CA of the restored cluster',
    host,
    question: {
      ask: () => [],
      judge: (_answers, context) => {
        const restored = provenBackup(context)?.caHash;
        const own = context.facts(host).caHash;
        if (restored === undefined || restored === null || own === undefined || own === restored)
          return yes(['same CA, or none yet']);
        const { tls, cred } = pathsOf(context, host);
        return failed([
          `its server-ca.crt is ${own.slice(0, 12)}, the backup holds ${restored.slice(0, 12)}: move ${tls} and ${cred} aside there, then open the gate again`,
        ]);
      },
    },
  };
}

/** K3s restores a newer snapshot without a word (R24); a newer minor's data in an older K3s is not supported. */
function versionCheck(host: string): GateCheck {
  const minor = (version: string): number => Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? 0);
  return {
    title: 'K3s is not older than the snapshot',
    host,
    question: {
      ask: () => [],
      judge: (_answers, context) => {
        const installed = context.facts(host).service?.version ?? '';
        const newest = Math.max(0, ...(provenBackup(context)?.nodes.map((node) => minor(node.version)) ?? []));
        if (newest === 0 || minor(installed) === 0) return yes([`installed ${installed || 'unknown'}`]);
        return minor(installed) >= newest
          ? yes([`installed ${installed}, snapshot of 1.${newest}`])
          : failed([
              `installed ${installed} is older than the snapshot's 1.${newest}: install at least that minor first`,
            ]);
      },
    },
  };
}

/** Room for the safety copy, and on the primary for the restore, seen before anything stops (R17). */
function roomCheck(host: string): GateCheck {
  return {
    title: 'has room for the copies',
    host,
    question: {
      ask: (context) => [
        look(diskFree(pathsOf(context, host).dataDir)),
        look(diskFree('/var/lib')),
        look(diskUsed(pathsOf(context, host).etcd)),
      ],
      judge: (answers, context) => {
        const quiet = silence(answers);
        if (quiet !== undefined) return quiet;
        const free = [0, 1].map((index) => parseDf(at(answers, index).stdout)[0]);
        const safety = Number(/^(\d+)/.exec(at(answers, 2).stdout)?.[1] ?? 0) * 1.1 + 50e6;
        const restore = host === primaryName(context) ? roomNeeded(provenBackup(context)?.bytes ?? 0) : 0;
        const together = free[0]?.target === free[1]?.target;
        const short = [
          [free[0], together ? restore + safety : restore],
          [free[1], safety],
        ] as const;
        const lacking = short.find(([disk, needed]) => disk !== undefined && disk.available < needed);
        if (lacking === undefined) return yes(['room for the safety copy and the restore']);
        const aside = context.facts(host).data?.aside.map((one) => one.name) ?? [];
        const could = aside.length > 0 ? `; older databases that could go: ${aside.join(', ')}` : '';
        return failed([
          `${bytes(lacking[0]?.available ?? 0)} free on ${lacking[0]?.target ?? '/'}, ${bytes(lacking[1])} needed${could}`,
        ]);
      },
    },
  };
}

/** K3s renames db/etcd itself; a mount point cannot be renamed. */
function mountCheck(host: string): GateCheck {
  return {
    title: 'db/etcd can be renamed',
    host,
    question: {
      ask: () => [],
      judge: (_answers, context) =>
        context.facts(host).data?.mountPoint === true
          ? failed([`${pathsOf(context, host).etcd} is a mount point: unmount it or move its content, then try again`])
          : yes(['not a mount point']),
    },
  };
}

const lost = (context: StepContext): string => {
  const proof = provenBackup(context);
  if (proof === undefined) return 'what was written after the backup';
  const taken =
    proof.takenAt === null
      ? 'the backup was taken'
      : `${new Date(proof.takenAt * 1000).toISOString().slice(0, 16).replace('T', ' ')}Z`;
  return `what was written after ${taken} (revision ${proof.revision.toLocaleString('en')})`;
};

const gates: readonly GateSpec[] = [
  {
    id: 'stop',
    title: 'Stop and hold every server, save what is there',
    typed: () => undefined,
    does: (context) =>
      `stops K3s on ${serversIn(context).join(', ')} and keeps it from starting; copies data, token and configuration; brings the snapshot to ${primaryName(context)}`,
    loses: () => 'the control plane until the restore ends; workloads keep running',
    keeps: () => 'everything: nothing is removed or overwritten',
    undo: 'complete: lifts the holds and starts what was running',
    checks: (context) => [
      identityCheck,
      ...serversIn(context).map(roomCheck),
      // Peers move theirs aside later: better seen now than behind the point of no return.
      ...serversIn(context).map(mountCheck),
      versionCheck(primaryName(context)),
    ],
  },
  {
    id: 'reset',
    title: 'Reset etcd from the snapshot',
    typed: primaryName,
    does: (context) => `moves the etcd data of ${primaryName(context)} aside; membership becomes this server alone`,
    loses: lost,
    keeps: (context) => `server/db/etcd-old-<time>, server/tls-<time>, and the safety copy of run ${context.runId}`,
    undo: 'complete until the server has started; then the database only; none after the release',
    checks: (context) => [
      mountCheck(primaryName(context)),
      tokenCheck(primaryName(context)),
      versionCheck(primaryName(context)),
    ],
  },
  {
    id: 'start',
    title: 'Start the restored server',
    typed: () => undefined,
    does: (context) => `starts K3s on ${primaryName(context)} with the restored data; its controllers begin to act`,
    loses: (context) => {
      const wakes = provenBackup(context)?.wakes ?? [];
      return wakes.length === 0
        ? 'nothing; what controllers do from now on cannot be undone'
        : `nothing, but this wakes: ${wakes.slice(0, 6).join(', ')}`;
    },
    keeps: () => 'the old database stays aside; the other servers stay held',
    undo: 'the database, but not what controllers did meanwhile',
  },
  {
    id: 'release',
    title: 'Release the other servers and the agents',
    typed: (context) => context.cluster.name,
    does: (context) =>
      `moves the old data of ${peersOf(context).join(', ') || 'no server'} aside, lets them join ${primaryName(context)} one by one, restarts ${agentsIn(context).length} agents`,
    loses: () => 'the way back: after this the restored cluster is the only one',
    keeps: (context) => `server/db/etcd.pre-rejoin-${context.runId} on each of them`,
    undo: 'none: this is the point of no return',
    checks: (context) => peersOf(context).flatMap((host) => [tokenCheck(host), caCheck(host)]),
  },
  {
    id: 'cleanup',
    title: 'Clean up',
    typed: () => undefined,
    does: () => 'runs a test pod and deletes it, removes our overrides, takes a fresh snapshot',
    loses: () => 'nothing',
    keeps: () => 'all data that was moved aside, and the safety copies',
    undo: 'not needed',
  },
];

export const fullRestore: Scenario = {
  id: 'full-restore',
  title: 'Full restore',
  when: 'All control plane nodes lost, or the etcd data damaged everywhere. Loses what was written after the backup.',
  pointOfNoReturn: moveAside.id,
  gates,
  missing: (context) => {
    const missing: string[] = [];
    const silent = [...serversIn(context), ...agentsIn(context)].filter((name) => !context.facts(name).reachable);
    for (const name of silent) {
      const why = context.facts(name).problem?.what ?? `${name} has not been looked at yet.`;
      missing.push(`${why} Put that right, or attest that ${name} is off or left out.`);
    }
    if (serversIn(context).length === 0) missing.push('No server answers: there is nothing to restore on.');
    const primary = context.choices.primary;
    const reachable = serversIn(context).filter((name) => context.facts(name).reachable);
    for (const name of reachable) missing.push(...outside(context, name));
    for (const name of agentsIn(context)) missing.push(...notManaged(context, name));
    if (primary !== undefined && serversIn(context).includes(primary)) missing.push(...unfit(context, primary));
    else if (
      reachable.length === 0 ||
      reachable.some((name) => unfit(context, name).length + outside(context, name).length === 0)
    )
      missing.push('Choose the server to restore on.');
    else missing.push(...reachable.flatMap((name) => unfit(context, name)));
    if (context.choices.snapshot === undefined) missing.push('Choose a backup.');
    return missing;
  },
  phases: [
    { id: 'prove', title: 'Prove the backup', hosts: () => [HERE], order: () => 'together', steps: [fetchAndProve] },
    {
      id: 'safe',
      title: 'Make safe',
      hosts: serversIn,
      // Three healthy servers stopped at once wait for a quorum that is leaving: 10 s instead of 1.4 s (R55).
      order: (context) =>
        serversIn(context).some((name) => context.facts(name).etcd?.healthy === true) ? 'one-by-one' : 'together',
      steps: [stopServers],
    },
    { id: 'save', title: 'Save', hosts: serversIn, order: () => 'together', steps: [saveServers] },
    {
      id: 'restore',
      title: 'Restore',
      hosts: onlyPrimary,
      order: () => 'one-by-one',
      steps: [deliver, reset, startPrimary, verifyPrimary],
    },
    {
      id: 'peers',
      title: 'The other servers, one by one',
      hosts: peersOf,
      order: () => 'one-by-one',
      steps: [moveAside, rejoin, becomeVoter],
    },
    { id: 'peers-ready', title: 'All servers Ready', hosts: peersOf, order: () => 'together', steps: [peerReady] },
    { id: 'workers', title: 'Workers', hosts: agentsIn, order: () => ({ batches: 5 }), steps: [restartAgents] },
    {
      id: 'verify',
      title: 'Verification',
      hosts: onlyPrimary,
      order: () => 'one-by-one',
      steps: [verifyNodes, verifyObjects, verifyPods, testImage, testPod, deleteTestPod, freshSnapshot],
    },
    {
      id: 'cleanup',
      title: 'Clean up',
      hosts: (context) => [...serversIn(context), ...agentsIn(context)],
      order: () => 'together',
      steps: [removeOverrides, forgetUnits],
    },
    { id: 'leftovers', title: 'What is left over', hosts: serversIn, order: () => 'together', steps: [listLeftovers] },
  ],
};

/** Why the plan cannot be carried out on a host at all, server or agent. */
function notManaged(context: StepContext, host: string): string[] {
  const facts = context.facts(host);
  if (!facts.reachable) return [];
  if (facts.init === 'other') return [`${host} does not run systemd: this plan cannot be carried out there.`];
  return facts.service === undefined
    ? [`K3s is not installed on ${host}: install it, or leave ${host} out with a reason.`]
    : [];
}

/** Why a server cannot take part, neither as the primary nor as one that joins it. */
function outside(context: StepContext, host: string): string[] {
  const { data, service } = context.facts(host);
  const why = notManaged(context, host);
  if (data?.datastore === 'sqlite')
    why.push(
      `${host} uses SQLite: an etcd snapshot cannot be restored there, nor can it join. Leave it out with a reason.`,
    );
  if (data?.datastore === 'external') why.push(`${host} uses an external datastore: restore that instead.`);
  if (service?.clusterReset === true)
    why.push(`cluster-reset is set in the configuration of ${host}: remove it first.`);
  return why;
}

/** Why a server that takes part cannot be the primary. */
function unfit(context: StepContext, primary: string): string[] {
  const facts = context.facts(primary);
  const why: string[] = [];
  if (!facts.reachable) return why;
  if (facts.lacks !== undefined)
    why.push(`${primary} has no ${facts.lacks.join(', ')}, which tells how etcd is there: install it.`);
  if (facts.data?.tombstone === true) {
    why.push(
      `${primary} was removed from the cluster earlier (tombstone in db/etcd): choose another server, or move that file aside first.`,
    );
  }
  return why;
}

/** The server that is best restored on: it answers, has K3s, and names no other server. */
export function suggestPrimary(context: StepContext): string | undefined {
  const fit = namesOf(context.cluster, 'server').filter(
    (name) => context.facts(name).reachable && outside(context, name).length + unfit(context, name).length === 0,
  );
  return fit.find((name) => context.facts(name).service?.serverUrl === undefined) ?? fit[0];
}

/** Nodes the backup knows and no host in the inventory stands for: left to delete afterwards. */
export function nodesWithoutHost(context: StepContext): string[] {
  const own = new Set(context.cluster.hosts.map((host) => nodeNameOf(context, host.name)));
  return (provenBackup(context)?.nodes ?? []).map((node) => node.name).filter((name) => !own.has(name));
}

export const backupLine = (context: StepContext): string => {
  const proof = provenBackup(context);
  return proof === undefined ? 'not proven yet' : `${proof.name}, ${bytes(proof.bytes)}`;
};
