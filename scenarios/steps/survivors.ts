import { namesOf } from '../../src/incident/cluster.js';
import type { TaskCommand } from '../../src/incident/command.js';
import type { JsonObject } from '../../src/incident/json.js';
import { type GateCheck, HERE, type Judgement, type Step, type StepContext } from '../../src/incident/step.js';
import { second } from '../../src/incident/times.js';
import { fetchInput, type ProvenBackup } from './fetch.js';
import { pathsOf, serversIn } from './hosts.js';
import { at, bytes, failed, minutes, no, seconds, yes } from './judge.js';
import { liveSnapshotOf } from './live.js';

/** The data that stopped servers still have: read on a copy, ranked, and what follows from it. */

/** What was read of one server's own etcd data. */
export interface Survivor {
  readonly host: string;
  /** Its structure is whole, so K3s can start on it. */
  readonly intact: boolean;
  /** Why not, or what else is odd, in sentences. */
  readonly problems: readonly string[];
  readonly bytes: number;
  readonly revision: number;
  /** Raft index up to which etcd would apply when it starts: what the database holds, and committed entries of its log beyond that. */
  readonly index: number;
  /** Raft term of the last of them. */
  readonly term: number;
  /** Entries of the log beyond the database; null where the log could not be read. */
  readonly beyond: number | null;
  /** Seconds since the epoch: when the database was last written. */
  readonly written: number | null;
  /** 12 digits of the token that opens its bootstrap data; null when none at hand does. */
  readonly tokenHash: string | null;
  readonly caHash: string | null;
  readonly clusterUid: string | null;
  readonly members: readonly string[];
  readonly objects: Readonly<Record<string, number>>;
  readonly nodes: readonly { readonly name: string; readonly version: string }[];
  readonly wakes: readonly string[];
}

const READ = 'survivor.read';

const task = (name: string, context: StepContext): TaskCommand => ({
  kind: 'task',
  task: name,
  input: { host: context.host, etcd: pathsOf(context).etcd } satisfies JsonObject,
  again: 'harmless',
});

/** What was read of a server in this run; undefined before. */
export function survivorOf(context: StepContext, host: string): Survivor | undefined {
  const known = context.known(readSurvivor.id, 'survivor', host);
  return known === undefined ? undefined : (known as unknown as Survivor);
}

export const readSurvivor: Step = {
  id: 'survivor',
  title: 'Read its data on a copy',
  runbook: 'Scenario 2, step 1: identify a surviving master node with intact etcd data',
  effect: 'observe',
  why: 'Which server has the most, and whether it is whole, is seen before anything is reset. The copy is read on this machine and removed; nothing is opened in its place.',
  when: (context) =>
    context.facts(context.host).data?.datastore === 'etcd'
      ? { run: 'yes' }
      : { run: 'no', because: 'there is no etcd data' },
  done: {
    ask: (context) => [task('survivor.have', context)],
    judge: (answers) => {
      const answer = at(answers, 0);
      if (answer.code !== 0) return no('not read in this run yet');
      const survivor = JSON.parse(answer.stdout) as Survivor & JsonObject;
      return yes([describe(survivor)], { survivor });
    },
  },
  run: (context) => [task(READ, context)],
  pollMs: 500,
  expectMs: seconds(5),
  withinMs: minutes(30),
  undo: { none: 'it only looks' },
  lookup: [],
  skippable: 'A server whose data cannot be read is not a candidate; the others can be.',
};

const number = (value: number): string => value.toLocaleString('en');

/** One server's data in a line. */
export function describe(survivor: Survivor): string {
  if (!survivor.intact) return `damaged: ${survivor.problems[0] ?? 'its structure is not whole'}`;
  const written = survivor.written === null ? '' : `, written ${second(survivor.written * 1000)}`;
  const beyond = survivor.beyond === null ? ' (its log was not read)' : '';
  return `sound, revision ${number(survivor.revision)}, raft index ${number(survivor.index)} of term ${survivor.term}${beyond}, ${bytes(survivor.bytes)}${written}`;
}

/** Sound data first; among them as etcd elects: the later term, then the longer log; then the higher revision. */
export function ranked(context: StepContext): Survivor[] {
  return serversIn(context)
    .flatMap((name) => survivorOf(context, name) ?? [])
    .sort(
      (a, b) => Number(b.intact) - Number(a.intact) || b.term - a.term || b.index - a.index || b.revision - a.revision,
    );
}

