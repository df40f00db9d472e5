/** Numbers as people read them. */

/** `0:09`, `12:41`, `1:02:03`. */
export function clockSpan(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1000));
  const seconds = String(whole % 60).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${seconds}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${seconds}`;
}

/** `00:09:12`, for the header. */
export function longSpan(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1000));
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** `41 G`, `413 M`: short, for columns. */
export function shortBytes(count: number): string {
  for (const [unit, size] of [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= size) return `${count >= size * 10 ? Math.round(count / size) : (count / size).toFixed(1)} ${unit}`;
  }
  return `${count} B`;
}

/** `2 s`, `6 m`, `3 h`, `2 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} m`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `+0.1s`; whole seconds from ten on. */
export function offset(ms: number): string {
  const seconds = ms / 1000;
  return `${seconds < 0 ? '-' : '+'}${Math.abs(seconds) < 10 ? Math.abs(seconds).toFixed(1) : Math.round(Math.abs(seconds))}s`;
}
