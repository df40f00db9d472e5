import { type Answer, act, type Command, look, type PutCommand } from '../../src/incident/command.js';
import {
  type GateCheck,
  HERE,
  type Judgement,
  type Step,
  type StepContext,
  type UndoPlan,
} from '../../src/incident/step.js';
import { showUnit, statFile } from '../../src/k3s/ask.js';
import { serverUnitText } from '../../src/k3s/install.js';
import { DEFAULT_DATA_DIR, type K3sPaths } from '../../src/k3s/paths.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import {
  INSTALL,
  isFresh,
  k3sProgram,
  neededK3s,
  nodeNameOf,
  ownAddress,
  pathsOf,
  peersOf,
  primaryName,
} from './hosts.js';
import { at, bytes, failed, minutes, no, seconds, silence, yes } from './judge.js';
import { joinUrl } from './rejoin.js';

/** Installing K3s on a fresh server as a healthy one has it, without the internet and without starting it. */

const input = (context: StepContext) => {
  const from = context.choices.primary ?? '';
  return { from, path: k3sProgram(context, from) };
};

export function judgeFetched(answers: readonly Answer[]): Judgement {
  const answer = at(answers, 0);
  if (answer.code !== 0) return no('not fetched yet');
  const fetched = JSON.parse(answer.stdout) as { from: string; file: string; bytes: number; sha256: string };
  return yes([`${bytes(fetched.bytes)}, sha256 ${fetched.sha256.slice(0, 12)}`], fetched);
}

export const fetchProgram: Step = {
  id: 'k3s-program',
  title: 'Bring K3s from a healthy server',
  runbook: 'Scenario 1, step 3: re-install K3s on the replacement node with the same configuration',
  effect: 'observe',
  why: 'The same version, without the internet: the very program that runs on its peers.',
  dependsOn: ['primary'],
  done: {
    ask: (context) => [{ kind: 'task', task: 'k3s.have', input: input(context), again: 'harmless' }],
    judge: (answers) => judgeFetched(answers),
  },
  run: (context) => [{ kind: 'task', task: 'k3s.fetch', input: input(context), again: 'harmless' }],
  pollMs: 500,
  expectMs: seconds(10),
  withinMs: minutes(15),
  undo: { none: 'nothing on any node was changed' },
  lookup: [],
};

function placed(context: StepContext): PutCommand[] {
  const paths = pathsOf(context);
  const from = context.choices.primary ?? '';
  const made = {
    from,
    server: joinUrl(context),
    nodeName: nodeNameOf(context, context.host),
    nodeIp: ownAddress(context, context.host),
    ...(paths.dataDir === DEFAULT_DATA_DIR ? {} : { dataDir: paths.dataDir }),
  };
  const put = (path: string, mode: number, content: PutCommand['content']): PutCommand => ({
    kind: 'put',
    path,
    mode,
    content,
    again: 'harmless',
  });
  const service = paths.unit.replace(/\.service$/, '');
  return [
    put(k3sProgram(context), 0o755, {
      file: String(context.learned(fetchProgram.id, 'file', HERE)),
      what: `k3s of ${from}`,
    }),
    put(paths.configFile, 0o600, { made: 'server-config', ...made }),
    put(paths.envFile, 0o600, { made: 'server-env', ...made }),
    // The unit comes last: with it K3s counts as installed.
    put(paths.unitFile, 0o644, {
      text: serverUnitText(k3sProgram(context, from), service, context.facts(from).service?.args ?? []),
    }),
  ];
}

export const askInstalled = (context: StepContext) => [
  look([k3sProgram(context), '--version'], { root: false }),
  look(showUnit(pathsOf(context).unit)),
  look(statFile(pathsOf(context).configFile)),
];

/** What has to be there: a version where one is known, and, for one that must not start by itself, the hold as a fourth answer. */
interface Wanted {
  readonly version: string | undefined;
  readonly from: string;
  readonly held?: true;
}