/** Servers whose data was not read though they have some. */
const unread = (context: StepContext): string[] =>
  serversIn(context).filter(
    (name) => survivorOf(context, name) === undefined && context.facts(name).data?.datastore === 'etcd',
  );

/** How many voters the cluster counts, as its own data have it; else as the inventory has it. */
const votersBefore = (context: StepContext): number =>
  Math.max(ranked(context)[0]?.members.length ?? 0, namesOf(context.cluster, 'server').length);

/** Sound data on a majority: they do not need a reset, they need to be started. */
function noMajority(context: StepContext): Judgement {
  const sound = ranked(context).filter((one) => one.intact);
  const voters = votersBefore(context);
  const needed = Math.floor(voters / 2) + 1;
  if (sound.length < needed || voters === 1)
    return yes([`${sound.length} of ${voters} servers are here with sound data, ${needed} would be a quorum`]);
  return failed(
    [
      `${sound.map((one) => one.host).join(', ')} have sound data: ${sound.length} of ${voters} are a quorum by themselves`,
    ],
    {
      left: 'they are stopped and held; nothing was reset',
      next: 'Undo lifts the holds and starts them again: quorum comes back and nothing is lost. Skip this, with the reason, only where they cannot reach each other.',
      lookup: ['2'],
    },
  );
}

/** What all servers that were read have to say together, looked at again until the reset has begun. */
const judgedTogether = {
  effect: 'observe',
  holdsUntil: ['reset-membership'],
  judgesAll: true,
  pollMs: 1000,
  expectMs: seconds(1),
  withinMs: minutes(1),
  undo: { none: 'it only looks' },
} as const satisfies Partial<Step>;

export const checkMajority: Step = {
  ...judgedTogether,
  id: 'no-majority',
  title: 'A reset is really needed',
  runbook: 'Scenario 2: quorum is lost',
  why: 'When a majority is here with sound data after all, starting them loses nothing; a reset would throw the others out.',
  done: { ask: () => [], judge: (_answers, context) => noMajority(context) },
  lookup: ['2'],
  skippable:
    'Only where it is known that these servers cannot form a quorum together, for instance because they cannot reach each other.',
};

/** Snapshots that etcd itself gave while it ran: a copy of the same data, taken a little earlier. */
const alsoLive = (context: StepContext): string[] =>
  serversIn(context).flatMap((name) => {
    const live = liveSnapshotOf(context, name);
    return live === undefined
      ? []
      : [`${name} also has what its etcd gave while it ran: ${live.path}, ${bytes(live.bytes)}`];
  });

/** How such a snapshot gets among the backups that can be chosen: those are looked for where K3s keeps its own. */
function restoreLive(context: StepContext): string {
  const name = serversIn(context).find((host) => liveSnapshotOf(context, host) !== undefined);
  const live = name === undefined ? undefined : liveSnapshotOf(context, name);
  return name === undefined || live === undefined
    ? ''
    : `What etcd of ${name} gave while it ran may be newer than any backup: cp ${live.path} ${pathsOf(context, name).snapshots}/ there puts it on the list, where it is proven first. `;
}

/** Whether the chosen server's data is sound, and how it stands among the others. */
function chosenIsSound(context: StepContext): Judgement {
  const order = ranked(context);
  const sound = order.filter((one) => one.intact);
  const [best] = sound;
  const lines = order.map((one, index) => `${index + 1}. ${one.host}: ${describe(one)}`);
  const silent = [...unread(context).map((name) => `${name}: not read`), ...alsoLive(context)];
  if (best === undefined) {
    return failed(['no server that answers has sound etcd data', ...lines, ...silent], {
      left: 'every server is stopped, held and saved; nothing was reset',
      next: `Go on as Full restore: the holds and the copies stay, nothing is stopped twice. ${restoreLive(context)}Undo lifts the holds.`,
      handOver: 'full-restore',
    });
  }
  const chosen = order.find((one) => one.host === context.choices.primary);
  if (chosen?.intact !== true) {
    return failed([`${context.choices.primary ?? 'no server'} is chosen, and its data is not sound`, ...lines], {
      left: 'nothing was reset',
      next: `Choose ${best.host} (${describe(best)}).`,
    });
  }
  const behind =
    chosen.host === best.host
      ? []
      : [`${chosen.host} is chosen although ${best.host} has more: what only that one has will be lost`];
  return yes([...behind, ...lines, ...silent]);
}

