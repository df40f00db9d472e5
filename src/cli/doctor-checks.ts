import type { MaintenanceStatus } from '../../scenarios/maintenance.js';
import { notManaged, outside } from '../../scenarios/steps/fitness.js';
import { assess, type Backup } from '../backups/index.js';
import type { HostFacts } from '../incident/facts.js';
import { contextOf, type IncidentState } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import type { Inventory } from '../inventory/types.js';
import type { LedgerEntry } from './ledger.js';

/** What has to be in place before an incident, judged from what was seen. Pure: every row says how it is and, where it is not well, the remedy. */
export interface DoctorRow {
  readonly id: string;
  readonly title: string;
  /** `bad`: a restore would stop here. `warn`: it would be slower, or nobody can tell. */
  readonly result: 'ok' | 'warn' | 'bad';
  readonly seen: string;
  readonly remedy?: string;
}

/** A thing that was tried: what came of it, or why it failed. */
export type Tried<Value> = { readonly value: Value } | { readonly problem: string; readonly next: string };

export interface DoctorSeen {
  readonly now: number;
  readonly inventory: Inventory;
  /** Mode bits of the inventory file. */
  readonly inventoryMode: number;
  readonly state: IncidentState;
  /** What sudo would refuse of a full restore, in sentences; undefined where no server answers. */
  readonly sudoRefuses: readonly string[] | undefined;
  readonly backups: Tried<readonly Backup[]>;
  /** Which secrets could be read; undefined where none is configured. `prompt` is asked for when needed. */
  readonly passphrase: Tried<'read' | 'prompt'> | undefined;
  readonly token: Tried<'prompt' | { readonly hash: string | undefined }> | undefined;
  readonly proofs: readonly LedgerEntry[];
  /** Where records and spool go. */
  readonly place: { readonly directory: string; readonly free: number; readonly instead?: string };
  readonly unfinished: string | undefined;
  readonly maintenance: readonly MaintenanceStatus[];
}

type Verdict = Omit<DoctorRow, 'id' | 'title'>;

const ok = (seen: string): Verdict => ({ result: 'ok', seen });
const warn = (seen: string, remedy: string): Verdict => ({ result: 'warn', seen, remedy });
const bad = (seen: string, remedy: string): Verdict => ({ result: 'bad', seen, remedy });

