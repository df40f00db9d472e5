/** Reading `systemctl show`. */

/** The properties that tell how a K3s unit is. */
export const UNIT_PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'UnitFileState',
  'MainPID',
  'NRestarts',
  'ExecMainStatus',
  'ActiveEnterTimestamp',
  'InactiveExitTimestamp',
  'AssertResult',
  'DropInPaths',
  'ExecStart',
] as const;

export interface UnitState {
  /** `loaded`, `not-found`, `masked`. */
  readonly load: string;
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly enabled: string;
  readonly mainPid: number;
  /** Automatic restarts since the last start by hand (R44). */
  readonly restarts: number;
  readonly exitStatus: number;
  /** Seconds since the epoch, or null when it never was. */
  readonly activeSince: number | null;
  /** When it last left `inactive`: the start of the current try. */
  readonly startedAt: number | null;
  readonly dropIns: readonly string[];
  /** Program and arguments of ExecStart. */
  readonly execStart: readonly string[];
}

/** `Key=Value` lines as a map; a value may contain `=`. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) properties.set(line.slice(0, at), line.slice(at + 1));
  }
  return properties;
}

/** `Sun 2026-11-22 10:11:35 UTC` (asked for with `TZ=UTC`) or `@1795342295`, as seconds since the epoch. */
export function parseTimestamp(text: string | undefined): number | null {
  if (text === undefined || text === '' || text === 'n/a') return null;
  const unix = /^@(\d+)/.exec(text);
  if (unix?.[1] !== undefined) return Number(unix[1]);
  const long = /^\w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? UTC$/.exec(text);
  if (long === null) return null;
  return Math.floor(Date.parse(`${long[1]}T${long[2]}Z`) / 1000);
}

/** The arguments inside `ExecStart={ path=… ; argv[]=… ; ignore_errors=… }`. systemd joins them with spaces, so one with a space in it is lost. */
export function parseExecStart(text: string | undefined): string[] {
  const argv = /argv\[\]=(.*?) ; ignore_errors=/.exec(text ?? '')?.[1];
  return argv === undefined ? [] : argv.split(' ').filter((word) => word !== '');
}

export function parseUnit(text: string): UnitState {
  const properties = parseProperties(text);
  const word = (name: string): string => properties.get(name) ?? '';
  const number = (name: string): number => Number(properties.get(name) ?? '0') || 0;
  return {
    load: word('LoadState'),
    active: word('ActiveState'),
    sub: word('SubState'),
    result: word('Result'),
    enabled: word('UnitFileState'),
    mainPid: number('MainPID'),
    restarts: number('NRestarts'),
    exitStatus: number('ExecMainStatus'),
    activeSince: parseTimestamp(properties.get('ActiveEnterTimestamp')),
    startedAt: parseTimestamp(properties.get('InactiveExitTimestamp')),
    dropIns: word('DropInPaths')
      .split(' ')
      .filter((path) => path !== ''),
    execStart: parseExecStart(properties.get('ExecStart')),
  };
}

/** A crash loop never says `failed`: it alternates between these two with a growing restart count (R44). */
export function looksLikeCrashLoop(unit: UnitState): boolean {
  return unit.active === 'activating' && (unit.sub === 'auto-restart' || unit.restarts >= 2);
}
