import { act, look, type PutCommand, putText } from '../../src/incident/command.js';
import { type GateCheck, HERE, type Step, type StepContext, type When } from '../../src/incident/step.js';
import { criticalArguments, criticalDifferences, firstSettings } from '../../src/k3s/first.js';
import { serverUnitText } from '../../src/k3s/install.js';
import { DEFAULT_DATA_DIR } from '../../src/k3s/paths.js';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import { runDir } from '../../src/k3s/scripts.js';
import { provenBackup } from './fetch.js';
import {
  INSTALL_FIRST,
  k3sProgram,
  neededK3s,
  nodeNameOf,
  onlyPrimary,
  ownAddress,
  pathsOf,
  primaryName,
} from './hosts.js';
import { askInstalled, judgeFetched, judgeInstalled, uninstall } from './install.js';
import { at, bytes, failed, minutes, seconds, silence, yes } from './judge.js';
import { FETCH_FIRST, programSource, settingsSource } from './source.js';
import { hold, lift } from './stop.js';
import { wrapperPath } from './unit.js';

/** K3s for the server a restore is done on, where that is a new machine: brought, configured, held, not started (facts 1.11). */

const whenFresh = (context: StepContext): When => {
  const [primary] = onlyPrimary(context);
  if (primary === undefined) return { run: 'not-known-yet', because: 'no server is chosen' };
  return neededK3s(context, primary) ? { run: 'yes' } : { run: 'no', because: 'K3s is installed there' };
};

const input = (context: StepContext) => {
  const source = programSource(context, primaryName(context));
  return { from: source?.from ?? '', path: source?.path ?? '' };
};

export const fetchFirstProgram: Step = {
  id: FETCH_FIRST,
  title: 'Bring K3s for the first server',
  runbook: 'Prepare fresh master nodes: install the same version',
  effect: 'observe',
  why: 'The very program that runs in this cluster, servers and agents alike; without the internet.',
  dependsOn: ['primary'],
  when: whenFresh,
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
  const source = settingsSource(context, context.host);
  const program = programSource(context, context.host);
  const more = {
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
  const snapshot = source?.kind === 'snapshot' ? firstSettings(source.args) : undefined;
  const config: PutCommand['content'] =
    source === undefined || snapshot !== undefined
      ? {
          made: 'first-config',
          from: source?.from ?? '',
          settings: snapshot?.text ?? '',
          masked: snapshot?.masked ?? [],
          ...more,
          namesAddress: snapshot?.namesAddress ?? false,
        }
      : { made: 'server-config', from: source.from, ...more };
  const args = source?.kind === 'host' ? (context.facts(source.from).service?.args ?? []) : [];
  return [
    put(k3sProgram(context), 0o755, {
      file: String(context.learned(FETCH_FIRST, 'file', HERE)),
      what: `k3s, ${program?.says ?? 'from nobody'}`,
    }),
    put(paths.configFile, 0o600, config),
    ...(source?.kind === 'host'
      ? [put(paths.envFile, 0o600, { made: 'server-env' as const, from: source.from, ...more })]
      : []),
    // The unit comes last: with it K3s counts as installed.
    put(paths.unitFile, 0o644, {
      text: serverUnitText(k3sProgram(context), paths.unit.replace(/\.service$/, ''), args),
    }),
  ];
}

/** The version it has to have: the source's, or, of a file, that of the snapshot. */
const wanted = (context: StepContext): string | undefined =>
  programSource(context, context.host)?.version ?? provenBackup(context)?.k3sVersion ?? undefined;

export const installFirst: Step = {
  id: INSTALL_FIRST,
  title: 'Install K3s on the first server, held',
  runbook: 'Prepare fresh master nodes: same version, same arguments, the token first; not started',
  effect: 'change',
  why: 'Started before the reset it would make a cluster of its own, with another CA. So it is held before it is installed, and the token that opens the snapshot lies there first.',
  gate: 'stop',
  dependsOn: ['primary', 'snapshot'],
  fixes: ['primary'],
  when: whenFresh,
  remembers: () => ({ fresh: true }),
  done: {
    ask: (context) => [...askInstalled(context), look(['stat', '-c', '%n', pathsOf(context).holdFile])],
    judge: (answers, context) => {
      const from = programSource(context, context.host)?.says ?? 'its source';
      return judgeInstalled(answers, pathsOf(context), { version: wanted(context), from, held: true });
    },
  },
  run: (context) => {
    const { server, db, configDir, unit } = pathsOf(context);
    return [
      // As K3s makes them: what is put below would else be in folders that all may read.
      act(['mkdir', '-p', '-m', '0700', server]),
      act(['mkdir', '-p', '-m', '0700', db]),
      act(['mkdir', '-p', '-m', '0700', runDir(context.runId)]),
      putText(wrapperPath(context), RECEIPT_WRAPPER, 0o700),
      ...hold(context),
      act(['mkdir', '-p', configDir]),
      ...placed(context),
      act(['systemctl', 'daemon-reload']),
      act(['systemctl', 'enable', unit]),
    ];
  },
  holdsUntil: ['start-primary'],
  pollMs: 1000,
  expectMs: seconds(10),
  withinMs: minutes(15),
  undo: uninstall(placed, lift),
  lookup: [],
};

/** What the gate says of it; empty where K3s is there. */
export function installsFirst(context: StepContext): string {
  const primary = primaryName(context);
  if (!neededK3s(context, primary)) return '';
  const program = programSource(context, primary);
  const sum = context.known(FETCH_FIRST, 'sha256', HERE);
  const size = context.known(FETCH_FIRST, 'bytes', HERE);
  const which = typeof sum === 'string' ? ` (${bytes(Number(size))}, sha256 ${sum.slice(0, 16)})` : '';
  return `; installs on ${primary}, a new machine, the K3s ${program?.version ?? ''} of ${program?.says ?? 'nobody'}${which} with ${settingsSource(context, primary)?.says ?? 'no settings'} and the token that opens the snapshot, and keeps it from starting`;
}

/** Before anything is placed: does the program run there, are the settings those of the cluster, what is not known of them. */
export function firstChecks(context: StepContext): GateCheck[] {
  const primary = primaryName(context);
  return neededK3s(context, primary) ? [archCheck(primary), settingsCheck(primary)] : [];
}

/** The program itself says for which machines it is made; where it cannot be told, the host it came from does. */
const archCheck = (host: string): GateCheck => ({
  title: 'the program is for its architecture',
  host,
  question: {
    ask: (context) => {
      const from = programSource(context, host)?.from;
      return [
        look(['uname', '-m'], { root: false }),
        look(['uname', '-m'], { root: false, on: from === undefined || from === HERE ? host : from }),
      ];
    },
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const own = at(answers, 0).stdout.trim();
      const told = context.known(FETCH_FIRST, 'arch', HERE);
      const program = typeof told === 'string' ? told : at(answers, 1).stdout.trim();
      return own === program
        ? yes([own])
        : failed([
            `${host} is ${own}, the program is for ${program}: name a file for ${own} (k3s: program in cluster.yaml)`,
          ]);
    },
  },
});

