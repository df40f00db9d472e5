import { act, look } from '../../src/incident/command.js';
import { HERE, type Step, type StepContext } from '../../src/incident/step.js';
import { diskFree, sha256, statFile } from '../../src/k3s/ask.js';
import { parseDf } from '../../src/k3s/listing.js';
import { pathsOf } from './hosts.js';
import { at, bytes, failed, minutes, no, seconds, silence, yes } from './judge.js';

/** Where the proven snapshot goes: straight into its final folder, never /tmp. */
export const deliveredPath = (context: StepContext): string =>
  `${pathsOf(context).snapshots}/blackstart-${context.runId}`;

/** Three times the snapshot and 500 MB: the copy, the restored database, the write-ahead log and K3s' own copy at the next start (R17). */
export const roomNeeded = (snapshot: number): number => snapshot * 3 + 500e6;

export const deliver: Step = {
  id: 'deliver',
  title: 'Deliver the proven snapshot',
  runbook: 'Full restore, steps 2 and 3.1: download, decrypt, place in db/snapshots',
  effect: 'change',
  why: 'Fetched, decrypted and proven here, so that no passphrase ever lies on a server; checked again by sha256 where K3s will read it.',
  gate: 'stop',
  dependsOn: ['snapshot', 'primary'],
  done: {
    ask: (context) => [
      look(statFile(deliveredPath(context))),
      look(sha256(deliveredPath(context)), { timeoutMs: minutes(5) }),
      look(diskFree(pathsOf(context).dataDir)),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const size = Number(context.known('fetch', 'bytes', HERE) ?? 0);
      const sum = /^([0-9a-f]{64})/.exec(at(answers, 1).stdout)?.[1];
      if (at(answers, 0).code === 0 && sum === context.known('fetch', 'fileSha256', HERE)) {
        return yes([`sha256 matches, ${bytes(size)}`], { path: deliveredPath(context) });
      }
      const free = parseDf(at(answers, 2).stdout)[0]?.available;
      if (free !== undefined && free < roomNeeded(size)) {
        const aside = context.facts(context.host).data?.aside.map((one) => one.name) ?? [];
        return failed([`too little room: ${bytes(free)} free, ${bytes(roomNeeded(size))} needed`], {
          left: 'nothing was changed by this step',
          next:
            aside.length > 0
              ? `Older databases lie in server/db and could go: ${aside.join(', ')}. Free space, then retry.`
              : 'Free space on the file system of the data directory, then retry.',
          lookup: ['60'],
        });
      }
      return no(at(answers, 0).code === 0 ? 'another file is there' : 'not there yet');
    },
  },
  run: (context) => [
    act(['mkdir', '-p', '-m', '0700', pathsOf(context).snapshots]),
    {
      kind: 'put',
      path: deliveredPath(context),
      mode: 0o600,
      content: { file: String(context.learned('fetch', 'file', HERE)) },
      again: 'harmless',
    },
    // Where SELinux is not installed this is "command not found"; where it enforces, K3s could not read the file without.
    act(['restorecon', deliveredPath(context)], { expect: [0, 1, 127] }),
  ],
  holdsUntil: ['reset'],
  pollMs: 1000,
  expectMs: seconds(5),
  withinMs: minutes(30),
  undo: {
    title: 'Take the delivered copy away',
    effect: 'change',
    run: (context) => [act(['rm', '-f', deliveredPath(context)])],
    done: {
      ask: (context) => [look(statFile(deliveredPath(context)))],
      judge: (answers) => silence(answers) ?? (at(answers, 0).code === 0 ? no('still there') : yes(['gone'])),
    },
  },
  lookup: ['60', '75'],
};
