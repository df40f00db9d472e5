import { hostOf, namesOf } from '../src/incident/cluster.js';
import type { GateSpec, Scenario, StepContext } from '../src/incident/step.js';
import {
  comesUp,
  heldBy,
  mayStartStep,
  onceUp,
  startTogether,
  staysDown,
  toleratesNow,
  toStart,
  worksAgain,
} from './steps/start-again.js';

/**
 * Start again: a majority of the servers is only stopped and its data is sound. They are started together; nothing is reset, moved or
 * removed. Not on paper, where it would be the first thing to look at.
 */

/** Servers that answer and are left as they are, each with why. */
const leftDown = (context: StepContext): string[] =>
  namesOf(context.cluster, 'server')
    .filter((name) => !toStart(context).includes(name))
    .map((name) => {
      const attested = context.choices.fenced.includes(name) ? 'attested to be off or left out' : undefined;
      return `${name} (${attested ?? staysDown(context.facts(name)) ?? 'it was not looked at before the start'})`;
    });

const lifts = (context: StepContext): string => {
  const held = toStart(context).flatMap((name) => {
    const holder = heldBy(context, name);
    return holder === undefined ? [] : [`${name} (held by ${holder})`];
  });
  return held.length === 0
    ? ''
    : `; lifts the hold of ${held.join(', ')}: whoever placed it did not want that server to start, be sure that run is over`;
};

const gates: readonly GateSpec[] = [
  {
    id: 'start',
    title: 'Start K3s on every sound server',
    typed: (context) => (lifts(context) === '' ? undefined : context.cluster.name),
    does: (context) => {
      const units = toStart(context).map((name) => `${hostOf(context.cluster, name).service} on ${name}`);
      const left = leftDown(context);
      return `starts ${units.join(', ')}, all at once${lifts(context)}${left.length === 0 ? '' : `; leaves ${left.join(', ')} as it is`}`;
    },
    loses: () => 'nothing; controllers act again as soon as etcd has its quorum',
    keeps: () => 'all data: nothing is reset, moved or removed',
    undo: 'complete: stops again those it started; what controllers did meanwhile stays',
  },
];

export const startAgain: Scenario = {
  id: 'start',
  title: 'Start again',
  when: 'A majority of the servers is only stopped, and their data is sound. Starts them together; resets nothing, needs no backup.',
  pointOfNoReturn: toleratesNow.id,
  backup: 'unused',
  checklist: [],
  asks: [],
  suggests: () => ({}),
  gates,
  missing: (context) => {
    const servers = namesOf(context.cluster, 'server');
    const needed = Math.floor(servers.length / 2) + 1;
    const well = servers.filter((name) => context.facts(name).reachable && context.facts(name).etcd?.healthy === true);
    if (well.length >= needed)
      return [
        `etcd of ${well.join(', ')} is healthy: the cluster runs. For a server that is down choose Single server.`,
      ];
    const sound = toStart(context);
    return sound.length >= needed
      ? []
      : [
          `${sound.length} of ${servers.length} servers can be started, ${needed} are needed for a quorum: choose Quorum loss or Full restore. Not started: ${leftDown(context).join(', ')}.`,
        ];
  },
  phases: [
    { id: 'look', title: 'Look', hosts: toStart, order: () => 'together', steps: [mayStartStep] },
    { id: 'start', title: 'Start together', hosts: toStart, order: () => 'together', steps: [startTogether, comesUp] },
    { id: 'works', title: 'Works again', hosts: toStart, order: () => 'together', steps: [worksAgain] },
    { id: 'verify', title: 'Verification', hosts: onceUp, order: () => 'together', steps: [toleratesNow] },
  ],
};
