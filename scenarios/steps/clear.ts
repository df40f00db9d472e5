import { type Answer, act, look, once, putText } from '../../src/incident/command.js';
import type { Json } from '../../src/incident/json.js';
import type { GateCheck, Judgement, Question, Step, StepContext } from '../../src/incident/step.js';
import { etcdHealth, kubectl, listProcesses, members, showUnit, statFile } from '../../src/k3s/ask.js';
import { healthReason, parseHttp, parseMembers, parseNodes } from '../../src/k3s/health.js';
import { itemPath, parseContainers, parseItems } from '../../src/k3s/items.js';
import {
  furtherAddresses,
  killall,
  killallBeside,
  listAddresses,
  listMounts,
  mountedTwice,
  mountsItTakes,
  shimsIn,
} from '../../src/k3s/killall.js';
import { parseProcesses } from '../../src/k3s/listing.js';
import { RECEIPT_WRAPPER, receiptUnit } from '../../src/k3s/reset.js';
import { runDir } from '../../src/k3s/scripts.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { k3sProgram, k3sTools, nodeAddress, nodeNameOf, pathsOf, serversIn } from './hosts.js';
import { at, failed, looping, minutes, no, seconds, silence, yes } from './judge.js';
import { membersOf, targetName } from './member.js';
import { startedAgain } from './stop.js';
import { askUnit, attemptDir, isJudgement, readUnit, unitName, wrapperPath } from './unit.js';

/** Clearing one host of its containers: what runs there and what the API knows, the script, and K3s started again. */

const askPods = (context: StepContext) =>
  look(kubectl(k3sTools(context, context.choices.primary), 'get', 'pods', '-A', '-o', 'json'), {
    on: context.choices.primary ?? context.host,
    maxBytes: 64e6,
  });
const askContainers = (context: StepContext) =>
  look(['timeout', '20', ...k3sTools(context), 'crictl', 'ps', '-o', 'json'], { maxBytes: 16e6 });

/** Pods whose containers run on a host, and those of them that the API does not know; undefined where one of the two does not tell. */
function podsOn(pods: Answer, containers: Answer): { running: string[]; strays: string[] } | undefined {
  const known = pods.code === 0 ? parseItems(pods.stdout) : undefined;
  const found = containers.code === 0 ? parseContainers(containers.stdout) : undefined;
  if (known === undefined || found === undefined) return undefined;
  const paths = new Set(known.map(itemPath));
  const running = [...new Set(found.map((one) => one.pod))].sort();
  return { running, strays: running.filter((pod) => !paths.has(pod)) };
}

const list = (value: Json | undefined): string[] => (Array.isArray(value) ? value.map(String) : []);

/** Pods on a host that the API does not know, as this run has seen them; undefined where it has not looked. */
export function straysOn(context: StepContext, host: string): string[] | undefined {
  const known = context.known('strays', 'strays', host);
  return known === undefined ? undefined : list(known);
}

/** On every host, before one is chosen. */
export const findStrays: Step = {
  id: 'strays',
  title: 'Compare containers with the API',
  runbook: 'Full restore, step 7: verification; comparing containers is not on paper',
  effect: 'observe',
  why: 'Containers of pods that the restored API does not know go by themselves within a minute as a rule. Those that stay hold memory, ports and volumes.',
  early: true,
  dependsOn: ['primary'],
  when: (context) =>
    context.choices.primary === undefined
      ? { run: 'not-known-yet', because: 'no server is known whose API answers' }
      : context.facts(context.host).reachable && context.facts(context.host).service !== undefined
        ? { run: 'yes' }
        : { run: 'no', because: 'it does not answer, or has no K3s' },
  done: {
    ask: (context) => [askPods(context), askContainers(context)],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return no('the API does not list pods');
      const found = podsOn(at(answers, 0), at(answers, 1));
      if (found === undefined) return yes(['its containers are not told while K3s is down there'], { strays: [] });
      const { running, strays } = found;
      return yes(
        [
          strays.length === 0
            ? `${running.length} pods, all known to the API`
            : `unknown to the API: ${strays.join(', ')}`,
        ],
        { strays },
      );
    },
  },
  pollMs: 2000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'it only looks' },
  lookup: [],
};

/** What the script would meet on a host. */
interface Ground {
  readonly pods: readonly string[];
  readonly strays: readonly string[];
  readonly shims: number;
  readonly mounts: readonly string[];
  readonly addresses: readonly string[];
}

