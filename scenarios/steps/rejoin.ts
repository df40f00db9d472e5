import { hostOf, namesOf } from '../../src/incident/cluster.js';
import { act, look, once, putText } from '../../src/incident/command.js';
import type { Question, Step, StepContext } from '../../src/incident/step.js';
import { kubectl, listDirectory, members, showUnit } from '../../src/k3s/ask.js';
import { parseHttp, parseMembers, parseNodes, serverUrl, urlHost } from '../../src/k3s/health.js';
import { parseEntries } from '../../src/k3s/listing.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { isIp, k3sTools, nodeAddress, nodeNameOf, pathsOf } from './hosts.js';
import { at, failed, looping, minutes, no, seconds, silence, yes } from './judge.js';
import { lift, startedAgain } from './stop.js';

const asideName = (context: StepContext): string => `etcd.pre-rejoin-${context.runId}`;

export const moveAside: Step = {
  id: 'aside',
  title: 'Move the old database aside',
  runbook: 'Full restore, step 5.1: clean existing data (moved, not deleted: server/db also holds the local snapshots)',
  effect: 'destroy',
  why: 'A peer with its old data forms the old cluster again instead of joining (R23). Only db/etcd moves, within its own file system.',
  gate: 'release',
  done: {
    ask: (context) => [look(listDirectory(pathsOf(context).db))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return yes(['no database here: a fresh server']);
      const names = parseEntries(at(answers, 0).stdout).map((entry) => entry.name);
      if (names.includes('etcd')) {
        return names.includes(asideName(context))
          ? failed([`both etcd and ${asideName(context)} are there`], {
              left: 'nothing was moved by this step',
              next: 'Somebody started this server after its data was moved. Stop it, look at both, move one away by hand, then retry.',
            })
          : no('db/etcd is in its place');
      }
      return yes(
        names.includes(asideName(context)) ? [`kept as server/db/${asideName(context)}`] : ['no database here'],
      );
    },
  },
  run: (context) => [
    once(['mv', '-T', pathsOf(context).etcd, `${pathsOf(context).db}/${asideName(context)}`]),
    ...(context.facts(context.host).data?.resetFlag === true
      ? [
          act(['mv', '-T', pathsOf(context).resetFlag, `${pathsOf(context).resetFlag}.pre-rejoin-${context.runId}`], {
            expect: [0, 1],
          }),
        ]
      : []),
  ],
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'after the release the restored cluster is the only one' },
  lookup: ['17', '19'],
};

/** The address at which a peer joins: the primary's own, since a VIP may lead to a dead or an old server. */
export const joinUrl = (context: StepContext): string => serverUrl(nodeAddress(context, context.choices.primary ?? ''));

/** Whether the host would join somewhere else than the primary, or nowhere: a wiped server without `server:` makes a new, empty cluster (R19). */
export function needsOverride(context: StepContext): boolean {
  const configured = context.facts(context.host).service?.serverUrl;
  return configured === undefined || urlHost(configured.url) !== urlHost(joinUrl(context));
}

/** What a server's own configuration will join next time, where that is itself or no server at all; of a name nobody can say where it leads. */
export function wrongServer(context: StepContext, host: string): string | undefined {
  // While our override is in force a look at the host finds that.
  const before = context.known('rejoin', 'configured', host);
  const url = typeof before === 'string' ? before : context.facts(host).service?.serverUrl?.url;
  if (url === undefined || url === '') return undefined;
  const to = urlHost(url);
  const api = context.cluster.api;
  if (to === nodeAddress(context, host)) return `${url}, which is itself`;
  const others = namesOf(context.cluster, 'server').map((name) => nodeAddress(context, name));
  return !isIp(to) || others.includes(to) || (api !== undefined && urlHost(api) === to)
    ? undefined
    : `${url}, which is no server of the inventory`;
}

/** Our override goes at the end, and its own configuration is in force again. */
export function staysWrong(context: StepContext, host: string): string[] {
  const wrong = wrongServer(context, host);
  return wrong === undefined
    ? []
    : [`its configuration names ${wrong}: set server: ${joinUrl(context)} there before it has to join again`];
}

const unitOverride = (context: StepContext): string =>
  `/etc/systemd/system/${pathsOf(context).unit}.d/zz-blackstart-server.conf`;

