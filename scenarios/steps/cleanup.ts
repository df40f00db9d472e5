import { act, look } from '../../src/incident/command.js';
import type { Step, StepContext } from '../../src/incident/step.js';
import { diskUsedBelow, listDirectory, showUnit, statFile } from '../../src/k3s/ask.js';
import { asideData, parseEntries, parseSizes } from '../../src/k3s/listing.js';
import { NOTICE_FILE } from '../../src/k3s/paths.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { k3sTools, pathsOf } from './hosts.js';
import { at, bytes, minutes, no, seconds, silence, yes } from './judge.js';
import { overrideFiles } from './rejoin.js';
import { unitName } from './unit.js';

/** Removes what the restore placed for itself; data moved aside stays and is listed. */
export const removeOverrides: Step = {
  id: 'overrides',
  title: 'Remove our overrides',
  runbook: 'not on paper: the restore’s own settings must not stay behind',
  effect: 'change',
  why: 'The override of `server:` names the restored server; in normal times the cluster’s own configuration holds.',
  gate: 'cleanup',
  done: {
    ask: (context) =>
      [...overrideFiles(context), pathsOf(context).holdDropIn, NOTICE_FILE].map((path) => look(statFile(path))),
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const left = answers.filter((answer) => answer.code === 0).length;
      return left === 0 ? yes(['no override, no hold left']) : no(`${left} of our files still there`);
    },
  },
  run: (context) => [
    act(['rm', '-f', ...overrideFiles(context), pathsOf(context).holdFile, pathsOf(context).holdDropIn, NOTICE_FILE]),
    act(['systemctl', 'daemon-reload']),
  ],
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'nothing of the cluster’s own was changed' },
  lookup: [],
};

/** Our transient units of a host: they stay loaded after they ended, so that their end can be read. */
function unitsOf(context: StepContext): string[] {
  return ['save', 'reset', 'reset-membership'].flatMap((step) => {
    const attempts = Number(context.known(step, 'attempt') ?? 0);
    return Array.from(
      { length: attempts },
      (_, index) => `${unitName({ ...context, attempt: index + 1 }, step)}.service`,
    );
  });
}

export const forgetUnits: Step = {
  id: 'units',
  title: 'Let go of our units',
  runbook: 'not on paper',
  effect: 'change',
  why: 'Their receipts stay in /var/lib/blackstart; the units themselves have ended and only fill the list.',
  gate: 'cleanup',
  when: (context) => (unitsOf(context).length === 0 ? { run: 'no', because: 'none ran here' } : { run: 'yes' }),
  done: {
    ask: (context) => unitsOf(context).map((unit) => look(showUnit(unit, ['LoadState', 'ActiveState']))),
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const loaded = answers.filter((answer) => parseUnit(answer.stdout).load === 'loaded').length;
      return loaded === 0 ? yes(['no unit of ours is loaded']) : no(`${loaded} of our units still loaded`);
    },
  },
  // One that failed is not stopped by `stop`, one that ended well is not known to `reset-failed`.
  run: (context) =>
    unitsOf(context).flatMap((unit) => [
      act(['systemctl', 'stop', unit], { expect: [0, 5] }),
      act(['systemctl', 'reset-failed', unit], { expect: [0, 1] }),
    ]),
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'they had ended' },
  lookup: [],
  skippable: 'They go with the next reboot.',
};

/** A backup of the restored state, so that the next incident does not begin from the old one. */
export const freshSnapshot: Step = {
  id: 'fresh-snapshot',
  title: 'Take a fresh snapshot',
  runbook: 'not on paper: the last backup is now older than the cluster',
  effect: 'change',
  why: 'The first backup of the restored cluster; it also shows that snapshots work again.',
  gate: 'cleanup',
  done: {
    ask: (context) => [look(listDirectory(pathsOf(context).snapshots))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const own = parseEntries(at(answers, 0).stdout).find((entry) =>
        entry.name.startsWith(`restored-${context.runId}-`),
      );
      return own === undefined || own.name.endsWith('.part')
        ? no('not there yet')
        : yes([own.name], { name: own.name, bytes: own.size });
    },
  },
  run: (context) => [
    act(
      [
        'timeout',
        '120',
        ...k3sTools(context),
        'etcd-snapshot',
        'save',
        ...snapshotDataDir(context),
        '--name',
        `restored-${context.runId}`,
      ],
      {
        timeoutMs: minutes(3),
      },
    ),
  ],
  pollMs: 1000,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'one more snapshot does no harm' },
  lookup: ['87', '88'],
  skippable: 'Take one by hand as soon as the cluster is calm.',
};

/** Found in the config files by itself; given in the unit's arguments it has to be repeated. */
const snapshotDataDir = (context: StepContext): string[] =>
  pathsOf(context).dataDir === '/var/lib/rancher/k3s' ? [] : [`--data-dir=${pathsOf(context).dataDir}`];

/** What stays on every server, with sizes, for the report. */
export const listLeftovers: Step = {
  id: 'leftovers',
  title: 'List what is left over',
  runbook: 'not on paper',
  effect: 'observe',
  why: 'Data moved aside is kept until somebody decides; the report names each with the command that removes it.',
  done: {
    ask: (context) => [look(listDirectory(pathsOf(context).db)), look(diskUsedBelow(pathsOf(context).db))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const sizes = parseSizes(at(answers, 1).stdout);
      const aside = asideData(parseEntries(at(answers, 0).stdout)).map(({ name }) => {
        const path = `${pathsOf(context).db}/${name}`;
        return { path, bytes: sizes.get(path) ?? 0 };
      });
      const kept = aside.map((one) => `${one.path.split('/').at(-1)} (${bytes(one.bytes)})`);
      return yes(aside.length === 0 ? ['nothing was moved aside'] : [`kept: ${kept.join(', ')}`], { aside });
    },
  },
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(1),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'It is only a list.',
};
