import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { fullRestore } from '../../../scenarios/full-restore.js';
import { systemClock } from '../../base/clock.js';
import { EXIT, toProblem } from '../../base/problem.js';
import { contextOf } from '../../incident/state.js';
import { HERE } from '../../incident/step.js';
import type { SecretSource } from '../../inventory/secrets.js';
import type { Inventory } from '../../inventory/types.js';
import { unfinishedRun } from '../../record/runs.js';
import { openHosts } from '../../remote/hosts.js';
import { tokenHash } from '../../snapshot/index.js';
import { clusterOf } from '../cluster-of.js';
import { type DoctorRow, doctorRows, type Tried } from '../doctor-checks.js';
import { Ledger } from '../ledger.js';
import { lookedAtState } from '../looked-at.js';
import { Maintenance } from '../maintenance.js';
import { isSameCluster } from '../open-run.js';
import { err, json, out } from '../output.js';
import { statePlace } from '../places.js';
import { SecretBook } from '../secret-book.js';
import { Secrets } from '../secrets.js';
import { SudoCheck } from '../sudo-check.js';
import { suggestPrimary } from '../views.js';
import { type InventoryOption, inventoryOf, listOnce, lookOnce } from './shared.js';

const DEADLINE_MS = 60_000;

/** Everything that must be in place before an incident. Exit 0: a restore could begin now; 1: something is missing; 3: no host answers. */
export async function doctorCommand(options: InventoryOption & { readonly json: boolean }): Promise<number> {
  const inventory = await inventoryOf(options);
  const place = statePlace();
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const secrets = new Secrets(inventory, new SecretBook(), undefined, err);
  const [facts, listing, passphrase, token] = await Promise.all([
    lookOnce(inventory),
    listOnce(inventory),
    tried(inventory.passphrase, async () => ((await secrets.passphrase()) === undefined ? 'prompt' : 'read')),
    tried(inventory.token, async () => {
      const read = await secrets.token();
      return { hash: read === undefined ? undefined : tokenHash(read) };
    }),
  ]);
  const now = systemClock.now();
  const state = lookedAtState(inventory, facts, {});
  const answering = inventory.servers.find((server) => facts[server.name]?.reachable === true)?.name;
  const primary = suggestPrimary(contextOf(state, HERE, 1, true)) ?? answering;
  const { bavail, bsize } = statfsSync(place.directory);
  const rows = doctorRows({
    now,
    inventory,
    inventoryMode: statSync(inventory.file).mode,
    state,
    sudoRefuses:
      primary === undefined
        ? undefined
        : await sudoRefuses(inventory, { ...state, choices: { ...state.choices, primary } }),
    backups: 'backups' in listing ? { value: listing.backups } : listing,
    passphrase,
    token,
    proofs: new Ledger(place.directory, inventory.cluster).entries(),
    place: {
      directory: place.directory,
      free: bavail * bsize,
      ...(place.instead === undefined ? {} : { instead: place.instead }),
    },
    unfinished: unfinishedRun(place.directory, inventory.cluster, (one) =>
      isSameCluster(one.cluster, clusterOf(inventory)),
    )?.id,
    maintenance: new Maintenance(place.directory, inventory).statuses(
      'backups' in listing ? listing.backups : undefined,
      now,
    ),
  });
  const bad = rows.filter((row) => row.result === 'bad').length;
  if (options.json) json({ cluster: inventory.cluster, ok: bad === 0, rows });
  else print(rows, bad);
  if (bad === 0) return EXIT.ok;
  return Object.values(facts).some((one) => one.reachable) ? EXIT.no : EXIT.unreachable;
}

const MARK = { ok: 'ok  ', warn: 'warn', bad: 'BAD ' } as const;

function print(rows: readonly DoctorRow[], bad: number): void {
  for (const { title, result, seen, remedy } of rows) {
    out(`${MARK[result]}  ${title.padEnd(28)} ${seen}`);
    if (remedy !== undefined) out(`      ${''.padEnd(28)} ${remedy}`);
  }
  const warnings = rows.filter((row) => row.result === 'warn').length;
  const rest = warnings === 0 ? '' : ` ${warnings} ${warnings === 1 ? 'thing is' : 'things are'} worth a look.`;
  out(
    bad === 0
      ? `A restore could begin now.${rest}`
      : `${bad} ${bad === 1 ? 'thing' : 'things'} would stop a restore.${rest}`,
  );
}

/** A secret is read, never shown; one that is asked for is not asked for here. */
async function tried<Value>(
  source: SecretSource | undefined,
  read: () => Promise<Value>,
): Promise<Tried<Value | 'prompt'> | undefined> {
  if (source === undefined) return undefined;
  if (source.kind === 'prompt') return { value: 'prompt' };
  try {
    return { value: await read() };
  } catch (error) {
    const { what, next } = toProblem(error);
    return { problem: what, next };
  }
}

async function sudoRefuses(inventory: Inventory, state: ReturnType<typeof lookedAtState>): Promise<readonly string[]> {
  const hosts = openHosts(inventory, { warn: err, clock: systemClock });
  try {
    const sudo = new SudoCheck(hosts, AbortSignal.timeout(DEADLINE_MS));
    await sudo.check(fullRestore, state);
    return sudo.refuses.map((text) => text.replace(', then choose the scenario again', ''));
  } finally {
    await hosts.closeAll();
  }
}