const askGround = (context: StepContext) => [
  askPods(context),
  askContainers(context),
  look(listProcesses()),
  look(listMounts()),
  look(listAddresses()),
  look(statFile(killallBeside(k3sProgram(context)))),
];

function groundOf(answers: readonly Answer[], context: StepContext): Ground | Judgement {
  const quiet = silence(answers);
  if (quiet !== undefined) return quiet;
  const script = killallBeside(k3sProgram(context));
  if (at(answers, 5).code !== 0)
    return failed([`there is no ${script} on ${context.host}`], {
      left: 'nothing was changed',
      next: 'K3s was put there without its install script, or into a read-only directory. A reboot of the host ends its containers as well.',
    });
  const mounts = mountsItTakes(at(answers, 3).stdout);
  const twice = mountedTwice(mounts);
  if (at(answers, 3).code !== 0 || mounts.some(({ path }) => path === '/')) return no('its mounts are not told');
  if (twice.length > 0)
    return failed([`mounted twice at the same place: ${twice.join(', ')}`], {
      left: 'nothing was changed',
      next: `The script would take off the upper one and delete what lies in the lower one: take one off by hand (umount ${twice[0]}), then retry.`,
    });
  const pods = podsOn(at(answers, 0), at(answers, 1));
  return {
    pods: pods?.running ?? [],
    strays: pods?.strays ?? [],
    shims: shimsIn(parseProcesses(at(answers, 2).stdout)).length,
    // Volumes of pods first: what somebody may miss is among them.
    mounts: mounts.map(({ path, type }) => `${path} (${type})`).sort((a, b) => (a < b ? 1 : -1)),
    addresses: furtherAddresses(at(answers, 4).stdout, nodeAddress(context, context.host)).map(
      ({ device, address }) => `${address} on ${device}`,
    ),
  };
}

const isGround = (value: Ground | Judgement): value is Ground => 'pods' in value;

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

function inWords({ pods, strays, shims, mounts, addresses }: Ground): string[] {
  return [
    `${plural(pods.length, 'pod')}${pods.length === 0 ? '' : `: ${pods.join(', ')}`}`,
    ...(strays.length === 0 ? [] : [`unknown to the API: ${strays.join(', ')}`]),
    plural(shims, 'container shim'),
    plural(mounts.length, 'mount'),
    addresses.length === 0
      ? 'no address besides its own'
      : `besides its own address it has ${addresses.join(', ')}: a virtual one may be among them`,
  ];
}

export const lookAtHost: Step = {
  id: 'ground',
  title: 'What runs, is mounted and is addressed there',
  runbook: 'not on paper',
  effect: 'observe',
  why: 'Everything that the script ends on this host is shown by name before it is asked for.',
  dependsOn: ['target', 'primary'],
  done: {
    ask: askGround,
    judge: (answers, context) => {
      const ground = groundOf(answers, context);
      return isGround(ground) ? yes(inWords(ground), { ...ground }) : ground;
    },
  },
  pollMs: 2000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'it only looks' },
  lookup: [],
};

/** What was shown, for the gate. */
export const ground = (context: StepContext, key: keyof Ground): string[] =>
  list(context.known(lookAtHost.id, key, targetName(context)));

/** Asked again at the gate: what is there now, in the same words, so that a change shows. */
export const sameGround = (host: string): GateCheck => ({
  title: 'what runs and is mounted there',
  host,
  question: {
    ask: askGround,
    judge: (answers, context) => {
      const found = groundOf(answers, context);
      return isGround(found) ? yes(inWords(found)) : found;
    },
  },
});

/** The script has ended, whatever it could not clear: K3s has to be started again either way. */
const clearDone: Question = {
  ask: (context) => [
    ...askUnit(context, 'clear'),
    look(listProcesses()),
    look(listMounts()),
    look(showUnit(pathsOf(context).unit)),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = readUnit(answers);
    if (isJudgement(unit)) return unit;
    const { active } = parseUnit(at(answers, 6).stdout);
    if (unit.receipt === undefined)
      return failed(['the script was ended in the middle'], {
        left: `K3s on ${context.host} is ${active}; containers and mounts may be half gone`,
        next: 'Retry: it can be run again. Or start K3s there by hand.',
      });
    if (active === 'active')
      return failed([`the script ended (exit ${unit.receipt.exit}) without stopping K3s: ${lastLine(unit.output)}`], {
        left: `K3s on ${context.host} still runs; what the script got done before it ended is in the journal`,
        next: 'Look at what it said there, then retry.',
      });
    const shims = shimsIn(parseProcesses(at(answers, 4).stdout)).length;
    const mounts = mountsItTakes(at(answers, 5).stdout);
    return yes(
      [
        'the script has ended',
        shims === 0
          ? 'no container is left'
          : `${plural(shims, 'container shim')} still there: only a reboot ends them`,
        mounts.length === 0
          ? 'nothing is mounted any more'
          : `still mounted: ${mounts.map((mount) => mount.path).join(', ')}`,
      ],
      { attempt: context.attempt },
    );
  },
};