export function judgeInstalled(answers: readonly Answer[], { holdDropIn }: K3sPaths, wanted: Wanted): Judgement {
  const quiet = silence(answers);
  if (quiet !== undefined) return quiet;
  const version = /k3s version (\S+)/.exec(at(answers, 0).stdout)?.[1];
  const unit = parseUnit(at(answers, 1).stdout);
  if (unit.load !== 'loaded' || at(answers, 2).code !== 0) return no('not installed');
  if (version === undefined) return no('the program does not run');
  if (wanted.version !== undefined && wanted.version !== '' && version !== wanted.version)
    return failed([`${version} is installed, ${wanted.version} is wanted, as on ${wanted.from}`], {
      left: 'K3s is installed there and not started',
      next: 'Retry places the other version over it.',
    });
  if (wanted.held === true && (at(answers, 3).code !== 0 || !unit.dropIns.includes(holdDropIn))) return no('not held');
  return yes([`${version}, as on ${wanted.from}`, wanted.held === true ? 'held, not started' : 'not started']);
}

/** Takes away what was placed, and whatever else kept it from starting. */
export const uninstall = (
  placed: (context: StepContext) => readonly PutCommand[],
  also: (context: StepContext) => readonly Command[] = () => [],
): UndoPlan => ({
  title: 'Take what was installed away',
  effect: 'change',
  run: (context) => [
    act(['systemctl', 'disable', pathsOf(context).unit], { expect: [0, 1] }),
    act(['rm', '-f', ...placed(context).map((one) => one.path)]),
    ...also(context),
    act(['systemctl', 'daemon-reload']),
  ],
  done: {
    ask: (context) => [look(statFile(pathsOf(context).unitFile))],
    judge: (answers) => silence(answers) ?? (at(answers, 0).code === 0 ? no('still installed') : yes(['gone'])),
  },
});

export const installK3s: Step = {
  id: INSTALL,
  title: 'Install K3s, without starting it',
  runbook: 'Scenario 1, step 3: re-install K3s on the replacement node with the same configuration',
  effect: 'change',
  why: 'A fresh server that is started before it knows whom to join makes a cluster of its own. Program, unit and settings are those of a healthy server, less what is that server’s own.',
  gate: 'join',
  done: {
    ask: askInstalled,
    judge: (answers, context) =>
      judgeInstalled(answers, pathsOf(context), {
        version: context.facts(primaryName(context)).service?.version,
        from: primaryName(context),
      }),
  },
  run: (context) => [
    act(['mkdir', '-p', pathsOf(context).configDir]),
    ...placed(context),
    act(['systemctl', 'daemon-reload']),
    act(['systemctl', 'enable', pathsOf(context).unit]),
  ],
  pollMs: 1000,
  expectMs: seconds(10),
  withinMs: minutes(15),
  undo: uninstall(placed),
  lookup: [],
};

/** A program of another architecture does not run there. */
export const architectureCheck = (host: string): GateCheck => ({
  title: 'has the architecture of the healthy server',
  host,
  question: {
    ask: (context) => [
      look(['uname', '-m'], { root: false }),
      look(['uname', '-m'], { root: false, on: context.choices.primary ?? host }),
    ],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const [own, theirs] = [at(answers, 0).stdout.trim(), at(answers, 1).stdout.trim()];
      return own === theirs
        ? yes([own])
        : failed([
            `it is ${own}, ${context.choices.primary} is ${theirs}: install K3s for ${own} by hand, without starting it`,
          ]);
    },
  },
});

/** Peers that have no K3s yet, in words for a gate; empty where all have it. */
export function installsOn(context: StepContext): string {
  const fresh = peersOf(context).filter((host) => isFresh(context, host));
  return fresh.length === 0
    ? ''
    : `; installs on ${fresh.join(', ')} the K3s of ${context.choices.primary} with its settings`;
}

/** A fresh peer has to be of the same architecture. */
export const freshChecks = (context: StepContext): GateCheck[] =>
  peersOf(context)
    .filter((host) => isFresh(context, host))
    .map(architectureCheck);

/** For scenarios whose peers may be fresh: those are given K3s before they join; the others are left as they are. */
export const fetchProgramForPeers: Step = {
  ...fetchProgram,
  when: (context) =>
    peersOf(context).some((host) => neededK3s(context, host))
      ? { run: 'yes' }
      : { run: 'no', because: 'every server has K3s' },
};

export const installOnPeer: Step = {
  ...installK3s,
  gate: 'release',
  remembers: () => ({ fresh: true }),
  when: (context) =>
    neededK3s(context, context.host) ? { run: 'yes' } : { run: 'no', because: 'K3s is installed there' },
};
