import { userInfo } from 'node:os';
import type { Every, MaintenanceStatus } from '../../../scenarios/maintenance.js';
import { type ChecklistSeen, type ItemStatus, itemStatuses } from '../../../scenarios/pre-restore.js';
import { type Backup, suggested } from '../../backups/index.js';
import { systemClock } from '../../base/clock.js';
import { EXIT, ProblemError } from '../../base/problem.js';
import { contextOf } from '../../incident/state.js';
import { HERE } from '../../incident/step.js';
import { type VerificationRow, verificationSummary } from '../../incident/verification.js';
import type { Inventory } from '../../inventory/types.js';
import { openHosts } from '../../remote/hosts.js';
import { clusterOf } from '../cluster-of.js';
import { hostsPort } from '../hosts-port.js';
import { Ledger } from '../ledger.js';
import { lookedAtState } from '../looked-at.js';
import { Maintenance } from '../maintenance.js';
import { err, json, out } from '../output.js';
import { stateDir } from '../places.js';
import { verifiable, verifyCluster } from '../verification.js';
import { type InventoryOption, inventoryOf, listOnce, lookOnce, withSpool } from './shared.js';

interface Options extends InventoryOption {
  readonly tick?: string;
  readonly words?: string;
  readonly json: boolean;
}

const LISTS = ['pre-restore', 'weekly', 'monthly', 'quarterly', 'after-restore'] as const;

/** The runbook's lists: how every item stands. Exit 0 when nothing is open, 1 when something is, 3 when nobody can tell. */
export async function checklistCommand(list: string | undefined, options: Options): Promise<number> {
  if (list !== undefined && !LISTS.some((one) => one === list))
    throw usage(
      `There is no list ${list}.`,
      `One of: ${LISTS.join(', ')}; without a name: weekly, monthly and quarterly.`,
    );
  const inventory = await inventoryOf(options);
  if (options.tick !== undefined) return tick(options.tick, options.words, inventory, options.json);
  if (list === 'pre-restore') return preRestoreList(inventory, options.json);
  if (list === 'after-restore') return afterRestoreList(inventory, options.json);
  return maintenanceList(list as Every | undefined, inventory, options.json);
}

function tick(item: string, words: string | undefined, inventory: Inventory, asJson: boolean): number {
  if (!Maintenance.knows(item)) throw usage(`There is no item ${item}.`, 'Their names: blackstart checklist --json');
  if (words === undefined || words.trim() === '')
    throw usage(
      'A tick needs words: what was done.',
      `Example: blackstart checklist --tick ${item} --words "called everybody"`,
    );
  const by = userInfo().username;
  if (!new Maintenance(stateDir(), inventory).tick(item, by, words.trim(), systemClock.now()))
    throw new ProblemError(
      {
        id: 'not-kept',
        what: `The tick could not be written to ${stateDir()}.`,
        next: 'Look at its permissions and its free space.',
      },
      EXIT.unreachable,
    );
  if (asJson) json({ item, by, words: words.trim() });
  else out(`${item}: ticked by ${by}, “${words.trim()}”`);
  return EXIT.ok;
}

const MARK = { done: 'ok     ', overdue: 'overdue', wrong: 'WRONG  ' } as const;

async function maintenanceList(every: Every | undefined, inventory: Inventory, asJson: boolean): Promise<number> {
  const listing = await listOnce(inventory);
  const backups = 'backups' in listing ? listing.backups : undefined;
  const problem = 'problem' in listing ? listing.problem : undefined;
  const now = systemClock.now();
  const all = new Maintenance(stateDir(), inventory).statuses(backups, now);
  const rows = all.filter((one) => every === undefined || one.item.every === every);
  const open = rows.filter((one) => one.state !== 'done').length;
  if (asJson)
    json({
      cluster: inventory.cluster,
      open,
      ...(problem === undefined ? {} : { storage: problem }),
      items: rows.map(({ item, state, last, look }) => ({
        id: item.id,
        list: item.every,
        title: item.title,
        state,
        last:
          last === undefined
            ? null
            : { at: new Date(last.at).toISOString(), by: last.by, how: last.how, words: last.words },
        seen: look?.text ?? null,
        how: item.how,
      })),
    });
  else {
    if (problem !== undefined) err(`The storage could not be looked at: ${problem}`);
    for (const list of ['weekly', 'monthly', 'quarterly'] as const) {
      const own = rows.filter((one) => one.item.every === list);
      if (own.length > 0) out(`${list[0]?.toUpperCase()}${list.slice(1)}`);
      for (const row of own) for (const line of maintenanceLines(row, now)) out(`  ${line}`);
    }
    out(
      open === 0
        ? 'Nothing is open.'
        : `${open} open. Tick one with: blackstart checklist --tick ITEM --words "what was done"`,
    );
  }
  return open === 0 ? EXIT.ok : EXIT.no;
}

