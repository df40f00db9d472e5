/** The runbook's maintenance lists, in its words: what ticks itself where there is evidence, and what needs a person's word. */

export type Every = 'weekly' | 'monthly' | 'quarterly';

/** How long a tick holds: the period and a day or two of grace, milliseconds. */
const DAY = 86_400_000;
export const HOLDS: Readonly<Record<Every, number>> = { weekly: 8 * DAY, monthly: 33 * DAY, quarterly: 95 * DAY };

export interface MaintenanceItem {
  readonly id: string;
  readonly title: string;
  readonly every: Every;
  /** What is seen of it now; undefined where nothing can be seen. */
  look?(seen: MaintenanceSeen): Look | undefined;
  /** Said where a person has to do it. */
  readonly how: string;
}

/** `done`: it counts as done at that time. Otherwise what is wrong, or only a hint. */
export interface Look {
  readonly done: boolean;
  readonly at: number;
  readonly text: string;
}

/** What is known without asking anybody; parts that could not be had are undefined. */
export interface MaintenanceSeen {
  readonly now: number;
  readonly backups:
    | {
        readonly count: number;
        readonly bytes: number;
        /** Milliseconds since the newest. */
        readonly newestAge: number | undefined;
        /** Backups missing in the last week. */
        readonly missed: number;
        /** Newest size against the usual one. */
        readonly trend: number | undefined;
        readonly daily: 'kept' | 'short' | 'overdue' | 'none';
        readonly weekly: 'kept' | 'short' | 'overdue' | 'none';
      }
    | undefined;
  /** Drills that ended in a recovered cluster, played by a person, newest first. */
  readonly drills: readonly {
    readonly at: number;
    readonly seconds: number;
    readonly scenario: string;
    /** On hosts that are there to be overwritten, not on the practice cluster. */
    readonly real?: boolean;
  }[];
  /** The last backup of this cluster that was fetched, decrypted and opened with its token. */
  readonly proof: { readonly at: number; readonly id: string } | undefined;
  readonly contacts: number;
}

const size = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
const days = (ms: number): string => `${Math.max(0, Math.round(ms / DAY))} d`;
const hours = (ms: number): string => (ms < 2 * DAY ? `${Math.round(ms / 3_600_000)} h` : days(ms));

export const maintenance: readonly MaintenanceItem[] = [
  {
    id: 'backups-complete',
    title: 'Verify automated backups are completing successfully',
    every: 'weekly',
    how: 'blackstart backups; and every night from cron: blackstart verify --latest',
    look: ({ backups, now }) => {
      if (backups === undefined) return undefined;
      const { newestAge, missed, count } = backups;
      if (newestAge === undefined) return { done: false, at: now, text: 'no backup is listed' };
      const text = `${count} listed, the newest ${hours(newestAge)} old, ${missed === 0 ? 'none missing' : `${missed} missing this week`}`;
      return { done: missed === 0 && newestAge < 26 * 3_600_000, at: now, text };
    },
  },
  {
    id: 'storage-space',
    title: 'Check backup storage space utilization',
    every: 'weekly',
    how: 'look at the free space of the storage itself as well',
    look: ({ backups, now }) => {
      if (backups === undefined) return undefined;
      const { trend } = backups;
      const grown = trend === undefined ? '' : `; the newest is ${Math.round(trend * 100)} % of the usual size`;
      const text = `${backups.count} backups use ${size(backups.bytes)}${grown}`;
      return { done: trend === undefined || (trend > 0.5 && trend < 2), at: now, text };
    },
  },
  {
    id: 'retention',
    title: 'Review backup retention policy enforcement',
    every: 'weekly',
    how: 'dailies are kept 7 days, weeklies 30',
    look: ({ backups, now }) => {
      if (backups === undefined) return undefined;
      const said = { kept: 'kept', short: 'gone too early', overdue: 'not removed in time', none: 'none listed' };
      const text = `dailies (7 days): ${said[backups.daily]}; weeklies (30 days): ${said[backups.weekly]}`;
      return { done: backups.daily === 'kept' && backups.weekly === 'kept', at: now, text };
    },
  },
  {
    id: 'restore-test',
    title: 'Test restore procedure in development environment',
    every: 'monthly',
    how: 'blackstart drill, played to the end; better: Restore elsewhere on a cluster of its own (rehearsal: in its inventory)',
    look: ({ drills }) => {
      const last = drills[0];
      return last === undefined
        ? undefined
        : {
            done: true,
            at: last.at,
            text: `${last.real === true ? 'on real hosts' : 'drill'}: ${last.scenario}, recovered in ${Math.round(last.seconds)} s`,
          };
    },
  },
  {
    id: 'documentation',
    title: 'Update restore documentation with any procedural changes',
    every: 'monthly',
    how: 'and print a new plan for the paper folder: blackstart plan full-restore --format markdown',
  },
  {
    id: 'credentials',
    title: 'Verify encryption keys and access credentials are current',
    every: 'monthly',
    how: 'blackstart verify --latest tries the storage’s key, the passphrase and the token; blackstart doctor tries SSH and sudo',
    look: ({ proof }) =>
      proof === undefined ? undefined : { done: true, at: proof.at, text: `they fetched and opened ${proof.id}` },
  },
  {
    id: 'full-drill',
    title: 'Full disaster recovery drill with stakeholders',
    every: 'quarterly',
    how: 'blackstart drill --surprise with everybody at the table',
  },
  {
    id: 'contacts',
    title: 'Review and update emergency contact information',
    every: 'quarterly',
    how: 'call each number; the list is contacts in the inventory',
    look: ({ contacts, now }) =>
      contacts === 0 ? { done: false, at: now, text: 'the inventory names no contact at all' } : undefined,
  },
  {
    id: 'access-audit',
    title: 'Audit backup security and access controls',
    every: 'quarterly',
    how: 'who can read the bucket, the passphrase and the server token; who can log in as root',
  },
];

/** Somebody's word, or what was seen, at a time. */
export interface Tick {
  readonly item: string;
  readonly at: number;
  readonly by: string;
  readonly how: 'seen' | 'word';
  readonly words: string;
}

export interface MaintenanceStatus {
  readonly item: MaintenanceItem;
  /** `wrong`: it was looked at and is not as it should be. */
  readonly state: 'done' | 'overdue' | 'wrong';
  /** The last time it was done. */
  readonly last: Tick | undefined;
  /** What is seen of it now. */
  readonly look: Look | undefined;
}

/** How every item stands. A look that says done is newer than any word; one that says it is not outweighs them. */
export function maintenanceStatuses(seen: MaintenanceSeen, ticks: readonly Tick[]): MaintenanceStatus[] {
  return maintenance.map((item) => {
    const look = item.look?.(seen);
    const own = ticks.filter((tick) => tick.item === item.id);
    const looked: Tick[] =
      look?.done === true ? [{ item: item.id, at: look.at, by: 'blackstart', how: 'seen', words: look.text }] : [];
    const last = [...own, ...looked].sort((a, b) => b.at - a.at)[0];
    const current = last !== undefined && seen.now - last.at < HOLDS[item.every];
    const wrong = look !== undefined && !look.done && !(last?.how === 'word' && current);
    return { item, state: wrong ? 'wrong' : current ? 'done' : 'overdue', last, look };
  });
}
