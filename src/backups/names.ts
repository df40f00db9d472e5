import { timeOfName } from '../snapshot/index.js';

/** `daily` and `weekly` by the runbook's naming, `k3s` by K3s' own (facts 2.4), `other` for anything else. */
export type BackupKind = 'daily' | 'weekly' | 'k3s' | 'other';

/** What a backup's file name tells. */
export interface BackupName {
  readonly kind: BackupKind;
  /** Milliseconds since the epoch, where the name carries a time. */
  readonly time: number | undefined;
  readonly encrypted: boolean;
  readonly zipped: boolean;
  /** K3s writes under `.part` until a snapshot is whole: never restore one. */
  readonly unfinished: boolean;
  /** The node K3s took it on, where the name tells. */
  readonly node: string | undefined;
}

const RUNBOOK = /^snapshot-(daily|weekly)-\d{14}\.db(?:\.gpg)?$/;
const K3S = /^(?:etcd-snapshot|on-demand)-(.+)-\d{9,11}(?:\.zip)?$/;
const K3S_NAMED = /^.+-\d{9,11}(?:\.zip)?$/;

/** Reads a file's or an S3 key's last part. */
export function readName(path: string): BackupName {
  const name = path.replace(/^.*\//, '');
  const unfinished = name.endsWith('.part');
  const whole = name.replace(/\.part$/, '');
  const bare = whole.replace(/\.(gpg|pgp|asc)$/, '');
  const runbook = RUNBOOK.exec(whole)?.[1];
  const node = K3S.exec(bare)?.[1];
  const kind = runbook === 'daily' || runbook === 'weekly' ? runbook : K3S_NAMED.test(bare) ? 'k3s' : 'other';
  return { kind, time: timeOfName(whole), encrypted: bare !== whole, zipped: bare.endsWith('.zip'), unfinished, node };
}

/**
 * The entry nearest to a time, and on a tie the older one (nothing written after the asked time). Entries without a time are left
 * out; `undefined` when none has one.
 */
export function nearest<T extends { readonly takenAt: number | undefined }>(
  entries: readonly T[],
  time: number,
): T | undefined {
  let best: T | undefined;
  let distance = Infinity;
  for (const one of entries) {
    if (one.takenAt === undefined) continue;
    const away = Math.abs(one.takenAt - time);
    if (away < distance || (away === distance && one.takenAt < (best?.takenAt ?? 0))) {
      best = one;
      distance = away;
    }
  }
  return best;
}

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const UNITS: Readonly<Record<string, number>> = { m: 60_000, min: 60_000, h: HOUR, d: DAY, w: 7 * DAY };

/**
 * A time as somebody types it, in UTC: `2026-11-22 02:00`, `2026-11-22`, `02:00` (the last one before now), `yesterday 14:30`, `today`,
 * ISO with an offset, `-3h`, `-2d`, `now`. Milliseconds since the epoch; `undefined` for anything else.
 */
export function parseTime(text: string, now: number): number | undefined {
  const typed = text.trim().toLowerCase();
  if (typed === 'now') return now;
  const back = /^-\s*(\d{1,5})\s*(min|m|h|d|w)$/.exec(typed);
  if (back !== null) return now - Number(back[1]) * (UNITS[back[2] ?? ''] ?? 0);
  const word = /^(today|yesterday)(?:[ t]+(\d{1,2}:\d{2}(?::\d{2})?))?$/.exec(typed);
  if (word !== null) {
    const midnight = Math.floor(now / DAY) * DAY - (word[1] === 'yesterday' ? DAY : 0);
    const clock = word[2] === undefined ? 0 : clockOf(word[2]);
    return clock === undefined ? undefined : midnight + clock;
  }
  const clock = clockOf(typed);
  if (clock !== undefined) {
    const today = Math.floor(now / DAY) * DAY + clock;
    return today <= now ? today : today - DAY;
  }
  const date =
    /^(\d{4})-(\d{2})-(\d{2})(?:[ t]+(\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(z|utc|[+-]\d{2}:?\d{2})?)?$/.exec(typed);
  if (date === null) return undefined;
  const [year, month, day] = date.slice(1, 4).map(Number) as [number, number, number];
  const midnight = Date.UTC(year, month - 1, day);
  const within = date[4] === undefined ? 0 : clockOf(date[4]);
  if (within === undefined || new Date(midnight).getUTCDate() !== day || new Date(midnight).getUTCMonth() !== month - 1)
    return undefined;
  return midnight + within - offsetOf(date[5]);
}

function clockOf(text: string): number | undefined {
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock === null) return undefined;
  const [hour, minute, second] = [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)];
  return hour < 24 && minute < 60 && second < 60 ? hour * HOUR + minute * 60_000 + second * 1000 : undefined;
}

function offsetOf(zone: string | undefined): number {
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? '');
  if (offset === null) return 0;
  return (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * HOUR + Number(offset[3]) * 60_000);
}