const DAY = 86_400_000;
const CLOCK_MS = 1_000;
const gigabytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
const days = (ms: number): string => (ms < 2 * DAY ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / DAY)} d`);

export function doctorRows(seen: DoctorSeen): DoctorRow[] {
  const { inventory, state } = seen;
  const row = (id: string, title: string, verdict: Verdict): DoctorRow => ({ id, title, ...verdict });
  return [
    row('inventory', 'Inventory', inventoryRow(seen)),
    row('state', 'Records and spool', placeRow(seen)),
    row(
      'runs',
      'No unfinished run',
      seen.unfinished === undefined
        ? ok('none')
        : warn(`run ${seen.unfinished} is open`, 'Go on with it or end it: blackstart'),
    ),
    ...[...inventory.servers, ...inventory.agents].flatMap(({ name }) => hostRows(state, name)),
    row('sudo', 'Root on every host', sudoRow(seen)),
    row('clocks', 'Clocks agree', clocksRow(state)),
    row('storage', 'Storage of the backups', storageRow(seen)),
    row('passphrase', 'Passphrase', passphraseRow(seen)),
    row('token', 'Server token', tokenRow(seen)),
    row('proof', 'A backup was proven lately', proofRow(seen)),
    row(
      'contacts',
      'Contacts',
      inventory.contacts.length > 0
        ? ok(`${inventory.contacts.length} in the inventory`)
        : warn('none', 'Add contacts to the inventory: who is called when this does not help.'),
    ),
    row('maintenance', 'Maintenance lists', maintenanceRow(seen)),
  ];
}

function inventoryRow({ inventory, inventoryMode }: DoctorSeen): Verdict {
  const seen = `${inventory.file}: ${inventory.servers.length} servers, ${inventory.agents.length} agents`;
  if ((inventoryMode & 0o022) !== 0)
    return warn(
      `${seen}; others may write it`,
      `Whoever changes it chooses where commands go: chmod go-w ${inventory.file}`,
    );
  const even = inventory.servers.length % 2 === 0;
  return even
    ? warn(`${seen}; an even number of servers tolerates no more failures than one less`, 'Use 1, 3 or 5 servers.')
    : ok(seen);
}

function placeRow({ place, backups }: DoctorSeen): Verdict {
  const largest = 'value' in backups ? Math.max(0, ...backups.value.map((one) => one.size)) : 0;
  // The encrypted file and the snapshot in it may lie there at once, and a copy of each server's data.
  const need = Math.max(200e6, largest * 6);
  if (place.instead !== undefined)
    return bad(place.instead, 'Make the directory writable: a record in a temporary folder does not outlive a reboot.');
  return place.free < need
    ? bad(
        `${place.directory}: ${gigabytes(place.free)} free, ${gigabytes(need)} needed`,
        'Make room, or set XDG_STATE_HOME to a larger disk.',
      )
    : ok(`${place.directory}: ${gigabytes(place.free)} free`);
}

function hostRows(state: IncidentState, name: string): DoctorRow[] {
  const context = contextOf(state, HERE, 1, true);
  const facts = context.facts(name);
  const row = (verdict: Verdict): DoctorRow => ({ id: `host:${name}`, title: name, ...verdict });
  if (!facts.reachable) {
    const { what = 'no answer', next = 'Try: ssh' } = facts.problem ?? {};
    return [row(bad(what, next))];
  }
  const server = state.cluster.hosts.find((host) => host.name === name)?.role === 'server';
  const why = server ? outside(context, name) : notManaged(context, name);
  if (why.length > 0) return [row(bad(why.join(' '), 'Correct it, or take the host out of the inventory.'))];
  if (facts.lacks !== undefined)
    return [row(bad(`has no ${facts.lacks.join(', ')}`, `Install ${facts.lacks.join(', ')} there.`))];
  const need = server ? (facts.data?.dbBytes ?? 0) * 3 + 500e6 : 0;
  if (facts.diskFree !== undefined && facts.diskFree < need)
    return [
      row(
        bad(
          `${gigabytes(facts.diskFree)} free where the data lies, ${gigabytes(need)} needed for a reset`,
          'Make room on that disk.',
        ),
      ),
    ];
  const problems = facts.service?.problems ?? [];
  if (problems.length > 0) return [row(warn(problems.join(' '), 'Look at its K3s configuration.'))];
  return [row(ok(hostText(facts)))];
}

function hostText(facts: HostFacts): string {
  const parts = [
    facts.latencyMs === undefined ? 'answers' : `answers in ${Math.round(facts.latencyMs)} ms`,
    facts.service === undefined ? '' : `K3s ${facts.service.version}`,
    facts.diskFree === undefined ? '' : `${gigabytes(facts.diskFree)} free`,
    facts.held === true ? 'HELD' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function sudoRow({ sudoRefuses }: DoctorSeen): Verdict {
  if (sudoRefuses === undefined) return warn('no server answers', 'Get the hosts to answer first.');
  return sudoRefuses.length === 0
    ? ok('what a full restore sends would be run as root, on every host that answers')
    : bad(sudoRefuses.join(' '), 'Allow these programs in sudoers, then run doctor again.');
}

function clocksRow(state: IncidentState): Verdict {
  const offsets = Object.entries(state.facts).flatMap(([name, one]) =>
    one.clockOffsetMs === undefined ? [] : [{ name, ms: one.clockOffsetMs }],
  );
  if (offsets.length === 0) return warn('no host told its time', 'Get the hosts to answer first.');
  // The clock of this machine may be the wrong one: hosts are compared with each other.
  const [first, last] = [Math.min(...offsets.map((one) => one.ms)), Math.max(...offsets.map((one) => one.ms))];
  const off = offsets
    .filter((one) => Math.abs(one.ms) > CLOCK_MS)
    .map((one) => `${one.name} ${(one.ms / 1000).toFixed(1)} s`);
  if (last - first > CLOCK_MS)
    return warn(
      `${((last - first) / 1000).toFixed(1)} s apart (${off.join(', ')})`,
      'Certificates and etcd need clocks that agree: look at chrony or timesyncd there.',
    );
  return off.length === 0
    ? ok('within a second of this machine')
    : warn(
        `all differ from this machine (${off.join(', ')})`,
        'Set the clock of this machine: times in the record come from it.',
      );
}

function storageRow({ backups, now, inventory }: DoctorSeen): Verdict {
  if (inventory.bucket === undefined && inventory.snapshots === undefined)
    return bad(
      'the inventory names neither a bucket nor a folder',
      'Add bucket: or snapshots: to it (cluster.example.yaml shows how).',
    );
  if ('problem' in backups) return bad(backups.problem, backups.next);
  const health = assess(backups.value, now);
  if (health.age === undefined) return bad('it holds no backup', 'Look at the backup job: kubectl get cronjobs -A');
  const seen = `${backups.value.length} backups, the newest ${days(health.age)} old`;
  return health.age > 26 * 3_600_000 || health.gaps.length > 0
    ? warn(`${seen}${health.gaps.length > 0 ? ', with gaps' : ''}`, 'See which are missing: blackstart backups')
    : ok(seen);
}

function passphraseRow({ passphrase, backups }: DoctorSeen): Verdict {
  const encrypted = !('value' in backups) || backups.value.some((one) => one.encrypted);
  if (passphrase === undefined)
    return encrypted
      ? bad(
          'none is configured and backups are encrypted',
          'Add passphrase: env:NAME, file:PATH, command:… or prompt to the inventory.',
        )
      : ok('not needed: no backup is encrypted');
  if ('problem' in passphrase) return bad(passphrase.problem, passphrase.next);
  return passphrase.value === 'prompt'
    ? warn(
        'asked for when it is needed',
        'Whoever is on call at night must know it: say where it lies in a sealed envelope.',
      )
    : ok('can be read; whether it opens a backup shows: blackstart verify --latest');
}

function tokenRow({ token, state }: DoctorSeen): Verdict {
  const servers = Object.entries(state.facts).flatMap(([name, one]) =>
    one.service?.tokenHash === undefined || one.data === undefined ? [] : [{ name, hash: one.service.tokenHash }],
  );
  if (token === undefined)
    return warn(
      'not in the inventory: it is looked for on the hosts',
      'When all servers are gone nobody has it. Keep it off the cluster: token: file:PATH',
    );
  if ('problem' in token) return bad(token.problem, token.next);
  if (token.value === 'prompt')
    return warn('asked for when it is needed', 'Keep it where whoever is on call can find it.');
  const { hash } = token.value;
  if (hash === undefined)
    return bad('what is configured is no server token', 'It is the content of server/token on a server.');
  const others = servers.filter((one) => one.hash !== hash).map((one) => one.name);
  return others.length === 0
    ? ok(
        servers.length === 0
          ? 'can be read; no server told its own'
          : `the one that ${servers.map((one) => one.name).join(', ')} use`,
      )
    : bad(
        `not the one that ${others.join(', ')} use`,
        'Backups made since the token was changed need the new one: put it into the inventory, and keep the old one for older backups.',
      );
}

function proofRow({ proofs, now }: DoctorSeen): Verdict {
  const last = proofs.find((one) => one.own);
  if (last === undefined)
    return warn('never on this machine', 'Prove one now: blackstart verify --latest. And every night from cron.');
  const age = now - last.provenAt;
  const seen = `${last.id}, ${days(age)} ago`;
  return age > 8 * DAY ? warn(seen, 'Prove the newest: blackstart verify --latest') : ok(seen);
}

function maintenanceRow({ maintenance }: DoctorSeen): Verdict {
  const open = maintenance.filter((one) => one.state !== 'done');
  return open.length === 0 ? ok('nothing is open') : warn(`${open.length} items are open`, 'See: blackstart checklist');
}