const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'it said nothing';

export const clearHost: Step = {
  id: 'clear',
  title: 'Clear it of containers (k3s-killall.sh)',
  runbook: 'not on paper',
  effect: 'destroy',
  why: 'As a transient unit: the script stops K3s and removes network interfaces, and a connection through one of those would end with it.',
  gate: 'clear',
  dependsOn: ['target'],
  fixes: ['target', 'primary'],
  done: clearDone,
  run: (context) => [
    act(['mkdir', '-p', '-m', '0700', runDir(context.runId)]),
    putText(wrapperPath(context), RECEIPT_WRAPPER, 0o700),
    once(
      receiptUnit({
        unit: unitName(context, 'clear'),
        description: 'clear containers',
        wrapper: wrapperPath(context),
        attemptDir: attemptDir(context, 'clear'),
        command: killall(killallBeside(k3sProgram(context)), pathsOf(context).dataDir),
      }),
    ),
  ],
  pollMs: 1000,
  expectMs: seconds(15),
  // A mount of a file server that is gone can keep `umount` waiting for long.
  withinMs: minutes(5),
  undo: { none: 'what ran is ended; K3s starts the pods that the API knows again' },
  lookup: [],
};

export const startCleared: Step = {
  id: 'start-cleared',
  title: 'Start K3s there again',
  runbook: 'not on paper',
  effect: 'change',
  why: 'The script stops K3s with the containers. With --no-block, because a start that cannot come up never returns.',
  gate: 'clear',
  done: startedAgain,
  run: (context) => [act(['systemctl', 'start', '--no-block', pathsOf(context).unit])],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: { none: 'starting K3s changes no data' },
  lookup: ['2', '40'],
};

const isServer = (context: StepContext): boolean => serversIn(context).includes(context.host);

export const clearedReady: Step = {
  id: 'cleared',
  title: 'Ready, and only pods of the API run',
  runbook: 'Full restore, step 7: all nodes should show Ready',
  effect: 'observe',
  why: 'The host is back when its Node is Ready, a server votes again, and no container is there that the API does not know.',
  done: {
    ask: (context) => [
      askPods(context),
      askContainers(context),
      look(showUnit(pathsOf(context).unit)),
      look(kubectl(k3sTools(context, context.choices.primary), 'get', 'nodes', '-o', 'json'), {
        on: context.choices.primary ?? context.host,
        maxBytes: 16e6,
      }),
      ...(isServer(context)
        ? [look(etcdHealth()), look(members(), { on: context.choices.primary ?? context.host })]
        : []),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = parseUnit(at(answers, 2).stdout);
      const loop = looping(unit, {
        left: 'the rest of the cluster works; K3s on this host starts and dies again',
        next: 'Read its journal. Retry after the cause is gone.',
        lookup: ['40', '61'],
      });
      if (loop !== undefined) return loop;
      const pods = podsOn(at(answers, 0), at(answers, 1));
      const name = nodeNameOf(context, context.host);
      const node = parseNodes(at(answers, 3).stdout)?.find((one) => one.name === name);
      const checks: [boolean, string, string][] = [
        [unit.active === 'active', 'unit active', `unit ${unit.active}`],
        [node?.ready === 'True', 'Node Ready', 'Node not Ready'],
        ...(isServer(context) ? etcdChecks(answers, name) : []),
        [
          pods?.strays.length === 0,
          `${plural(pods?.running.length ?? 0, 'pod')}, all known to the API`,
          pods === undefined ? 'containers not told' : `unknown to the API: ${pods.strays.join(', ')}`,
        ],
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
  lookup: ['40', '49', '54'],
  skippable: 'The cluster works without it; what is still there goes with a reboot of the host.',
};

function etcdChecks(answers: readonly Answer[], name: string): [boolean, string, string][] {
  const health = parseHttp(at(answers, 4).stdout);
  const own = membersOf(parseMembers(parseHttp(at(answers, 5).stdout).body) ?? [], name);
  return [
    [health.code === 200, 'etcd healthy', `etcd: ${healthReason(health) || 'no answer'}`],
    [own.some((member) => !member.learner), 'voter', 'no voter'],
  ];
}
