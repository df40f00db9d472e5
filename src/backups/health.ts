import type { Backup } from './catalogue.js';

const HOUR = 3600_000;
const DAY = 24 * HOUR;
/** The runbook's schedule: one backup a day (daily Monday to Saturday, weekly on Sunday), with time to run and upload. */
const BETWEEN = DAY + 2 * HOUR;
/** The runbook's retention in days. */
export const KEEP = { daily: 7, weekly: 30 } as const;

/** A stretch in which a backup should have been made and was not. Times in milliseconds. */
export interface Gap {
  readonly from: number;
  /** The next backup, or now. */
  readonly to: number;
  readonly missed: number;
}

/** Whether what retention promises is there. */
export interface Retention {
  readonly kept: number;
  /** How far back the oldest reaches, days. */
  readonly days: number;
  /** `short`: older ones are gone too early (or the schedule is younger than that); `overdue`: old ones are not removed. */
  readonly state: 'kept' | 'short' | 'overdue' | 'none';
}

/** What the catalogue says about the backups as a whole. */
export interface CatalogueHealth {
  /** Milliseconds since the newest one was taken. */
  readonly age: number | undefined;
  readonly gaps: readonly Gap[];
  readonly daily: Retention;
  readonly weekly: Retention;
  /** Newest size against the median of the ten before it: 1 is the same; `undefined` with fewer than three. */
  readonly sizeTrend: number | undefined;
  /** Backups of less than half or more than twice the median around them. */
  readonly oddSizes: readonly Backup[];
}

/** Reads age, gaps, retention and sizes off a catalogue. `now` in milliseconds. */
export function assess(backups: readonly Backup[], now: number): CatalogueHealth {
  const timed = backups.filter(
    (one): one is Backup & { takenAt: number } => one.takenAt !== undefined && !one.unfinished,
  );
  const scheduled = timed
    .filter((one) => one.kind === 'daily' || one.kind === 'weekly')
    .sort((a, b) => a.takenAt - b.takenAt);
  const newest = timed.reduce<number | undefined>((best, one) => Math.max(best ?? 0, one.takenAt), undefined);
  const sizes = scheduled.slice(-11).map((one) => one.size);
  const last = sizes.pop();
  const usual = median(sizes);
  const all = median(scheduled.map((one) => one.size));
  return {
    age: newest === undefined ? undefined : now - newest,
    gaps: gapsOf(
      scheduled.map((one) => one.takenAt),
      now,
    ),
    daily: retentionOf(scheduled, 'daily', now),
    weekly: retentionOf(scheduled, 'weekly', now),
    sizeTrend: last === undefined || usual === undefined || sizes.length < 2 ? undefined : last / usual,
    oddSizes:
      all === undefined || scheduled.length < 3
        ? []
        : scheduled.filter((one) => one.size < all / 2 || one.size > all * 2),
  };
}

/** Only as far back as dailies are kept: before that only Sundays remain. */
function gapsOf(times: readonly number[], now: number): Gap[] {
  const gaps: Gap[] = [];
  const since = now - KEEP.daily * DAY;
  for (let i = 0; i < times.length; i++) {
    const from = times[i] as number;
    const to = times[i + 1] ?? now;
    if (to - from > BETWEEN && to > since && from > since - DAY)
      gaps.push({ from, to, missed: Math.max(1, Math.round((to - from) / DAY) - (i + 1 < times.length ? 1 : 0)) });
  }
  return gaps;
}

function retentionOf(
  scheduled: readonly (Backup & { takenAt: number })[],
  kind: 'daily' | 'weekly',
  now: number,
): Retention {
  const own = scheduled.filter((one) => one.kind === kind);
  const oldest = own[0]?.takenAt;
  if (oldest === undefined) return { kept: 0, days: 0, state: 'none' };
  const days = (now - oldest) / DAY;
  const every = kind === 'daily' ? 2 : 8;
  const state = days > KEEP[kind] + every ? 'overdue' : days < KEEP[kind] - every ? 'short' : 'kept';
  return { kept: own.length, days, state };
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? undefined : sorted[Math.floor(sorted.length / 2)];
}
