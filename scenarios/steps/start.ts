import { act, look } from '../../src/incident/command.js';
import type { GateCheck, Question, Step, StepContext } from '../../src/incident/step.js';
import { etcdHealth, kubectl, members, showUnit, statFile } from '../../src/k3s/ask.js';
import { healthReason, parseHttp, parseMembers, parseNodes } from '../../src/k3s/health.js';
import { secretDir } from '../../src/k3s/scripts.js';
import { looksLikeCrashLoop, parseUnit } from '../../src/k3s/systemd.js';
import { k3sTools, nodeNameOf, pathsOf, primaryName } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';
import { hold, lift, startedAgain } from './stop.js';

export const startPrimary: Step = {
  id: 'start-primary',
  title: 'Start the restored server',
  runbook: 'Full restore, step 3.4: start normally without cluster-reset flags',
  effect: 'change',
  why: 'With --no-block, because a start without quorum never returns. From here on controllers act on the restored state.',
  gate: 'start',
  done: startedAgain,
  run: (context) => [
    act(['rm', '-rf', secretDir(context.runId)]),
    ...lift(context),
    act(['systemctl', 'start', '--no-block', pathsOf(context).unit]),
  ],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: {
    title: 'Stop and hold it again',
    effect: 'change',
    run: (context) => [...hold(context), act(['systemctl', 'stop', pathsOf(context).unit], { timeoutMs: minutes(3) })],
    done: {
      ask: (context) => [look(showUnit(pathsOf(context).unit)), look(statFile(pathsOf(context).holdFile))],
      judge: (answers) => {
        const quiet = silence(answers);
        if (quiet !== undefined) return quiet;
        const unit = parseUnit(at(answers, 0).stdout);
        const down = unit.active === 'inactive' || unit.active === 'failed';
        return down && at(answers, 1).code === 0 ? yes(['stopped and held again']) : no(`unit ${unit.active}`);
      },
    },
  },
  lookup: ['2', '8', '40'],
};

const runsAgent = (context: StepContext): boolean =>
  context.facts(context.host).service?.args.some((arg) => /^--disable-agent(=true)?$/.test(arg)) !== true;

/** Six checks; none of them alone is enough (R18, R29, R30, R32). */
const primaryHealthy: Question = {
  ask: (context) => [
    look(showUnit(pathsOf(context).unit)),
    look(etcdHealth()),
    look(members()),
    look(kubectl(k3sTools(context), 'get', '--raw', '/readyz')),
    look(statFile(pathsOf(context).resetFlag)),
    look(kubectl(k3sTools(context), 'get', 'nodes', '-o', 'json'), { maxBytes: 16e6 }),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    if (unit.restarts >= 3) {
      return failed([`crash loop: restarted ${unit.restarts} times since its start`], {
        left: 'K3s on this server starts and dies again; the peers are still held',
        next: 'Read its journal. Undo stops it and puts the old database back.',
        lookup: ['37', '40', '61'],
      });
    }
    const health = parseHttp(at(answers, 1).stdout);
    const found = parseMembers(parseHttp(at(answers, 2).stdout).body) ?? [];
    const own = parseNodes(at(answers, 5).stdout)?.find((node) => node.name === nodeNameOf(context, context.host));
    const checks: [boolean, string, string][] = [
      [
        unit.active === 'active',
        'unit active',
        looksLikeCrashLoop(unit) ? `unit restarts (${unit.restarts} times)` : `unit ${unit.active}`,
      ],
      [health.code === 200, 'etcd healthy', `etcd: ${healthReason(health) || 'no answer'}`],
      [found.length === 1, 'exactly one member', `${found.length} members`],
      [at(answers, 3).code === 0 && at(answers, 3).stdout.trim().startsWith('ok'), 'API ready', 'API not ready'],
      [at(answers, 4).code !== 0, 'reset-flag gone', 'reset-flag still there'],
      // A server that runs no agent has no Node.
      ...(runsAgent(context)
        ? [
            [own?.ready === 'True', `Node ${own?.name ?? ''} Ready`, `own Node ${own?.ready ?? 'not seen'}`] as [
              boolean,
              string,
              string,
            ],
          ]
        : []),
    ];
    const missing = checks.filter(([ok]) => !ok);
    const evidence = checks.map(([ok, good, bad]) => (ok ? good : `not yet: ${bad}`));
    return missing.length === 0
      ? yes(evidence, { startedAt: unit.startedAt ?? 0, member: found[0]?.peer ?? '' })
      : no(...evidence);
  },
};

export const verifyPrimary: Step = {
  id: 'verify-primary',
  title: 'Verify it, six checks',
  runbook: 'Full restore, step 4: do not proceed until the primary node is fully healthy',
  effect: 'observe',
  why: 'Each check lies alone: Ready lags, readyz misses a full database, the unit is active before the reset-flag is gone.',
  done: primaryHealthy,
  // Not waited for a second look: the gate behind it takes two, when it is opened and when it is confirmed.
  pollMs: 500,
  expectMs: seconds(10),
  // K3s ends itself after 15 minutes without an API and systemd starts it again: that is "not yet", not a failure.
  withinMs: minutes(16),
  undo: { none: 'it only looks' },
  lookup: ['2', '8', '12', '37', '40', '57'],
  skippable:
    'Only where it is known why a check cannot come true: the other servers would join a server that is not fully healthy.',
};

/** It may have died while a gate was read for an hour, and what joins it gives its own data up for it. How many members it has changes with the first. */
const stillHealthy: Question = {
  ask: (context) => [
    look(showUnit(pathsOf(context).unit)),
    look(etcdHealth()),
    look(kubectl(k3sTools(context), 'get', '--raw', '/readyz')),
  ],
  judge: (answers) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    const health = parseHttp(at(answers, 1).stdout);
    const wrong = [
      ...(unit.active === 'active' ? [] : [`unit ${unit.active}`]),
      ...(health.code === 200 ? [] : [`etcd: ${healthReason(health) || 'no answer'}`]),
      ...(at(answers, 2).code === 0 && at(answers, 2).stdout.trim().startsWith('ok') ? [] : ['API not ready']),
    ];
    return wrong.length === 0 ? yes(['unit active', 'etcd healthy', 'API ready']) : no(...wrong);
  },
};

/** For the gate behind which others join it: nothing to ask where a person has gone on without its verification, with a reason. */
export const primaryCheck = (context: StepContext): readonly GateCheck[] =>
  primaryStartedAt(context) === 0
    ? []
    : [{ title: 'the server they join is healthy', host: primaryName(context), question: stillHealthy }];

/** Seconds since the epoch of the restored server's start, for what must have happened after it. */
export const primaryStartedAt = (context: StepContext): number =>
  Number(context.known('verify-primary', 'startedAt', context.choices.primary) ?? 0);
