/** Who has the right to act on a cluster: one console at a time, shown to all others. */

export interface Holder {
  /** Of one console, drawn when it takes the lock. */
  readonly id: string;
  readonly operator: string;
  readonly machine: string;
  readonly run: string;
  /** Names the state directory it came from: a dead process of the same seat needs no gate. */
  readonly seat: string;
  /** When it was taken, ISO 8601, by the clock of the server it was read on. */
  readonly since: string;
  /** Its last sign of life, ISO 8601, by the same clock. */
  readonly lastSign: string;
  /** Seconds since then, by the same clock: clocks of different machines are never compared. */
  readonly silentFor: number;
  /** The server it was read on. */
  readonly on: string;
}

/** A lock without a sign of life for this long is stale; it is renewed six times as often. Seconds. */
export const STALE_AFTER_S = 60;

export const isStale = (holder: Holder): boolean => holder.silentFor > STALE_AFTER_S;

/** A server where lock or papers could not be written, and why. */
export interface Without {
  readonly host: string;
  readonly why: string;
}

/** Nobody acts any more: who did, and whether their record is in this console's reach or stands on the servers. */
export interface Vacancy {
  readonly operator: string;
  readonly machine: string;
  readonly run: string;
  /** Last sign of life, ISO 8601; empty: not known. */
  readonly lastSign: string;
  readonly in: 'record' | 'servers';
}

/** `alice on laptop (run 20261122-0314-7f3a, since 03:14:07Z)`. */
export const holderText = (holder: Holder): string =>
  `${holder.operator} on ${holder.machine} (run ${holder.run}, since ${isoClock(holder.since)})`;

/** `03:14:07Z` of an ISO 8601 time; what is none stays as it is. */
export const isoClock = (iso: string): string => (iso.length >= 19 ? `${iso.slice(11, 19)}Z` : iso);

/** `40 s`, `7 m`, `3 h`: how long something has been silent. */
export function silence(seconds: number): string {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} m`;
  return `${Math.round(seconds / 3600)} h`;
}

export type Readiness = 'fresh' | 'told' | 'certain';

export type Taken =
  | { readonly kind: 'ours'; readonly on: readonly string[]; readonly without: readonly Without[] }
  | { readonly kind: 'held'; readonly by: Holder }
  /** This run was gone on with by another console: its journal holds what this record does not. */
  | { readonly kind: 'elsewhere'; readonly operator: string; readonly machine: string; readonly lastSign: string };

/** The right to act, as the runner needs it: taken before the first gate opens, shown to be still ours before what matters is sent. */
export interface RightPort {
  /** Takes it where nobody has it; never takes it from anybody. A server that is out of reach does not stand in the way. */
  take(): Promise<Taken>;
  /** Takes it from this holder, unless another has it by now. */
  takeFrom(holder: Holder): Promise<Taken>;
  /**
   * Before something is sent. `fresh`: looks at the lock where the last look is too long ago. `told`: what was recorded stands in the
   * journal on the servers. `certain`: that, the papers, and the lock looked at just now.
   * @returns who has the right now, where it was lost
   */
  ready(how: Readiness): Promise<Holder | undefined>;
}
