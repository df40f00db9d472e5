/** Times as they are written for people and in records: UTC, milliseconds since the epoch. */

/** `2026-11-22T03:14:07Z`. */
export const stamp = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

/** `03:14:07Z`. */
export const clock = (time: number): string => stamp(time).slice(11);

/** `2026-11-22 03:14:07Z`. */
export const second = (time: number): string => stamp(time).replace('T', ' ');

/** `2026-11-22 03:14Z`. */
export const minute = (time: number): string => `${second(time).slice(0, 16)}Z`;

/** A length of time: `1 h 14 m`, `2 m 05 s`, `9.3 s`. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} m`;
}
