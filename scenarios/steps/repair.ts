import { act, look } from '../../src/incident/command.js';
import type { GateCheck, Step, StepContext } from '../../src/incident/step.js';
import { type Ailment, ailments } from '../../src/k3s/ailment.js';
import { statFile } from '../../src/k3s/ask.js';
import { factCheck } from './checks.js';
import { pathsOf } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';
import { forgetPassword } from './node-password.js';

/** One server that is down for a cause that can be put right: without a new member, and without its data going anywhere. */

export const ailmentsOf = (context: StepContext, host: string): Ailment[] => ailments(context.facts(host));

const ASIDE = 'newer-aside';
const asideOf = (context: StepContext, file: string): string => `${file}.pre-start-${context.runId}`;

/** Only below K3s' own directory: which files these are is a node's word. As they were when the step began, since K3s says no more then. */
function newerFiles(context: StepContext): readonly string[] {
  const begun = context.known(ASIDE, 'files') as readonly string[] | undefined;
  if (begun !== undefined) return begun;
  const { server } = pathsOf(context);
  return ailmentsOf(context, context.host).flatMap((one) =>
    (one.files ?? []).filter((file) => file.startsWith(`${server}/`)),
  );
}

export const moveNewerAside: Step = {
  id: ASIDE,
  title: 'Move aside what is newer than the datastore',
  runbook: 'Scenario 1, step 2: repair the failed node',
  effect: 'change',
  why: 'K3s does not start over files that differ from the cluster’s and are newer; without them it makes them anew from the datastore.',
  gate: 'join',
  fixes: ['target', 'way'],
  when: (context) =>
    newerFiles(context).length > 0 ? { run: 'yes' } : { run: 'no', because: 'K3s names no file that is in its way' },
  remembers: (context) => ({ files: [...newerFiles(context)] }),
  done: {
    ask: (context) => newerFiles(context).map((file) => look(statFile(asideOf(context, file)))),
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const left = newerFiles(context).filter((_file, index) => at(answers, index).code !== 0);
      return left.length === 0
        ? yes(newerFiles(context).map((file) => `kept as ${asideOf(context, file)}`))
        : no(`in its place: ${left.join(', ')}`);
    },
  },
  // Stopped first: a K3s that is started over and over would write them in between.
  run: (context) => [
    act(['systemctl', 'stop', pathsOf(context).unit], { timeoutMs: minutes(3) }),
    ...newerFiles(context).map((file) => act(['mv', '-T', file, asideOf(context, file)], { expect: [0, 1] })),
  ],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(2),
  undo: {
    title: 'Put the files back',
    effect: 'change',
    run: (context) =>
      newerFiles(context).map((file) => act(['mv', '-T', asideOf(context, file), file], { expect: [0, 1] })),
    done: {
      ask: (context) => newerFiles(context).map((file) => look(statFile(asideOf(context, file)))),
      judge: (answers) =>
        silence(answers) ?? (answers.some((one) => one.code === 0) ? no('still aside') : yes(['as they were'])),
    },
  },
  lookup: ['40'],
};

/** The Secret alone: with the Node the member would go, too. */
export const forgetRefused: Step = {
  ...forgetPassword,
  id: 'forget-refused',
  title: 'Forget the password kept for its Node',
  runbook: 'Scenario 1, step 2: repair the failed node',
  why: 'Its Node is refused because the cluster keeps another password. It registers the one it has as soon as that is gone; its member stays.',
  gate: 'join',
  fixes: ['target', 'way'],
  remembers: () => ({ refused: true }),
  when: (context) =>
    context.known('forget-refused', 'refused') === true ||
    ailmentsOf(context, context.host).some((one) => one.id === 'node-password')
      ? { run: 'yes' }
      : { run: 'no', because: 'its Node is not refused' },
  undo: { none: 'it registers anew by itself' },
};

/** What a start of the target does first, for its gate. */
export function repairsFirst(context: StepContext, host: string): string {
  const ids = ailmentsOf(context, host).map((one) => one.id);
  const files = newerFiles({ ...context, host });
  return [
    ...(files.length > 0 ? [`moves ${files.join(', ')} aside; `] : []),
    ...(ids.includes('node-password') ? [`deletes the Secret of the node password kept for ${host}; `] : []),
  ].join('');
}

/** What only a person can put right stands in the way of every start, old member or new; what a start repairs is named first. */
export const causeCheck = (host: string): GateCheck =>
  factCheck('nothing is wrong there that a new member would not cure', host, (_answers, context) => {
    const found = ailmentsOf(context, host);
    const hand = found.filter((one) => one.byHand);
    if (hand.length > 0) return failed(hand.map((one) => `${host}: ${one.what}; ${one.remedy}`));
    if (found.length === 0) return yes(['no such cause is seen']);
    const way = context.choices.way === 'start' ? 'this does it' : 'the way start does that and keeps its member';
    return yes(found.map((one) => `${one.what}; ${one.remedy}: ${way}`));
  });
