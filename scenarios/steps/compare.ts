import type { JsonObject } from '../../src/incident/json.js';
import { type Loss, lossText } from '../../src/incident/loss.js';
import { HERE, type Step, type StepContext } from '../../src/incident/step.js';
import { provenBackup } from './fetch.js';
import { neededK3s, pathsOf, serversIn } from './hosts.js';
import { at, minutes, no, seconds, yes } from './judge.js';

/** Servers with a database of their own, the one written last first. */
const candidates = (context: StepContext): string[] =>
  serversIn(context)
    .filter((name) => {
      const { reachable, data } = context.facts(name);
      return reachable && !neededK3s(context, name) && data?.datastore === 'etcd' && (data.dbBytes ?? 0) > 0;
    })
    .sort((a, b) => (context.facts(b).data?.dbModified ?? 0) - (context.facts(a).data?.dbModified ?? 0));

/** What the proof told goes along: the console that fetched the backup may have ended since. */
const input = (context: StepContext): JsonObject => {
  const proof = provenBackup(context);
  return {
    snapshot: context.choices.snapshot ?? '',
    ...(proof === undefined
      ? {}
      : { file: proof.file, revision: proof.revision, clusterUid: proof.clusterUid ?? null }),
    servers: candidates(context).map((name) => ({ host: name, etcd: pathsOf(context, name).etcd })),
  };
};

/** What was learned of the loss in this run; undefined before, and where it was skipped. */
export function lossOf(context: StepContext): Loss | undefined {
  const loss = context.known('compare', 'loss', HERE);
  return loss === undefined ? undefined : (loss as unknown as Loss);
}

/**
 * Compares the backup with what the servers still have, on a copy, once they are stopped and while they are saved. It says what the
 * restore costs and never stands in its way: data that cannot be read is a remark.
 */
export const compareLoss: Step = {
  id: 'compare',
  title: 'Compare the backup with what is there',
  runbook: 'not in the runbook: it says only that newer data is lost, not which',
  effect: 'observe',
  why: 'The last moment to see by name what the restore throws away, while all of it is still there.',
  early: true,
  dependsOn: ['snapshot'],
  when: (context) => {
    if (context.endedAt('compare', HERE) !== undefined) return { run: 'yes' };
    // Where a plan was handed over the servers are stopped already, or a run that goes on has lost the file: it is fetched first.
    if (context.endedAt('fetch', HERE) === undefined)
      return { run: 'not-known-yet', because: 'the backup is proven first' };
    if (serversIn(context).some((name) => !neededK3s(context, name) && context.endedAt('stop', name) === undefined))
      return { run: 'not-known-yet', because: 'the servers are stopped first' };
    return candidates(context).length === 0
      ? { run: 'no', because: 'no server has a database to compare the backup with' }
      : { run: 'yes' };
  },
  done: {
    ask: (context) => [{ kind: 'task', task: 'backup.compared', input: input(context), again: 'harmless' }],
    judge: (answers) => {
      const answer = at(answers, 0);
      if (answer.code !== 0) return no('not compared yet');
      const loss = JSON.parse(answer.stdout) as Loss & JsonObject;
      return yes([lossText(loss) ?? 'nothing could be compared', ...loss.remarks], { loss });
    },
  },
  run: (context) => [{ kind: 'task', task: 'backup.compare', input: input(context), again: 'harmless' }],
  pollMs: 500,
  expectMs: seconds(5),
  withinMs: minutes(2),
  undo: { none: 'nothing on any node was changed' },
  lookup: [],
  skippable: 'What is lost can be left unknown where time matters more.',
};