export const rankSurvivors: Step = {
  ...judgedTogether,
  id: 'rank',
  title: 'The best data is chosen',
  runbook: 'Scenario 2, step 2: use the surviving server with intact etcd data as the restore base',
  why: 'Whatever a server has beyond the chosen one is gone after the reset.',
  dependsOn: ['primary'],
  done: { ask: () => [], judge: (_answers, context) => chosenIsSound(context) },
  lookup: [],
};

/** The newest backup, proven to be compared with; that it cannot be had never stands in the way of a reset that needs none. */
export const newestBackup: Step = {
  id: 'newest-backup',
  title: 'Prove the newest backup, to compare',
  runbook: 'Scenario 2, step 3: where no server survives intact, a backup is needed',
  effect: 'observe',
  why: 'A server that fell behind long ago may hold less than the newest backup; then the backup is the better choice.',
  early: true,
  dependsOn: ['snapshot'],
  when: (context) =>
    context.choices.snapshot === undefined
      ? { run: 'no', because: 'no backup is at hand to compare with' }
      : { run: 'yes' },
  done: {
    ask: (context) => [{ kind: 'task', task: 'backup.fetch', input: fetchInput(context), again: 'harmless' }],
    judge: (answers) => {
      const answer = at(answers, 0);
      if (answer.code !== 0)
        return yes([`not compared: ${answer.stderr.trim() || answer.stdout.trim() || 'no answer'}`]);
      const { name, revision, takenAt, identity } = JSON.parse(answer.stdout) as ProvenBackup;
      if (identity === 'another-cluster') return yes([`not compared: ${name} is of another cluster`]);
      return yes(
        [`${name}: revision ${number(revision)}${takenAt === null ? '' : `, taken ${second(takenAt * 1000)}`}`],
        {
          name,
          revision,
        },
      );
    },
  },
  pollMs: 500,
  expectMs: seconds(10),
  withinMs: minutes(3),
  undo: { none: 'nothing on any node was changed' },
  lookup: [],
  skippable: 'It is only compared with.',
};

/** Whether the newest backup holds more than the server that is to be kept. */
function backupIsOlder(context: StepContext): Judgement {
  const revision = context.known(newestBackup.id, 'revision', HERE);
  const chosen = survivorOf(context, context.choices.primary ?? '');
  if (typeof revision !== 'number' || chosen === undefined) return yes(['there is no proven backup to compare with']);
  const name = String(context.known(newestBackup.id, 'name', HERE));
  const ahead = revision - chosen.revision;
  if (ahead <= 0) return yes([`${number(-ahead)} revisions more than ${name}`]);
  return failed(
    [
      `the backup ${name} holds ${number(ahead)} revisions more than ${chosen.host} (${number(revision)} against ${number(chosen.revision)})`,
    ],
    {
      left: 'every server is stopped, held and saved; nothing was reset',
      next: `Go on as Full restore, which loses less. Skip this, with the reason, to keep the data of ${chosen.host} all the same.`,
      handOver: 'full-restore',
    },
  );
}

export const compareBackup: Step = {
  ...judgedTogether,
  id: 'compare-backup',
  title: 'It holds more than the newest backup',
  runbook: 'Scenario 2 or scenario 3: whichever loses less',
  why: 'Revisions count every change the cluster ever made; the higher one has seen more.',
  dependsOn: ['primary', 'snapshot'],
  done: { ask: () => [], judge: (_answers, context) => backupIsOlder(context) },
  lookup: [],
  skippable: 'Only where what the backup holds beyond it is known to be worthless.',
};

/** The ranking at the gate, made again from what was read. */
export const soundCheck: GateCheck = {
  title: 'the chosen server has sound data',
  host: HERE,
  question: rankSurvivors.done,
};

/** The server with the best data that was read; before that, the one that looks best from outside. */
export function suggestSurvivor(context: StepContext, fits: (host: string) => boolean): string | undefined {
  const [best] = ranked(context).filter((one) => one.intact);
  if (best !== undefined) return best.host;
  const candidates = serversIn(context).filter((name) => fits(name) && context.facts(name).data?.datastore === 'etcd');
  const running = candidates.filter((name) => context.facts(name).service?.unit.crashLoop !== true);
  const pool = running.length > 0 ? running : candidates;
  // Databases are written all the time: what was suggested stays as long as it is as good as any.
  if (pool.includes(context.choices.primary ?? '')) return context.choices.primary;
  const written = (name: string): number => context.facts(name).data?.dbModified ?? 0;
  return pool.sort((a, b) => written(b) - written(a))[0];
}
