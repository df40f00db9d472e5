import { act, type Command, look, once, type PutCommand } from '../../src/incident/command.js';
import type { Judgement, Question, Step, StepContext } from '../../src/incident/step.js';
import { minute } from '../../src/incident/times.js';
import { listDirectory, statFile } from '../../src/k3s/ask.js';
import { type AsideData, asideData, parseEntries } from '../../src/k3s/listing.js';
import { explainResetFailure, RESET_STAGES } from '../../src/k3s/messages.js';
import { type ResetPlan, resetUnitCommand, stripConfigCommand } from '../../src/k3s/reset.js';
import { PUT_BACK_SCRIPT, runDir, secretDir } from '../../src/k3s/scripts.js';
import { deliveredPath } from './deliver.js';
import { configFilesOf, k3sProgram, neededK3s, pathsOf } from './hosts.js';
import { at, failed, minutes, no, seconds, silence, yes } from './judge.js';
import { safetyCopy } from './save.js';
import { askUnit, attemptDir, isJudgement, readUnit, unitName, wrapperPath } from './unit.js';

const tokenEnv = (context: StepContext): string => `${secretDir(context.runId)}/token.env`;
const configCopy = (context: StepContext): string => `${secretDir(context.runId)}/config.yaml`;
export const putBackScript = (context: StepContext): string => `${runDir(context.runId)}/put-back.sh`;

/** What differs between a reset from a snapshot and one that keeps the server's own data. */
interface ResetKind {
  readonly id: string;
  /** It restores a snapshot, and brings the token that opens it. */
  readonly fromSnapshot: boolean;
}

/** Config files as they are would stop the reset (`server:`) or fight the proven token, so it reads copies without those settings. */
function configCommands(context: StepContext, { fromSnapshot }: ResetKind): Command[] {
  const files = configFilesOf(context);
  const paths = pathsOf(context);
  const copies = files.map(
    (file) =>
      [
        file,
        file === paths.configFile ? configCopy(context) : `${configCopy(context)}.d/${file.split('/').at(-1)}`,
      ] as const,
  );
  return [
    act(['mkdir', '-p', '-m', '0700', secretDir(context.runId)]),
    act(['mkdir', '-p', '-m', '0700', `${configCopy(context)}.d`]),
    // K3s takes the drop-in files only beside a main file that exists.
    act(['install', '-m', '0600', '/dev/null', configCopy(context)]),
    ...copies.flatMap(([from, to]) => [
      act(['install', '-m', '0600', '/dev/null', to]),
      act(stripConfigCommand(from, to, fromSnapshot)),
    ]),
  ];
}

function planOfReset(context: StepContext, { id, fromSnapshot }: ResetKind): ResetPlan {
  const { service, dataDir } = {
    service: pathsOf(context).unit.replace(/\.service$/, ''),
    dataDir: pathsOf(context).dataDir,
  };
  return {
    unit: unitName(context, id),
    attemptDir: attemptDir(context, id),
    wrapper: wrapperPath(context),
    k3s: k3sProgram(context),
    service,
    args: context.facts(context.host).service?.args ?? [],
    config: configCopy(context),
    ...(dataDir === '/var/lib/rancher/k3s' ? {} : { dataDir }),
    ...(fromSnapshot ? { restorePath: deliveredPath(context), tokenEnv: tokenEnv(context) } : {}),
  };
}

const putTokenEnv = (context: StepContext): PutCommand => ({
  kind: 'put',
  path: tokenEnv(context),
  mode: 0o600,
  content: { secret: 'token-env' },
  again: 'harmless',
});

