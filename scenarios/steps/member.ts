import { namesOf } from '../../src/incident/cluster.js';
import { act, look, once } from '../../src/incident/command.js';
import type { Judgement, Question, Step, StepContext } from '../../src/incident/step.js';
import { etcdHealth, kubectl, members, showUnit } from '../../src/k3s/ask.js';
import { healthReason, type Member, parseHttp, parseMembers, parseNodes, urlHost } from '../../src/k3s/health.js';
import { looksLikeCrashLoop, parseUnit } from '../../src/k3s/systemd.js';
import { k3sTools, nodeAddress, nodeNameOf, pathsOf } from './hosts.js';
import { at, failed, looping, minutes, no, seconds, silence, yes } from './judge.js';
import { staysWrong } from './rejoin.js';
import { startedAgain } from './stop.js';

/** One member of a cluster that has quorum: whether it may be taken out, taking it out, and its way back. */

/**
 * How the failed server is dealt with. start: its data is there and only K3s is down. rejoin: its data goes aside and it joins anew.
 * install: a fresh machine. remove: it stays away, only its place in the cluster is cleared.
 */
export type Way = 'start' | 'rejoin' | 'install' | 'remove';
export const WAYS: readonly Way[] = ['start', 'rejoin', 'install', 'remove'];

export const targetName = (context: StepContext): string => context.choices.target ?? '';
export const wayOf = (context: StepContext): Way | undefined => WAYS.find((way) => way === context.choices.way);

/** Members of a node: K3s calls them `<node>-<8 hexadecimal digits>`. */
export const membersOf = (found: readonly Member[], node: string): Member[] =>
  found.filter((member) => member.name.replace(/-[0-9a-f]{8}$/, '') === node);

/**
 * Whether the cluster still counts a server among its members, as the healthy one told it; undefined where it did not tell. One that a reset
 * or the deletion of its Node took out cannot come back with its data (R22), whatever its unit says at the moment.
 */
export function hasPlace(context: StepContext, name: string): boolean | undefined {
  const found = context.facts(context.choices.primary ?? '').members;
  if (found === undefined || found.length === 0) return undefined;
  const address = nodeAddress(context, name);
  // A learner that has not started has no name yet.
  return found.some(
    (member) => membersOf([member], nodeNameOf(context, name)).length > 0 || urlHost(member.peer) === address,
  );
}

/** Quorum as the healthy server tells it, with the failed one's place in it. */
const quorumHolds: Question = {
  ask: (context) => [
    look(etcdHealth()),
    look(members()),
    look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const health = parseHttp(at(answers, 0).stdout);
    const found = parseMembers(parseHttp(at(answers, 1).stdout).body);
    const nodes = parseNodes(at(answers, 2).stdout);
    if (health.code !== 200 || found === undefined) {
      const reason = healthReason(health) || 'no answer';
      return failed([`etcd on ${context.host}: ${reason}`], {
        left: 'nothing was changed',
        next: /ALARM/.test(reason)
          ? 'An alarm is raised: with NOSPACE, restart K3s on a server (it defragments and disarms), then look again.'
          : 'Without quorum no member can be removed or added: stop here and choose Quorum loss.',
        lookup: ['2', '12'],
      });
    }
    return inPlace(
      context,
      found,
      nodes?.some((node) => node.name === nodeNameOf(context, targetName(context))),
    );
  },
};

function inPlace(context: StepContext, found: readonly Member[], hasNode: boolean | undefined): Judgement {
  const node = nodeNameOf(context, targetName(context));
  const own = membersOf(found, node);
  const strangers = found.filter(
    (member) =>
      member.name !== '' &&
      !namesOf(context.cluster, 'server').some((name) => membersOf([member], nodeNameOf(context, name)).length > 0),
  );
  if (hasNode === undefined) return no('the API does not list its nodes');
  if (wayOf(context) === 'start' && found.every((member) => member.name !== '') && own.length === 0)
    return failed([`${node} is no member any more: it cannot come back with the data it has`], {
      left: 'nothing was changed',
      next: 'Choose the way rejoin (w): its data goes aside and it joins anew.',
      lookup: ['16', '17'],
    });
  return yes(
    [
      `etcd healthy, ${found.length} members`,
      own.length === 0 ? `${node} is no member` : `${own.map((one) => one.name).join(', ')} is ${node}`,
      hasNode ? `Node ${node} is there` : `there is no Node ${node}`,
      ...(own.length > 1 ? [`two members carry the name ${node}`] : []),
      ...(strangers.length > 0 ? [`not in the inventory: ${strangers.map((one) => one.name).join(', ')}`] : []),
    ],
    { members: found.length, node: hasNode },
  );
}

