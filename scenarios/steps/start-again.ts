import { namesOf } from '../../src/incident/cluster.js';
import { act, look, putText } from '../../src/incident/command.js';
import type { HostFacts } from '../../src/incident/facts.js';
import type { Json } from '../../src/incident/json.js';
import type { Question, Step, StepContext } from '../../src/incident/step.js';
import { diskFree, etcdHealth, kubectl, lastLines, members, readFile, showUnit, statFile } from '../../src/k3s/ask.js';
import { healthReason, parseHttp, parseMembers, parseNodes } from '../../src/k3s/health.js';
import { parseDf } from '../../src/k3s/listing.js';
import { lastFatal, messageOf } from '../../src/k3s/messages.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { k3sTools, nodeNameOf, pathsOf, serversIn } from './hosts.js';
import { at, bytes, failed, looping, minutes, no, seconds, silence, yes } from './judge.js';
import { membersOf } from './member.js';
import { hold, lift, startedAgain } from './stop.js';

/** A majority that is only stopped: whether each server may be started, starting them together, and what came of it. */

const MAY = 'may-start';
const START = 'start-again';
const UP = 'comes-up';

/** Why a server is not started with the others; undefined where nothing speaks against it. */
export function staysDown({ reachable, service, data, init }: HostFacts): string | undefined {
  if (!reachable) return 'it does not answer';
  if (init === 'other') return 'it does not run systemd';
  if (service === undefined) return 'K3s is not installed';
  if (data?.datastore !== 'etcd') return 'it has no etcd data';
  if (data.content?.intact === false) return `its data is damaged: ${data.content.problem ?? 'see its row'}`;
  if (data.tombstone) return 'it was removed from the cluster (tombstone)';
  if (data.resetFlag) return 'it was reset and not started since';
  if (service.clusterReset) return 'cluster-reset is set in its configuration';
  return service.unit.crashLoop ? 'its K3s dies over and over' : undefined;
}

/** The servers this plan starts; once one was begun, those that were looked at before, whatever is seen of them now. */
export function toStart(context: StepContext): string[] {
  const servers = serversIn(context);
  if (!servers.some((name) => context.known(START, 'wasRunning', name) !== undefined))
    return servers.filter((name) => staysDown(context.facts(name)) === undefined);
  return servers.filter((name) => context.known(MAY, 'held', name) !== undefined);
}

/** Servers that answer for themselves after the start. */
const up = (context: StepContext): string[] =>
  toStart(context).filter((name) => context.known(UP, 'healthy', name) === true);

/** The first server that came up: through it the cluster is asked. */
export const onceUp = (context: StepContext): string[] => [...up(context), ...toStart(context)].slice(0, 1);

/** The run that holds a server, in the words of its hold; undefined where nothing holds it. */
export const heldBy = (context: StepContext, host: string): string | undefined => {
  const held: Json | undefined = context.known(MAY, 'held', host);
  return typeof held === 'string' && held !== '' ? held : undefined;
};

/** Whose hold it is, from the line our hold file carries. */
const holderOf = (text: string): string => /^held by (.+)$/m.exec(text)?.[1] ?? 'somebody';

/** etcd writes to its log before it answers, and K3s unpacks itself. */
const ENOUGH = 200e6;
/** Certificates are made and checked by the clock; etcd warns from one second on. */
const CLOCK_MS = 60_000;

