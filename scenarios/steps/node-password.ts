import { act, look } from '../../src/incident/command.js';
import type { Step, StepContext } from '../../src/incident/step.js';
import { kubectl } from '../../src/k3s/ask.js';
import { k3sTools, neededK3s, nodeNameOf, primaryName } from './hosts.js';
import { at, minutes, no, seconds, silence, yes } from './judge.js';

/** A new machine under the name of one the cluster knows. */

/** K3s keeps a hash of each node's password in this Secret (facts 3.7). */
export const passwordSecretOf = (node: string): string => `${node}.node-password.k3s`.toLowerCase();

const secrets = (context: StepContext, verb: 'get' | 'delete', ...more: string[]): string[] =>
  kubectl(
    k3sTools(context, primaryName(context)),
    verb,
    'secrets',
    '-n',
    'kube-system',
    passwordSecretOf(nodeNameOf(context, context.host)),
    '--ignore-not-found',
    ...more,
  );

/** The first server forgets its own after a reset (facts 1.8); those of the others came back with the data. */
export const forgetPassword: Step = {
  id: 'node-password',
  title: 'Forget the password of the machine it replaces',
  runbook: 'not on paper: a new machine under an old name is refused',
  effect: 'destroy',
  why: 'The cluster keeps a password of each node. A new machine has another, and would be rejected under the same name (symptom 49); it registers a new one.',
  gate: 'release',
  when: (context) =>
    neededK3s(context, context.host) ? { run: 'yes' } : { run: 'no', because: 'it is the machine it was' },
  done: {
    ask: (context) => [look(secrets(context, 'get', '-o', 'name'), { on: primaryName(context) })],
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      if (at(answers, 0).code !== 0) return no('the API did not answer');
      return at(answers, 0).stdout.trim() === ''
        ? yes(['none is kept under its name'])
        : no('one is kept under its name');
    },
  },
  run: (context) => [act(secrets(context, 'delete'), { on: primaryName(context) })],
  pollMs: 1000,
  expectMs: seconds(2),
  withinMs: minutes(5),
  undo: { none: 'after the release the restored cluster is the only one' },
  lookup: ['49'],
};