/** Settings in which servers must agree, and what the snapshot does not tell. */
const settingsCheck = (host: string): GateCheck => ({
  title: 'has the settings of the snapshot’s servers',
  host,
  question: {
    ask: (context) => {
      const source = settingsSource(context, host);
      return source?.kind === 'host'
        ? [{ kind: 'task', task: 'k3s.critical', input: { from: source.from }, again: 'harmless' }]
        : [];
    },
    judge: (answers, context) => {
      const source = settingsSource(context, host);
      if (source === undefined)
        return failed(['no server has settings, and no Node of the snapshot tells any: install K3s there by hand']);
      if (source.kind === 'host' && at(answers, 0).code !== 0)
        return failed([at(answers, 0).stderr.trim() || at(answers, 0).stdout.trim() || 'its settings cannot be read']);
      const own =
        source.kind === 'host'
          ? (JSON.parse(at(answers, 0).stdout) as Record<string, string>)
          : criticalArguments(source.args);
      const differ = (provenBackup(context)?.nodes ?? []).flatMap((node) =>
        node.args?.[0] !== 'server'
          ? []
          : criticalDifferences(own, criticalArguments(node.args)).map((one) => `${node.name}: ${one}`),
      );
      if (differ.length > 0)
        return failed([`${source.says} differ from what the snapshot’s servers had: ${differ.slice(0, 4).join('; ')}`]);
      const { masked } = source.kind === 'snapshot' ? firstSettings(source.args) : { masked: [] };
      return yes([
        source.says,
        ...(masked.length === 0
          ? []
          : [`masked in the snapshot, asked for when they are placed: ${masked.join(', ')}`]),
        ...(source.kind === 'snapshot'
          ? ['variables of its unit (a proxy, for instance) are not in the snapshot']
          : []),
      ]);
    },
  },
});