const mayStart: Question = {
  ask: (context) => {
    const paths = pathsOf(context);
    return [
      look(showUnit(paths.unit)),
      look(readFile(paths.holdFile)),
      look(statFile(paths.resetFlag)),
      look(statFile(paths.tombstone)),
      look(diskFree(paths.dataDir)),
      look(['stat', '-c', '%F', `${paths.etcd}/member/wal`]),
    ];
  },
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    const paths = pathsOf(context);
    const held = unit.dropIns.includes(paths.holdDropIn) && at(answers, 1).code === 0;
    const free = parseDf(at(answers, 4).stdout)[0]?.available;
    const offset = context.facts(context.host).clockOffsetMs ?? 0;
    const against: [boolean, string, string][] = [
      [
        at(answers, 2).code === 0,
        'a reset-flag is there: somebody reset its membership and never started it',
        'Find out who did: a run of this console is resumed, a reset by hand ends in Quorum loss or Full restore.',
      ],
      [
        at(answers, 3).code === 0,
        'it was removed from the cluster (tombstone)',
        'Leave it out (attest it) and let it join anew with Single server afterwards.',
      ],
      [at(answers, 5).code !== 0, 'it has no etcd data', 'Leave it out (attest it): it joins anew with Single server.'],
      [
        free !== undefined && free < ENOUGH,
        `its disk is full: ${bytes(free ?? 0)} free where ${paths.dataDir} lies`,
        'Free some space (old etcd-old-* directories, container images, journals), then retry.',
      ],
      [
        Math.abs(offset) > CLOCK_MS,
        `its clock is ${Math.round(offset / 1000)} s off this machine’s`,
        'Set it first (chronyc makestep, or timedatectl set-time): certificates are checked by it. Then retry.',
      ],
    ];
    const bad = against.filter(([is]) => is);
    if (bad.length > 0)
      return failed(
        bad.map(([, what]) => what),
        { left: 'nothing was changed', next: bad.map(([, , next]) => next).join(' '), lookup: ['60', '42', '32'] },
      );
    const read = context.facts(context.host).data?.content;
    const content =
      read === undefined
        ? 'its data was not read by us: K3s will say'
        : `its data is sound at revision ${read.revision.toLocaleString('en')}`;
    const holder = held ? holderOf(at(answers, 1).stdout) : '';
    return yes(
      [
        `unit ${unit.active}`,
        content,
        'no reset-flag, no tombstone, room on its disk',
        ...(held ? [`held by ${holder}: this plan lifts it behind its gate`] : []),
      ],
      { held: holder },
    );
  },
};

export const mayStartStep: Step = {
  id: MAY,
  title: 'May it be started',
  runbook: 'not on paper: a majority that is only stopped needs no scenario of the runbook',
  effect: 'observe',
  why: 'A server with a reset-flag, a tombstone or a full disk would come up as something else, or not at all.',
  done: mayStart,
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'it only looks' },
  lookup: ['60', '42', '32'],
};

const ranBefore = (context: StepContext): boolean => context.known(START, 'wasRunning') === true;

export const startTogether: Step = {
  id: START,
  title: 'Start K3s',
  runbook: 'not on paper',
  effect: 'change',
  why: 'All together and with --no-block: the first alone has no quorum, and its start would not return before another is up.',
  gate: 'start',
  done: startedAgain,
  run: (context) => [
    // A hold that came after the look is somebody's who works there now: the start fails on it.
    ...(heldBy(context, context.host) === undefined
      ? [act(['systemctl', 'reset-failed', pathsOf(context).unit], { expect: [0, 1] })]
      : lift(context)),
    act(['systemctl', 'start', '--no-block', pathsOf(context).unit]),
  ],
  remembers: (context) => {
    const active = context.facts(context.host).service?.unit.active;
    return { wasRunning: active === 'active' || active === 'activating' };
  },
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: {
    title: 'Stop it again, as it was',
    effect: 'change',
    run: (context) => {
      if (ranBefore(context)) return [];
      const holder = heldBy(context, context.host);
      // The hold of another run goes back with that run's name on it.
      const again =
        holder === undefined
          ? []
          : [...hold(context), putText(pathsOf(context).holdFile, `held by ${holder}\n`, 0o600)];
      return [...again, act(['systemctl', 'stop', pathsOf(context).unit], { timeoutMs: minutes(3) })];
    },
    done: {
      ask: (context) => [look(showUnit(pathsOf(context).unit)), look(statFile(pathsOf(context).holdFile))],
      judge: (answers, context) => {
        const quiet = silence(answers);
        if (quiet !== undefined) return quiet;
        if (ranBefore(context)) return yes(['it ran before this plan: left running']);
        const { active } = parseUnit(at(answers, 0).stdout);
        if (active !== 'inactive' && active !== 'failed') return no(`unit ${active}`);
        const wanted = heldBy(context, context.host) !== undefined;
        return wanted && at(answers, 1).code !== 0 ? no('not held again yet') : yes(['stopped again']);
      },
    },
  },
  lookup: ['2', '40'],
};

/** The end of the journal in a line: K3s' own last words, else whatever it said last. */
function lastWords(journal: string): string {
  const lines = journal.trim().split('\n');
  return (lastFatal(journal) ?? messageOf(lines.at(-1) ?? '')).slice(0, 300);
}