function maintenanceLines({ item, state, last, look }: MaintenanceStatus, now: number): string[] {
  const when =
    last === undefined ? 'never' : `${Math.floor((now - last.at) / 86_400_000)} d ago by ${last.by}: ${last.words}`;
  return [
    `${MARK[state]}  ${item.id.padEnd(17)} ${item.title}`,
    ...(state === 'wrong' && look !== undefined ? [`         seen now: ${look.text}`] : []),
    `         last: ${when}`,
    ...(state === 'done' ? [] : [`         how: ${item.how}`]),
  ];
}

async function preRestoreList(inventory: Inventory, asJson: boolean): Promise<number> {
  const [facts, listing] = await Promise.all([lookOnce(inventory), listOnce(inventory)]);
  const backups = 'backups' in listing ? listing.backups : undefined;
  const looked = systemClock.now();
  const newest = suggested(backups ?? []);
  const state = lookedAtState(inventory, facts, newest === undefined ? {} : { snapshot: newest.id });
  const seen: ChecklistSeen = {
    state,
    context: contextOf(state, HERE, 1, true),
    needed: undefined,
    backups: backups?.length,
    listedAt: backups === undefined ? undefined : looked,
    backupsProblem: 'problem' in listing ? listing.problem : undefined,
    lookedAt: Object.fromEntries(Object.keys(facts).map((name) => [name, looked])),
    documented: undefined,
    copies: {},
  };
  const proof = new Ledger(stateDir(), inventory.cluster).entries().find((one) => one.own && one.id === newest?.id);
  const rows = itemStatuses(seen).map((row) => fromLedger(row, newest, proof?.provenAt));
  // What the console does once a scenario is chosen is not open yet.
  const open = rows.filter((row) => !row.met && !LATER.has(row.item.id)).length;
  if (asJson)
    json({
      cluster: inventory.cluster,
      open,
      items: rows.map(({ item, met, how, evidence, at }) => ({
        id: item.id,
        title: item.title,
        met,
        how: item.needsWord && !met ? 'word' : how,
        evidence,
        at: at === undefined ? null : new Date(at).toISOString(),
      })),
    });
  else {
    for (const { item, met, evidence } of rows) out(`${met ? '[x]' : '[ ]'} ${item.title}\n      ${evidence}`);
    out('Nothing is recorded here; the console keeps it in the run: blackstart');
  }
  return open === 0 ? EXIT.ok : EXIT.no;
}

const LATER = new Set(['workloads', 'documented', 'current-data']);

/** Without a run nothing is proven now; what was proven lately on this machine is worth saying. */
function fromLedger(row: ItemStatus, newest: Backup | undefined, provenAt: number | undefined): ItemStatus {
  if (newest === undefined || !['backup-identified', 'passphrase'].includes(row.item.id)) return row;
  const name = row.item.id === 'passphrase' ? 'it opened' : 'the newest is';
  return provenAt === undefined
    ? { ...row, met: false, underWay: false, evidence: `${newest.id} is not proven yet: blackstart verify --latest` }
    : { ...row, met: true, evidence: `${name} ${newest.id}, proven on this machine`, at: provenAt };
}

async function afterRestoreList(inventory: Inventory, asJson: boolean): Promise<number> {
  return withSpool('checklist', async (_spool, signal) => {
    const facts = await lookOnce(inventory);
    const state = lookedAtState(inventory, facts, {});
    const server = verifiable(state);
    if (server === undefined)
      throw new ProblemError(
        { id: 'no-api', what: 'No server says that its API is ready.', next: 'See: blackstart status' },
        EXIT.unreachable,
      );
    const hosts = openHosts(inventory, { warn: err, clock: systemClock });
    try {
      const port = hostsPort({
        host: (name) => hosts.get(name),
        mono: () => systemClock.mono(),
        token: noSecret,
      });
      const rows = await verifyCluster(state, server, port, signal);
      if (asJson) json({ cluster: clusterOf(inventory).name, asked: server, rows });
      else for (const line of verificationText(rows)) out(line);
      return rows.some((row) => row.result === 'fail') ? EXIT.no : EXIT.ok;
    } finally {
      await hosts.closeAll();
    }
  });
}

/** Checks only ask: nothing of theirs needs a secret or makes a file. */
const noSecret = (): never => {
  throw new Error('a check puts nothing on a host');
};

function verificationText(rows: readonly VerificationRow[]): string[] {
  return [
    ...rows.flatMap((row) => [
      `${row.result.padEnd(8)} ${row.title}: ${row.seen}`,
      ...(row.next === undefined ? [] : [`         ${row.next}`]),
    ]),
    verificationSummary({ at: 0, rows }),
  ];
}

const usage = (what: string, next: string): ProblemError => new ProblemError({ id: 'usage', what, next }, EXIT.usage);