export const verifyQuorum: Step = {
  id: 'quorum',
  title: 'The cluster has quorum',
  runbook: 'Scenario 1, step 1: verify cluster health',
  effect: 'observe',
  why: 'With quorum a server is repaired or replaced and no data is touched. Without it this plan is the wrong one.',
  dependsOn: ['primary', 'target', 'way'],
  done: quorumHolds,
  pollMs: 2000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'it only looks' },
  lookup: ['2', '12'],
};

/** Node and member gone, both: K3s removes the member of a Node that is deleted (facts 3.5). */
const removed: Question = {
  ask: (context) => [
    look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
    look(members()),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const nodes = parseNodes(at(answers, 0).stdout);
    const found = parseMembers(parseHttp(at(answers, 1).stdout).body);
    if (nodes === undefined || found === undefined) return no('the API does not answer');
    const name = nodeNameOf(context, targetName(context));
    const own = membersOf(found, name);
    const node = nodes.some((one) => one.name === name);
    if (!node && own.length === 0) return yes([`no Node and no member ${name}`, `${found.length} members are left`]);
    if (node) return no(`Node ${name} is there`, ...own.map((one) => `member ${one.name}`));
    return failed(
      [`the member ${own[0]?.name} is listed, but there is no Node ${name} whose deletion would remove it`],
      {
        left: 'the cluster works; nothing was changed by this step',
        next: `Remove the member with etcdctl on ${context.host}, then retry: ${memberRemove(context, own[0]?.id ?? '')}`,
        lookup: ['26', '28'],
      },
    );
  },
};

/** K3s' own client certificates open etcd on its loopback address (facts 2.1). */
function memberRemove(context: StepContext, id: string): string {
  const { tls } = pathsOf(context);
  return `etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${tls}/etcd/server-ca.crt --cert=${tls}/etcd/client.crt --key=${tls}/etcd/client.key member remove ${BigInt(id === '' ? 0 : id).toString(16)}`;
}

export const removeMember: Step = {
  id: 'remove-member',
  title: 'Delete its Node, which removes its member',
  runbook: 'Scenario 1, not on paper: the old member must go before the server joins again',
  effect: 'destroy',
  why: 'A server that lost its data is refused as a duplicate while its old member is listed (R35). Deleting the Node removes the member, and the Node’s password with it.',
  gate: 'remove',
  dependsOn: ['target'],
  fixes: ['target', 'way'],
  when: (context) =>
    wayOf(context) === 'start' ? { run: 'no', because: 'it still has its data and its place' } : { run: 'yes' },
  done: removed,
  run: (context) => [
    once(kubectl(k3sTools(context), 'delete', 'node', nodeNameOf(context, targetName(context)), '--wait=false')),
  ],
  pollMs: 1500,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'the server becomes a member again by joining; labels and taints given to the Node by hand are gone' },
  lookup: ['26', '28'],
};

export const startMember: Step = {
  id: 'start-member',
  title: 'Start K3s',
  runbook: 'Scenario 1, step 2: repair the failed node',
  effect: 'change',
  why: 'Its data is there: it is still a member and catches up by itself. With --no-block, because a start that cannot come up never returns.',
  gate: 'join',
  fixes: ['target', 'way'],
  when: (context) => (wayOf(context) === 'start' ? { run: 'yes' } : { run: 'no', because: 'it joins anew instead' }),
  done: {
    ask: (context) => startedAgain.ask(context),
    // One that dies over and over is started all the time, and counts its tries: it is started anew once the cause is gone.
    judge: (answers, context) => {
      const unit = parseUnit(at(answers, 0).stdout);
      return looksLikeCrashLoop(unit)
        ? no(`unit starts and dies (${unit.restarts} times)`)
        : startedAgain.judge(answers, context);
    },
  },
  run: (context) => [act(['systemctl', 'restart', '--no-block', pathsOf(context).unit])],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'starting what was stopped changes no data' },
  lookup: ['2', '17', '40'],
};

