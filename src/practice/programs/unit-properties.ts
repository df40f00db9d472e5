import type { PracticeNode } from '../node/node.js';
import type { Unit } from '../node/state.js';
import type { Parsed, Run } from './run.js';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

function stamp(ms: number, unix: boolean): string {
  if (ms === 0) return '';
  if (unix) return `@${Math.floor(ms / 1000)}`;
  const date = new Date(ms);
  return `${DAYS[date.getUTCDay()]} ${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} UTC`;
}

function properties(node: PracticeNode, unit: Unit, unix: boolean): [string, string][] {
  const { def } = unit;
  const argv = def.execStart.join(' ');
  const started = unit.execStartAt > 0 ? `[${stamp(unit.execStartAt, false)}]` : '[n/a]';
  const stopped = unit.execExitAt > 0 ? `[${stamp(unit.execExitAt, false)}]` : '[n/a]';
  const code = unit.execExitAt === 0 ? '(null)' : unit.execCode === 1 ? 'exited' : 'killed';
  return [
    ['Type', def.type],
    ['Restart', def.restart ? 'always' : 'no'],
    ['RestartUSec', def.restartMs >= 1000 ? `${def.restartMs / 1000}s` : `${def.restartMs}ms`],
    ['TimeoutStartUSec', def.type === 'notify' ? 'infinity' : '1min 30s'],
    ['RemainAfterExit', def.remain ? 'yes' : 'no'],
    ['MainPID', String(unit.mainPid)],
    ['ControlPID', '0'],
    ['StatusText', ''],
    ['Result', unit.result],
    ['NRestarts', String(unit.restarts)],
    ['ExecMainStartTimestamp', stamp(unit.execStartAt, unix)],
    ['ExecMainExitTimestamp', stamp(unit.execExitAt, unix)],
    ['ExecMainPID', String(unit.mainPid)],
    ['ExecMainCode', String(unit.execCode)],
    ['ExecMainStatus', String(unit.execStatus)],
    [
      'ExecStart',
      `{ path=${def.execStart[0] ?? ''} ; argv[]=${argv} ; ignore_errors=no ; start_time=${started} ; stop_time=${stopped} ; pid=${unit.mainPid} ; code=${code} ; status=${unit.execStatus}/0 }`,
    ],
    ...def.environmentFiles.map((file): [string, string] => [
      'EnvironmentFiles',
      file.startsWith('-') ? `${file.slice(1)} (ignore_errors=yes)` : `${file} (ignore_errors=no)`,
    ]),
    [
      'Environment',
      Object.entries(def.environment)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ],
    ['KillMode', def.killMode],
    ['Id', unit.name],
    ['Names', unit.name],
    ['Description', def.description],
    ['LoadState', 'loaded'],
    ['ActiveState', unit.active],
    ['SubState', unit.sub],
    ['FragmentPath', def.fragment],
    ['DropInPaths', def.dropIns.join(' ')],
    ['UnitFileState', def.transient ? 'transient' : node.systemd.enabled(unit.name) ? 'enabled' : 'disabled'],
    ['StateChangeTimestamp', stamp(unit.changedAt, unix)],
    ['InactiveExitTimestamp', stamp(unit.inactiveExitAt, unix)],
    ['ActiveEnterTimestamp', stamp(unit.activeEnterAt, unix)],
    ['NeedDaemonReload', 'no'],
    ['AssertResult', unit.assertResult],
    ['Transient', def.transient ? 'yes' : 'no'],
    ['InvocationID', unit.invocation],
  ];
}

function missing(name: string): [string, string][] {
  return [
    ['MainPID', '0'],
    ['Result', 'success'],
    ['NRestarts', '0'],
    ['ExecMainCode', '0'],
    ['ExecMainStatus', '0'],
    ['Id', name],
    ['Names', name],
    ['Description', name],
    ['LoadState', 'not-found'],
    ['ActiveState', 'inactive'],
    ['SubState', 'dead'],
    ['FragmentPath', ''],
    ['DropInPaths', ''],
    ['UnitFileState', ''],
    ['InactiveExitTimestamp', ''],
    ['ActiveEnterTimestamp', ''],
    ['AssertResult', 'no'],
  ];
}

/** `systemctl show`: properties in systemd's own order (`a-healthy/node-1.systemctl-show.out`); unknown names print nothing. */
export async function showProperties(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  names: readonly string[],
): Promise<number> {
  const wanted = [...options.all('p'), ...options.all('property')].flatMap((text) => text.split(',')).filter(Boolean);
  const unix = options.get('timestamp') === 'unix';
  const blocks = names.map((name) => {
    const unit = node.systemd.unit(name);
    const all =
      unit === undefined ? missing(name.includes('.') ? name : `${name}.service`) : properties(node, unit, unix);
    return all
      .filter(([key]) => wanted.length === 0 || wanted.includes(key))
      .map(([key, value]) => (options.has('value') ? value : `${key}=${value}`))
      .join('\n');
  });
  await run.output.out(`${blocks.join('\n\n')}\n`);
  return 0;
}
