/**
 * When a snapshot was taken, by its name: the runbook's `snapshot-daily-YYYYMMDDHHMMSS.db.gpg` (UTC) and K3s' own
 * `etcd-snapshot-NODE-UNIX`, `on-demand-NODE-UNIX`, `X-NODE-UNIX`, with or without `.zip` (facts 2.4: the number after the last dash).
 * Milliseconds since the epoch; `undefined` when the name carries no plausible time.
 */
export function timeOfName(name: string): number | undefined {
  const base = name.replace(/^.*[/\\]/, '').replace(/\.(gpg|pgp|asc|zip|gz|db|part|snap)(?=\.|$)/g, '');
  const stamp = /(?:^|-)(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/.exec(base);
  if (stamp !== null) {
    const [year, month, day, hour, minute, second] = stamp.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const time = Date.UTC(year, month - 1, day, hour, minute, second);
    const back = new Date(time);
    // 20261131 would silently become 1 December.
    const real =
      back.getUTCMonth() === month - 1 && back.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
    return real && plausible(time) ? time : undefined;
  }
  const unix = /-(\d{9,11})$/.exec(base);
  const time = unix === null ? Number.NaN : Number(unix[1]) * 1000;
  return plausible(time) ? time : undefined;
}

function plausible(time: number): boolean {
  return time > Date.UTC(2014, 0) && time < Date.UTC(2100, 0);
}
