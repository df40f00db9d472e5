import { act, look, putText } from '../../src/incident/command.js';
import type { Question, Step, StepContext } from '../../src/incident/step.js';
import { heldPorts, showUnit, statFile, stoppedQuestions } from '../../src/k3s/ask.js';
import { k3sServers, parseListeners, parseProcesses } from '../../src/k3s/listing.js';
import { holdDropInText } from '../../src/k3s/paths.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { pathsOf, whereInstalled } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';

/** Stopped means: unit inactive, nobody on 6443, 6444, 2379, 2380, no `k3s server` of anybody's; held means: it cannot start (R53). */
const stoppedAndHeld: Question = {
  ask: (context) => {
    const paths = pathsOf(context);
    return [...stoppedQuestions(paths), statFile(paths.holdFile), statFile(paths.holdDropIn)].map((argv) => look(argv));
  },
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    const ports = heldPorts(parseListeners(at(answers, 1).stdout));
    const strangers = k3sServers(parseProcesses(at(answers, 2).stdout)).filter((one) => one.pid !== unit.mainPid);
    const file = at(answers, 3).code === 0 && at(answers, 4).code === 0;
    const held = file && unit.dropIns.some((path) => path === pathsOf(context).holdDropIn);
    const down = unit.load === 'not-found' || unit.active === 'inactive' || unit.active === 'failed';
    if (down && held && strangers.length > 0) {
      const who = strangers.map((one) => `pid ${one.pid} of ${one.user}`).join(', ');
      return failed([`somebody runs k3s server by hand: ${who}`], {
        left: 'the unit is stopped and held; that process still holds the datastore',
        next: `End it where it was started (or: kill ${strangers.map((one) => one.pid).join(' ')}), then retry.`,
      });
    }
    if (down && held && ports.length === 0) return yes(['unit inactive', 'no port of K3s held', 'held by drop-in']);
    const seen = [`unit ${unit.active}`, ...ports.map((port) => `port ${port} held`), held ? 'held' : 'not held'];
    return no(...seen);
  },
};

const wasRunning = (context: StepContext): boolean => context.known('stop', 'wasRunning') === true;

export const lift = (context: StepContext) => {
  const paths = pathsOf(context);
  return [
    act(['rm', '-f', paths.holdFile, paths.holdDropIn]),
    act(['systemctl', 'daemon-reload']),
    // A unit stopped between two tries of a crash loop keeps its count of restarts, and would look like looping at its next start.
    act(['systemctl', 'reset-failed', paths.unit], { expect: [0, 1] }),
  ];
};

export const hold = (context: StepContext) => {
  const paths = pathsOf(context);
  return [
    act(['mkdir', '-p', `${paths.unitFile}.d`]),
    putText(paths.holdFile, `held by blackstart run ${context.runId}\n`, 0o600),
    putText(paths.holdDropIn, holdDropInText(paths)),
    act(['systemctl', 'daemon-reload']),
  ];
};

/** Whether the hold is lifted and the unit is up or coming up. */
export const startedAgain: Question = {
  ask: (context) => [look(showUnit(pathsOf(context).unit)), look(statFile(pathsOf(context).holdFile))],
  judge: (answers) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = parseUnit(at(answers, 0).stdout);
    if (at(answers, 1).code === 0) return no('still held');
    return unit.active === 'active' || unit.active === 'activating'
      ? yes([`unit ${unit.active}, hold lifted`], { startedAt: unit.startedAt ?? 0 })
      : no(`unit ${unit.active}`);
  },
};

const liftedOnly: Question = {
  ask: (context) => [look(statFile(pathsOf(context).holdFile))],
  judge: (answers) =>
    silence(answers) ?? (at(answers, 0).code === 0 ? no('still held') : yes(['hold lifted, left stopped as it was'])),
};

export const stopServers: Step = {
  id: 'stop',
  title: 'Stop and hold K3s',
  runbook: 'Full restore, step 1.1: stop K3s on all master nodes',
  effect: 'change',
  why: 'A peer that still runs, or starts in between, forms the old cluster again beside the restored one, and both look healthy. `systemctl disable` does not prevent that: a hold does.',
  gate: 'stop',
  when: whereInstalled,
  done: stoppedAndHeld,
  // The hold comes first, so that nothing can start again between stop and hold.
  run: (context) => [
    ...hold(context),
    act(['systemctl', 'stop', pathsOf(context).unit], { timeoutMs: minutes(3), expect: [0, 5] }),
  ],
  remembers: (context) => {
    const active = context.facts(context.host).service?.unit.active;
    return { wasRunning: active === 'active' || active === 'activating' };
  },
  holdsUntil: ['start-primary', 'rejoin'],
  pollMs: 500,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: {
    title: 'Lift the hold, start what was running',
    effect: 'change',
    run: (context) => [
      ...lift(context),
      ...(wasRunning(context) ? [act(['systemctl', 'start', '--no-block', pathsOf(context).unit])] : []),
    ],
    done: {
      ask: (context) => (wasRunning(context) ? startedAgain : liftedOnly).ask(context),
      judge: (answers, context) => (wasRunning(context) ? startedAgain : liftedOnly).judge(answers, context),
    },
  },
  lookup: [],
};