/** Config files beat the environment; arguments of the unit beat both, so those need a drop-in of their own (facts 1.1). */
function overrideCommands(context: StepContext) {
  if (!needsOverride(context)) return [];
  const { rejoinConfig, configDir } = pathsOf(context);
  const service = context.facts(context.host).service;
  const text = `# Placed by blackstart for the rejoin, removed at the end of the restore.\nserver: ${joinUrl(context)}\n`;
  const commands = [act(['mkdir', '-p', configDir]), putText(rejoinConfig, text, 0o600)];
  if (service?.serverUrl?.from !== 'arguments') return commands;
  const dropIn = `# Placed by blackstart for the rejoin, removed at the end of the restore.\n[Service]\nExecStart=\nExecStart=${[service.path, hostOf(context.cluster, context.host).role, ...service.args.map((arg) => arg.replace(service.serverUrl?.url ?? '', joinUrl(context)))].join(' ')}\n`;
  return [
    ...commands,
    act(['mkdir', '-p', unitOverride(context).replace(/\/[^/]*$/, '')]),
    putText(unitOverride(context), dropIn),
  ];
}

export const rejoin: Step = {
  id: 'rejoin',
  title: 'Let it join the restored server',
  runbook: 'Full restore, step 5.2: start K3s normally',
  effect: 'change',
  why: 'One at a time: etcd takes one learner. It joins through the primary’s own address.',
  gate: 'release',
  done: startedAgain,
  run: (context) => [
    ...overrideCommands(context),
    ...lift(context),
    act(['systemctl', 'start', '--no-block', pathsOf(context).unit]),
  ],
  remembers: (context) => ({ configured: context.facts(context.host).service?.serverUrl?.url ?? '' }),
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'after the release the restored cluster is the only one' },
  lookup: ['21', '22', '26', '28'],
};

/** A voter by `/db/info`; conditions and Ready lag and lie (R32). */
const isVoter: Question = {
  ask: (context) => [
    look(members(), { on: context.choices.primary ?? context.host }),
    look(showUnit(pathsOf(context).unit)),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const found = parseMembers(parseHttp(at(answers, 0).stdout).body);
    const unit = parseUnit(at(answers, 1).stdout);
    const loop = looping(unit, {
      left: 'the restored server runs; this peer starts and dies again',
      next: 'Read its journal. Retry after the cause is gone; the cluster works without this peer.',
      lookup: ['19', '21', '26', '28', '40'],
    });
    if (loop !== undefined) return loop;
    if (found === undefined) return no('the restored server does not tell its members yet');
    const own = found.find((member) => member.name.startsWith(`${nodeNameOf(context, context.host)}-`));
    if (own === undefined) return no(`not a member yet, ${found.length} known`);
    return own.learner ? no('learner') : yes([`voter, ${found.length} members`], { memberId: own.id });
  },
};

export const becomeVoter: Step = {
  id: 'voter',
  title: 'Becomes a voter',
  runbook: 'Full restore, step 5.3: verify the node joins',
  effect: 'observe',
  why: 'The next peer may follow as soon as this one votes; Ready is awaited at the end for all.',
  done: isVoter,
  pollMs: 500,
  expectMs: seconds(13),
  withinMs: minutes(10),
  undo: { none: 'it only looks' },
  lookup: ['9', '21', '22', '23', '26', '28'],
  skippable: 'The cluster works with fewer voters; this server can be added later.',
};

export const peerReady: Step = {
  id: 'peer-ready',
  title: 'Ready',
  runbook: 'Full restore, step 5.3: all master nodes Ready',
  effect: 'observe',
  why: 'Unit active on the host and Ready in the API, both.',
  done: {
    ask: (context) => [
      look(showUnit(pathsOf(context).unit)),
      look(kubectl(k3sTools(context, context.choices.primary), 'get', 'nodes', '-o', 'json'), {
        on: context.choices.primary ?? context.host,
        maxBytes: 16e6,
      }),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = parseUnit(at(answers, 0).stdout);
      const node = parseNodes(at(answers, 1).stdout)?.find((one) => one.name === nodeNameOf(context, context.host));
      return unit.active === 'active' && node?.ready === 'True'
        ? yes(['unit active', 'Node Ready', ...staysWrong(context, context.host)])
        : no(
            `unit ${unit.active}`,
            `Node ${node === undefined ? 'not seen' : node.ready === 'True' ? 'Ready' : 'not Ready'}`,
          );
    },
  },
  pollMs: 500,
  expectMs: seconds(20),
  withinMs: minutes(10),
  undo: { none: 'it only looks' },
  lookup: ['49', '54', '55'],
  skippable: 'A Node may become Ready after the restore; it is listed as left to do.',
};

/** Files that the rejoin placed on a host, for clean-up. */
export const overrideFiles = (context: StepContext): string[] => [pathsOf(context).rejoinConfig, unitOverride(context)];