/** The member answers for itself: a stopped one is listed as a voter all the same. */
const memberHealthy: Question = {
  ask: (context) => [
    look(showUnit(pathsOf(context).unit)),
    look(etcdHealth()),
    look(members(), { on: context.choices.primary ?? context.host }),
    look(kubectl(k3sTools(context, context.choices.primary), 'get', 'nodes', '-o', 'json'), {
      on: context.choices.primary ?? context.host,
      maxBytes: 16e6,
    }),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    const loop = looping(unit, {
      left: 'the rest of the cluster works; this server starts and dies again',
      next:
        wayOf(context) === 'start'
          ? 'Read its journal. If its data is damaged, stop this run and begin Single server again with the way "rejoin".'
          : 'Read its journal. Retry after the cause is gone.',
      lookup: ['17', '19', '21', '26', '28', '40'],
    });
    if (loop !== undefined) return loop;
    const health = parseHttp(at(answers, 1).stdout);
    const name = nodeNameOf(context, context.host);
    const own = membersOf(parseMembers(parseHttp(at(answers, 2).stdout).body) ?? [], name);
    const node = parseNodes(at(answers, 3).stdout)?.find((one) => one.name === name);
    const voter = own.some((member) => !member.learner);
    const checks: [boolean, string, string][] = [
      [unit.active === 'active', 'unit active', `unit ${unit.active}`],
      [health.code === 200, 'etcd healthy', `etcd: ${healthReason(health) || 'no answer'}`],
      [voter, 'voter', own.length === 0 ? 'no member yet' : 'learner'],
      [node?.ready === 'True', 'Node Ready', `Node ${node === undefined ? 'not seen' : 'not Ready'}`],
    ];
    const evidence = checks.map(([ok, good, bad]) => (ok ? good : `not yet: ${bad}`));
    return checks.every(([ok]) => ok) ? yes([...evidence, ...staysWrong(context, context.host)]) : no(...evidence);
  },
};

export const memberReady: Step = {
  id: 'member-ready',
  title: 'Votes, healthy and Ready',
  runbook: 'Scenario 1, step 5: all nodes should show Ready',
  effect: 'observe',
  why: 'A stopped member is listed as a voter too, and a learner is healthy: the server itself, the member list and the API have to agree.',
  done: memberHealthy,
  steadyMs: 3000,
  pollMs: 1500,
  expectMs: seconds(20),
  withinMs: minutes(10),
  undo: { none: 'it only looks' },
  lookup: ['9', '22', '23', '49', '54'],
  skippable: 'The cluster works without it; the server can become Ready later.',
};

/** How many failures the cluster survives now, from its own members. */
export const tolerance: Step = {
  id: 'tolerance',
  title: 'How many failures it tolerates now',
  runbook: 'Scenario 1, step 5: verify',
  effect: 'observe',
  why: 'The point of it all: the next server may fail without harm, or it may not.',
  done: {
    ask: () => [look(etcdHealth()), look(members())],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const found = parseMembers(parseHttp(at(answers, 1).stdout).body);
      if (found === undefined || parseHttp(at(answers, 0).stdout).code !== 200) return no('etcd does not answer');
      const voters = found.filter((member) => !member.learner).length;
      const failures = Math.floor((voters - 1) / 2);
      const even = voters % 2 === 0 ? [`${voters} voters tolerate no more than ${voters - 1} would`] : [];
      return yes(
        [
          failures === 0
            ? `${voters} voters: tolerates no failure`
            : `${voters} voters: tolerates ${failures} failure${failures > 1 ? 's' : ''}`,
          ...even,
        ],
        { voters, failures },
      );
    },
  },
  pollMs: 1500,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'It is only counted.',
};