export const comesUp: Step = {
  id: UP,
  title: 'etcd is healthy',
  runbook: 'not on paper',
  effect: 'observe',
  why: 'Its own /health is a read through the quorum: it is 200 as soon as a majority has found its leader.',
  done: {
    ask: (context) => [
      look(showUnit(pathsOf(context).unit)),
      look(etcdHealth()),
      look(lastLines(pathsOf(context).unit, 80)),
    ],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = parseUnit(at(answers, 0).stdout);
      const health = parseHttp(at(answers, 1).stdout);
      if (health.code === 200) return yes([`unit ${unit.active}`, 'etcd healthy'], { healthy: true });
      const said = lastWords(at(answers, 2).stdout);
      const more = {
        left: 'its data is as it was; the others that were started go on without it',
        next: 'Read its journal and put the cause right, then retry. Where the others have quorum: skip it here, end this plan, and choose Single server for it.',
        lookup: ['2', '17', '40', '60', '61'],
      };
      const loop = looping(unit, more);
      if (loop !== undefined) return { ...loop, evidence: [`${loop.evidence[0]}; K3s says: ${said}`] };
      if (unit.active === 'inactive' || unit.active === 'failed')
        return failed([`unit ${unit.active} again after its start; K3s says: ${said}`], more);
      return no(`unit ${unit.active}`, `etcd: ${healthReason(health) || 'no answer'}`, `last line: ${said}`);
    },
  },
  pollMs: 1500,
  // R44, table of timings: a cold start of three took 28 to 34 s.
  expectMs: seconds(30),
  withinMs: minutes(5),
  undo: { none: 'it only looks' },
  lookup: ['2', '8', '17', '40', '61'],
  skippable: 'The others may have quorum without it; Single server then repairs or replaces this one.',
};

export const worksAgain: Step = {
  id: 'works-again',
  title: 'Votes, API ready, Node Ready',
  runbook: 'Full restore, step 7.1: check all nodes',
  effect: 'observe',
  why: 'A stopped member is listed as a voter too: the server, the member list and the API have to agree.',
  when: (context) =>
    context.known(UP, 'healthy') === true
      ? { run: 'yes' }
      : { run: 'not-known-yet', because: 'its etcd is not up yet' },
  done: {
    ask: (context) => [
      look(showUnit(pathsOf(context).unit)),
      look(members()),
      look(kubectl(k3sTools(context), 'get', '--raw', '/readyz')),
      look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const { active } = parseUnit(at(answers, 0).stdout);
      const name = nodeNameOf(context, context.host);
      const own = membersOf(parseMembers(parseHttp(at(answers, 1).stdout).body) ?? [], name);
      const node = parseNodes(at(answers, 3).stdout)?.find((one) => one.name === name);
      const checks: [boolean, string, string][] = [
        [active === 'active', 'unit active', `unit ${active}`],
        [own.some((member) => !member.learner), 'voter', own.length === 0 ? 'no member' : 'learner'],
        [at(answers, 2).stdout.trim() === 'ok', 'API ready', 'API not ready'],
        [node?.ready === 'True', 'Node Ready', `Node ${node === undefined ? 'not seen' : 'not Ready'}`],
      ];
      const evidence = checks.map(([ok, good, bad]) => (ok ? good : `not yet: ${bad}`));
      return checks.every(([ok]) => ok) ? yes(evidence) : no(...evidence);
    },
  },
  steadyMs: 3000,
  pollMs: 1500,
  expectMs: seconds(20),
  withinMs: minutes(10),
  undo: { none: 'it only looks' },
  lookup: ['9', '22', '49', '54'],
  skippable: 'A Node may become Ready later; the verification shows it.',
};

/** Voters by the cluster's own list against those that came up: a dead one is a voter too, and tolerates nothing. */
export const toleratesNow: Step = {
  id: 'tolerance',
  title: 'How many failures it tolerates now',
  runbook: 'Scenario 1, step 5: verify',
  effect: 'observe',
  why: 'The point of it all: the next server may fail without harm, or it may not.',
  done: {
    ask: () => [look(etcdHealth()), look(members())],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const found = parseMembers(parseHttp(at(answers, 1).stdout).body);
      if (found === undefined || parseHttp(at(answers, 0).stdout).code !== 200) return no('etcd does not answer');
      const voters = found.filter((member) => !member.learner).length;
      const running = Math.min(voters, up(context).length);
      const failures = Math.max(0, running - (Math.floor(voters / 2) + 1));
      const down = namesOf(context.cluster, 'server').filter((name) => !up(context).includes(name));
      return yes(
        [
          `${running} of ${voters} voters run: tolerates ${failures === 0 ? 'no failure' : `${failures} failure${failures > 1 ? 's' : ''}`}`,
          ...(down.length === 0 ? [] : [`still down: ${down.join(', ')}: choose Single server next`]),
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