/** Marker and exit 0 and reset-flag; the marker decides (R8, R9). */
const resetDone = (id: string): Question => ({
  ask: (context) => [
    ...askUnit(context, id),
    look(statFile(pathsOf(context).resetFlag)),
    look(listDirectory(pathsOf(context).db)),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const unit = readUnit(answers);
    const aside = asideData(parseEntries(at(answers, 5).stdout));
    if (isJudgement(unit)) return unit.underWay === true ? { ...unit, evidence: stages(at(answers, 3).stdout) } : unit;
    const flag = at(answers, 4).code === 0;
    const moved = unit.receipt?.moved ?? /Pre-restore etcd database moved to ([^ "]*)/.exec(unit.output)?.[1];
    const learned = {
      moved: moved ?? '',
      aside: aside.map((one) => one.name),
      asideSeen: aside.map(seenAs),
      attempt: context.attempt,
    };
    if (unit.receipt?.marker === true && unit.receipt.exit === 0 && flag) {
      return yes(
        [
          'membership is reset: marker line, exit 0, reset-flag',
          ...(moved === undefined ? [] : [`the old database is ${moved}`]),
        ],
        learned,
      );
    }
    return resetFailed(unit.receipt?.exit, unit.output, moved, learned);
  },
});

/** A database moved aside with the time it carries in its name. */
const seenAs = ({ name, time }: AsideData): string => `${name} (${minute(time * 1000)})`;

function resetFailed(
  exit: number | undefined,
  output: string,
  moved: string | undefined,
  learned: Judgement['learned'],
): Judgement {
  const known = explainResetFailure(output);
  const ended =
    exit === undefined
      ? 'was killed or the host was rebooted before it ended'
      : `ended with ${exit} and without its success line`;
  return failed(
    [
      known === undefined ? `the reset ${ended}` : `the reset failed: ${known.means}`,
      ...(known === undefined ? [] : [`it ${ended}`]),
    ],
    {
      left:
        moved === undefined
          ? 'the database was not moved; K3s stays stopped and held'
          : `the old database is in ${moved}, token and credentials may be rewritten; K3s stays stopped and held`,
      next: 'Nothing is started. Undo puts everything back; retry runs the same reset again.',
      lookup: known === undefined ? [] : [known.lookup],
      ...(learned === undefined ? {} : { learned }),
    },
  );
}

const stages = (output: string): string[] => {
  const lines = output.split('\n');
  return RESET_STAGES.filter((stage) => lines.some((line) => stage.pattern.test(line.trim()))).map(
    (stage) => stage.title,
  );
};

/** What a reset has in common, whatever it resets to. */
const resetStep = (
  kind: ResetKind,
): Pick<
  Step,
  'effect' | 'remembers' | 'done' | 'run' | 'pollMs' | 'expectMs' | 'withinMs' | 'undo' | 'milestones'
> => ({
  effect: 'destroy',
  remembers: (context) => ({ asideBefore: context.facts(context.host).data?.aside.map((one) => one.name) ?? [] }),
  done: resetDone(kind.id),
  run: (context) => [
    ...configCommands(context, kind),
    ...(kind.fromSnapshot ? [putTokenEnv(context)] : []),
    { kind: 'put', path: putBackScript(context), mode: 0o700, content: { text: PUT_BACK_SCRIPT }, again: 'harmless' },
    once(resetUnitCommand(planOfReset(context, kind))),
  ],
  pollMs: 500,
  expectMs: seconds(12),
  withinMs: minutes(5),
  undo: {
    title: 'Put the old database back',
    names: (context) => {
      const all = (context.known(kind.id, 'asideSeen') as readonly string[] | undefined) ?? [];
      const path = original(context, kind);
      if (!kind.fromSnapshot) return `puts back ${path}, the copy of this run`;
      return path === '-' ? 'no database was moved, so none is put back' : `puts back ${path}, of ${all.join(', ')}`;
    },
    effect: 'destroy',
    run: (context) => [
      act(['systemctl', 'stop', `${unitName({ ...context, attempt: lastAttempt(context, kind) }, kind.id)}.service`], {
        expect: [0, 5],
      }),
      once(
        [
          '/bin/sh',
          putBackScript(context),
          pathsOf(context).server,
          safetyCopy(context),
          original(context, kind),
          `undone-${context.runId}`,
        ],
        {
          timeoutMs: minutes(10),
        },
      ),
    ],
    done: putBack(kind),
  },
  milestones: RESET_STAGES,
});

const putBack = (kind: ResetKind): Question => ({
  ask: (context) => [
    look(listDirectory(pathsOf(context).db)),
    look(['stat', '-c', '%F', pathsOf(context).etcd]),
    // What was in the way carries the stamp of the undoing: it is there once the copy's turn came.
    look(['stat', '-c', '%F', `${pathsOf(context).etcd}.undone-${context.runId}`]),
  ],
  judge: (answers, context) => {
    const quiet = silence(answers);
    if (quiet !== undefined) return quiet;
    const names = parseEntries(at(answers, 0).stdout).map((entry) => entry.name);
    const back = original(context, kind).split('/').at(-1) ?? '';
    if (kind.fromSnapshot && back !== '-' && names.includes(back)) return no(`${back} is still beside db/etcd`);
    if (!kind.fromSnapshot && at(answers, 2).code !== 0) return no('the database is that of the reset');
    if (names.includes('reset-flag')) return no('reset-flag is still there');
    return at(answers, 1).code === 0
      ? yes(
          neededK3s(context, context.host)
            ? ['a new machine: there was none before; what the reset made stays in server/db']
            : ['the old database is in its place', 'token, credentials and certificates are those of before'],
        )
      : no('db/etcd is not there');
  },
});

export const reset: Step = {
  id: 'reset',
  title: 'Reset etcd from the snapshot',
  runbook: 'Full restore, step 3.2: k3s server --cluster-reset --cluster-reset-restore-path',
  why: 'Makes this server the only member, with the data of the snapshot. Runs as a unit of its own, because a reset over SSH dies with the connection (R42), and its output never reaches `journalctl -u k3s` (R10).',
  gate: 'reset',
  dependsOn: ['snapshot', 'primary'],
  fixes: ['snapshot', 'primary'],
  ...resetStep({ id: 'reset', fromSnapshot: true }),
  lookup: ['36', '74', '75', '79'],
};

export const resetMembership: Step = {
  id: 'reset-membership',
  title: 'Reset the membership, keep the data',
  runbook: 'Scenario 2, step 2: use the surviving server with intact etcd data as the restore base',
  why: 'Makes this server the only member of its own cluster again; no key it holds is lost. Without a snapshot K3s moves nothing aside, so the safety copy is the way back. The servers that are gone are not asked.',
  gate: 'reset',
  dependsOn: ['primary'],
  fixes: ['primary'],
  ...resetStep({ id: 'reset-membership', fromSnapshot: false }),
  lookup: ['36', '79'],
};

const lastAttempt = (context: StepContext, { id }: ResetKind): number => Number(context.known(id, 'attempt') ?? 1);

/**
 * The database to put back. From a snapshot: the oldest that K3s moved aside since this run began, also by an attempt made by hand
 * (R15). Without one K3s works on the database in its place, so it is the safety copy's.
 */
function original(context: StepContext, { id, fromSnapshot }: ResetKind): string {
  if (!fromSnapshot) return `${safetyCopy(context)}${pathsOf(context).etcd}`;
  const before = new Set((context.known(id, 'asideBefore') as readonly string[] | undefined) ?? []);
  const now = (context.known(id, 'aside') as readonly string[] | undefined) ?? [];
  const oldest = now.find((name) => name.startsWith('etcd-old-') && !before.has(name));
  return oldest === undefined ? '-' : `${pathsOf(context).db}/${oldest}`;
}
