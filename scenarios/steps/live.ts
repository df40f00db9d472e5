import { act, look, once, putText } from '../../src/incident/command.js';
import type { Judgement, Step, StepContext, When } from '../../src/incident/step.js';
import { diskFree, sha256, statFile } from '../../src/k3s/ask.js';
import { parseDf } from '../../src/k3s/listing.js';
import {
  etcdServes,
  findEtcdctl,
  hasEtcdctl,
  hasTrailer,
  liveSnapshotCommand,
  liveSnapshotPath,
} from '../../src/k3s/live.js';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import { runDir } from '../../src/k3s/scripts.js';
import { pathsOf, serversIn, whereInstalled } from './hosts.js';
import { at, bytes, minutes, no, seconds, silence, yes } from './judge.js';
import { askUnit, attemptDir, isJudgement, readUnit, unitName, wrapperPath } from './unit.js';

/** A snapshot that etcd itself gives while it still runs without quorum, as one more copy of what a server had. */

const LIVE = 'live-snapshot';

/** Never a failure: what cannot be had is said, and the plan goes on without it. */
const without = (reason: string): Judgement => yes([`none taken: ${reason}`]);

/** Where it lies on a server, once it was taken there in this run. */
export function liveSnapshotOf(context: StepContext, host: string): { path: string; bytes: number } | undefined {
  const path = context.known(LIVE, 'path', host);
  return typeof path === 'string' ? { path, bytes: Number(context.known(LIVE, 'bytes', host) ?? 0) } : undefined;
}

/** Where they lie, in words for a gate; empty where there is none. */
export function liveSnapshots(context: StepContext): string {
  const taken = serversIn(context).flatMap((host) => {
    const live = liveSnapshotOf(context, host);
    return live === undefined ? [] : [`on ${host} (${live.path})`];
  });
  return taken.length === 0 ? '' : `; the snapshot that etcd gave while it still ran, ${taken.join(', ')}`;
}

/** What it takes of the disk must not be missing for the safety copy, which comes after it. */
function tooLittle(context: StepContext, answer: string): string | undefined {
  const free = parseDf(answer)[0]?.available;
  const { dbBytes = 0, etcdBytes = 0 } = context.facts(context.host).data ?? {};
  const needed = dbBytes + etcdBytes * 1.1 + 300e6;
  return free === undefined || free >= needed ? undefined : `${bytes(free)} free, ${bytes(needed)} wanted`;
}

/** A server that comes back while others are held is held at once: it must not run for the sake of a copy. */
function beforeAnyStop(context: StepContext): When {
  const held = serversIn(context).some((name) => context.endedAt('stop', name) !== undefined);
  return held && context.endedAt(LIVE, context.host) === undefined
    ? { run: 'no', because: 'other servers are held already: it is stopped at once' }
    : whereInstalled(context);
}

export const liveSnapshot: Step = {
  id: LIVE,
  title: 'Take a snapshot while etcd still answers',
  runbook: 'Pre-restore checklist: back up current etcd data if any nodes are still functional',
  effect: 'change',
  why: 'Without quorum etcd still gives its data to etcdctl (R31), until K3s is stopped or gives up a minute after the loss. One more copy, made by etcd itself; where it cannot be had, nothing waits for it.',
  gate: 'stop',
  when: beforeAnyStop,
  done: {
    ask: (context) => [
      ...askUnit(context, LIVE),
      look(statFile(liveSnapshotPath(context.runId))),
      look(sha256(liveSnapshotPath(context.runId)), { timeoutMs: minutes(2) }),
      look(findEtcdctl()),
      look(etcdServes(pathsOf(context).tls)),
      look(diskFree('/var/lib')),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = readUnit(answers);
      if (!isJudgement(unit)) {
        const size = Number(at(answers, 4).stdout.split(' ')[0]);
        const sum = /^([0-9a-f]{64})/.exec(at(answers, 5).stdout)?.[1];
        if (unit.receipt?.exit !== 0 || sum === undefined || !hasTrailer(size))
          return without(`etcdctl did not finish: ${lastLine(unit.output) || 'it said nothing'}`);
        const path = liveSnapshotPath(context.runId);
        return yes([`${path}, ${bytes(size)}, sha256 ${sum.slice(0, 12)}`], { path, bytes: size, sha256: sum });
      }
      if (unit.answer !== 'no' || unit.underWay === true) return unit;
      if (!hasEtcdctl(at(answers, 6).stdout)) return without('there is no etcdctl');
      if (at(answers, 7).code !== 0)
        return without(`etcd does not serve it: ${lastLine(at(answers, 7).stderr) || 'no answer in time'}`);
      const short = tooLittle(context, at(answers, 8).stdout);
      return short === undefined ? no('not taken yet') : without(`too little room on /var/lib: ${short}`);
    },
  },
  run: (context) => [
    act(['mkdir', '-p', '-m', '0700', runDir(context.runId)]),
    putText(wrapperPath(context), RECEIPT_WRAPPER, 0o700),
    once(
      liveSnapshotCommand({
        run: context.runId,
        unit: unitName(context, LIVE),
        attemptDir: attemptDir(context, LIVE),
        wrapper: wrapperPath(context),
        tls: pathsOf(context).tls,
      }),
    ),
  ],
  pollMs: 500,
  expectMs: seconds(2),
  withinMs: minutes(4),
  undo: { none: 'the snapshot stays beside the safety copy' },
  lookup: [],
  skippable: 'It is one more copy; the safety copy follows in any case.',
};

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
