import { act, look, putText } from '../../src/incident/command.js';
import type { Step, StepContext } from '../../src/incident/step.js';
import { diskFree, diskUsed, readFile } from '../../src/k3s/ask.js';
import { parseDf } from '../../src/k3s/listing.js';
import { unitEnvFiles } from '../../src/k3s/paths.js';
import { RECEIPT_WRAPPER, receiptUnit } from '../../src/k3s/reset.js';
import { runDir, SAVE_SCRIPT } from '../../src/k3s/scripts.js';
import { pathsOf, whereInstalled } from './hosts.js';
import { at, bytes, failed, minutes, seconds, silence, unknown, yes } from './judge.js';
import { askUnit, attemptDir, isJudgement, readUnit, unitName, wrapperPath } from './unit.js';

/** Where a server's safety copy of this run lies; full paths stand under it. */
export const safetyCopy = (context: StepContext): string => `${runDir(context.runId)}/safety`;

/** What a reset, a wrong token or a rejoin may change (facts 9 rule 4; R12). Local snapshots are left: they may be tens of GB. */
function toSave(context: StepContext): string[] {
  const paths = pathsOf(context);
  return [
    paths.etcd,
    paths.tls,
    paths.cred,
    paths.token,
    paths.configFile,
    paths.configDir,
    paths.unitFile,
    ...unitEnvFiles(paths.unit.replace(/\.service$/, '')),
  ];
}

export const saveServers: Step = {
  id: 'save',
  title: 'Save what is there',
  runbook: 'Pre-restore checklist: back up current etcd data if any nodes are still functional',
  effect: 'change',
  why: 'A reset with a wrong token rewrites token and credentials, and K3s moves the database before it looks at the snapshot. This copy is the way back.',
  gate: 'stop',
  when: whereInstalled,
  done: {
    ask: (context) => [...askUnit(context, 'save'), look(diskFree('/var/lib')), look(diskUsed(pathsOf(context).etcd))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = readUnit(answers);
      const free = parseDf(at(answers, 4).stdout)[0]?.available;
      const used = Number(/^(\d+)/.exec(at(answers, 5).stdout)?.[1] ?? 0);
      if (isJudgement(unit)) {
        if (unit.answer !== 'no' || unit.underWay === true || free === undefined || free > used * 1.1 + 50e6)
          return unit;
        return failed(
          [`no room for the safety copy: ${bytes(free)} free, ${bytes(used * 1.1 + 50e6)} needed on /var/lib`],
          {
            left: 'nothing was changed by this step',
            next: 'Free some space on that file system (old etcd-old-* directories, container images), then retry.',
            lookup: ['60'],
          },
        );
      }
      if (unit.receipt?.exit === 0) return yes([`copied ${bytes(used)}`], { bytes: used, attempt: context.attempt });
      return failed([`the copy did not finish: ${lastLine(unit.output)}`], {
        left: 'a partial copy; nothing of K3s was changed',
        next: 'Free some space or look at the disk, then retry: a new attempt copies again.',
        lookup: ['60'],
      });
    },
  },
  run: (context) => [
    act(['mkdir', '-p', '-m', '0700', runDir(context.runId)]),
    putText(wrapperPath(context), RECEIPT_WRAPPER, 0o700),
    putText(`${runDir(context.runId)}/save.sh`, SAVE_SCRIPT, 0o700),
    // Sent again it is refused by its name: whatever became of the first, one copy runs.
    act(
      receiptUnit({
        unit: unitName(context, 'save'),
        description: 'safety copy',
        wrapper: wrapperPath(context),
        attemptDir: attemptDir(context, 'save'),
        command: ['/bin/sh', `${runDir(context.runId)}/save.sh`, safetyCopy(context), ...toSave(context)],
      }),
    ),
  ],
  pollMs: 500,
  expectMs: seconds(5),
  withinMs: minutes(15),
  undo: { none: 'the safety copy stays: it is the way back' },
  lookup: ['60'],
  skippable:
    'The database of this server can be left unsaved where there is no room for a copy and it is known to be worthless.',
};

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** Whether a safety copy of this run is complete on a host. */
export const isSaved = {
  ask: (context: StepContext) => [
    look(readFile(`${attemptDir({ ...context, attempt: savedAttempt(context) }, 'save')}/receipt`)),
  ],
  judge: (answers: Parameters<typeof silence>[0]) =>
    silence(answers) ??
    (/^exit=0$/m.test(at(answers, 0).stdout) ? yes(['safety copy complete']) : unknown('no complete safety copy')),
};

const savedAttempt = (context: StepContext): number => Number(context.known('save', 'attempt') ?? 1);
