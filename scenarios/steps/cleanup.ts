import { act, look } from '../../src/incident/command.js';
import type { Step } from '../../src/incident/step.js';
import { diskUsedBelow, listDirectory, statFile } from '../../src/k3s/ask.js';
import { asideData, parseEntries, parseSizes } from '../../src/k3s/listing.js';
import { k3sProgram, pathsOf } from './hosts.js';
import { at, bytes, minutes, no, seconds, silence, yes } from './judge.js';
import { overrideFiles } from './rejoin.js';

/** Removes what the restore placed for itself; data moved aside stays and is listed. */
export const removeOverrides: Step = {
  id: 'overrides',
  title: 'Remove our overrides',
  runbook: 'not on paper: the restore’s own settings must not stay behind',
  effect: 'change',
  why: 'The override of `server:` names the restored server; in normal times the cluster’s own configuration holds.',
  gate: 'cleanup',
  done: {
    ask: (context) => [...overrideFiles(context), pathsOf(context).holdDropIn].map((path) => look(statFile(path))),
    judge: (answers) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const left = answers.filter((answer) => answer.code === 0).length;
      return left === 0 ? yes(['no override, no hold left']) : no(`${left} of our files still there`);
    },
  },
  run: (context) => [
    act(['rm', '-f', ...overrideFiles(context), pathsOf(context).holdFile, pathsOf(context).holdDropIn]),
    act(['systemctl', 'daemon-reload']),
  ],
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(2),
  undo: { none: 'nothing of the cluster’s own was changed' },
  lookup: [],
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
    act(['timeout', '120', k3sProgram(context), 'etcd-snapshot', 'save', '--name', `restored-${context.runId}`], {
      timeoutMs: minutes(3),
    }),
  ],
  pollMs: 1000,
  expectMs: seconds(3),
  withinMs: minutes(3),
  undo: { none: 'one more snapshot does no harm' },
  lookup: ['87', '88'],
  skippable: 'Take one by hand as soon as the cluster is calm.',
};

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
