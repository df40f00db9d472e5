import { formatEntry } from '../node/journal.js';
import type { PracticeNode } from '../node/node.js';
import type { Unit } from '../node/state.js';
import { type Parsed, type Program, parseOptions, type Run, UsageError } from './run.js';
import { showProperties } from './unit-properties.js';

const TABLE = {
  'no-block': false,
  'no-pager': false,
  now: false,
  runtime: false,
  force: false,
  f: false,
  quiet: false,
  q: false,
  value: false,
  all: false,
  a: false,
  'no-legend': false,
  plain: false,
  full: false,
  l: false,
  'no-ask-password': false,
  p: true,
  property: true,
  n: true,
  lines: true,
  type: true,
  t: true,
  state: true,
  timestamp: true,
  s: true,
  signal: true,
  'kill-whom': true,
  'kill-who': true,
  system: false,
  version: false,
} as const;

const full = (name: string): string => (/\.[a-z]+$/.test(name) && !name.endsWith('.') ? name : `${name}.service`);

async function blockUntil(node: PracticeNode, run: Run, unit: Unit, block: boolean): Promise<number> {
  if (!block) return 0;
  const job = unit.jobs;
  const result = await node.time.wait(
    () => (unit.jobs !== job ? 'canceled' : unit.jobResult === 'pending' ? undefined : unit.jobResult),
    run.signal,
  );
  if (result === 'done') return 0;
  if (result === 'assert') {
    await run.output.err(`Assertion failed on job for ${unit.name}.\n`);
    return 1;
  }
  if (result === 'canceled') {
    await run.output.err(`Job for ${unit.name} canceled.\n`);
    return 1;
  }
  const why =
    unit.result === 'protocol'
      ? 'the service did not take the steps required by its unit configuration'
      : 'the control process exited with error code';
  await run.output.err(
    `Job for ${unit.name} failed because ${why}.\nSee "systemctl status ${unit.name}" and "journalctl -xeu ${unit.name}" for details.\n`,
  );
  return 1;
}

async function stopAndWait(node: PracticeNode, run: Run, unit: Unit, block: boolean): Promise<void> {
  node.systemd.stop(unit);
  if (block) await node.time.wait(() => (['inactive', 'failed'].includes(unit.active) ? true : undefined), run.signal);
}

async function forEach(
  node: PracticeNode,
  run: Run,
  names: readonly string[],
  verb: string,
  act: (unit: Unit) => Promise<number> | number,
): Promise<number> {
  let code = 0;
  if (names.length === 0) throw new UsageError('Too few arguments.');
  for (const name of names) {
    const unit = node.systemd.unit(name);
    if (unit === undefined) {
      const why = verb === 'start' || verb === 'restart' ? 'not found' : 'not loaded';
      const doing = verb === 'reset-failed' ? 'reset failed state of unit' : verb;
      await run.output.err(`Failed to ${doing} ${full(name)}: Unit ${full(name)} ${why}.\n`);
      code = verb === 'reset-failed' ? 1 : 5;
    } else code = (await act(unit)) || code;
  }
  return code;
}

async function enable(node: PracticeNode, run: Run, names: readonly string[], on: boolean): Promise<number> {
  for (const name of names) {
    const unit = node.systemd.unit(name);
    const link = `/etc/systemd/system/multi-user.target.wants/${full(name)}`;
    const there = node.files().find(link, false) !== undefined;
    if (unit === undefined) {
      await run.output.err(`Failed to ${on ? 'enable' : 'disable'} unit: Unit file ${full(name)} does not exist.\n`);
      return 1;
    }
    if (on && !there) {
      node.files().mkdir('/etc/systemd/system/multi-user.target.wants', { parents: true });
      node.files().symlink(unit.def.fragment, link);
      await run.output.err(`Created symlink ${link} → ${unit.def.fragment}.\n`);
    } else if (!on && there) {
      node.files().remove(link);
      await run.output.err(`Removed "${link}".\n`);
    }
  }
  return 0;
}

async function mask(node: PracticeNode, run: Run, names: readonly string[], runtime: boolean): Promise<number> {
  for (const name of names.map(full)) {
    const path = `${runtime ? '/run' : '/etc'}/systemd/system/${name}`;
    if (node.files().find(path, false) !== undefined) {
      await run.output.err(`Failed to mask unit: File ${path} already exists.\n`);
      return 1;
    }
    node.files().mkdir(path.slice(0, path.lastIndexOf('/')), { parents: true });
    node.files().symlink('/dev/null', path);
    await run.output.err(`Created symlink ${path} → /dev/null.\n`);
  }
  return 0;
}

async function unmask(node: PracticeNode, run: Run, names: readonly string[], runtime: boolean): Promise<number> {
  for (const name of names.map(full)) {
    const path = `${runtime ? '/run' : '/etc'}/systemd/system/${name}`;
    if (node.files().find(path, false)?.kind !== 'link') continue;
    node.files().remove(path);
    await run.output.err(`Removed "${path}".\n`);
  }
  return 0;
}

async function isState(
  node: PracticeNode,
  run: Run,
  names: readonly string[],
  quiet: boolean,
  good: (unit: Unit) => boolean,
): Promise<number> {
  let code = 3;
  for (const name of names) {
    const unit = node.systemd.unit(name);
    if (!quiet) await run.output.out(`${unit?.active ?? 'inactive'}\n`);
    if (unit !== undefined && good(unit)) code = 0;
    else if (unit === undefined && code !== 0) code = 4;
  }
  return code;
}

async function isEnabled(node: PracticeNode, run: Run, names: readonly string[], quiet: boolean): Promise<number> {
  let code = 0;
  for (const name of names) {
    const unit = node.systemd.unit(name);
    if (unit === undefined) {
      await run.output.err(`Failed to get unit file state for ${full(name)}: No such file or directory\n`);
      return 1;
    }
    const text = unit.def.transient ? 'transient' : node.systemd.enabled(unit.name) ? 'enabled' : 'disabled';
    if (!quiet) await run.output.out(`${text}\n`);
    if (text === 'disabled') code = 1;
  }
  return code;
}

async function cat(node: PracticeNode, run: Run, names: readonly string[]): Promise<number> {
  for (const name of names) {
    const unit = node.systemd.unit(name);
    if (unit === undefined) {
      await run.output.err(`No files found for ${full(name)}.\n`);
      return 1;
    }
    const parts = [unit.def.fragment, ...unit.def.dropIns].filter((path) => node.files().exists(path));
    await run.output.out(parts.map((path) => `# ${path}\n${node.files().text(path)}`).join('\n'));
  }
  return 0;
}

async function status(node: PracticeNode, run: Run, options: Parsed, names: readonly string[]): Promise<number> {
  let code = 0;
  for (const name of names) {
    const unit = node.systemd.unit(name);
    if (unit === undefined) {
      await run.output.err(`Unit ${full(name)} could not be found.\n`);
      code = 4;
      continue;
    }
    const since = new Date(unit.changedAt || node.state.bootedAt).toISOString().replace('T', ' ').slice(0, 19);
    const how = unit.def.transient
      ? 'transient'
      : `${node.systemd.enabled(unit.name) ? 'enabled' : 'disabled'}; preset: enabled`;
    const lines = [
      `${unit.active === 'active' ? '●' : unit.active === 'failed' ? '×' : '○'} ${unit.name} - ${unit.def.description}`,
      `     Loaded: loaded (${unit.def.fragment}; ${how})`,
      ...(unit.def.transient ? ['  Transient: yes'] : []),
      ...(unit.def.dropIns.length > 0 ? [`    Drop-In: ${unit.def.dropIns.join(' ')}`] : []),
      `     Active: ${unit.active} (${unit.sub})${unit.changedAt > 0 ? ` since ${since} UTC` : ''}`,
      ...(unit.mainPid > 0
        ? [`   Main PID: ${unit.mainPid} (${unit.def.execStart[0]?.endsWith('/k3s') ? 'k3s-server' : 'sh'})`]
        : []),
    ];
    const count = Number(options.get('n') ?? options.get('lines') ?? 10);
    const journal = node.state.journal.filter((entry) => entry.unit === unit.name).slice(-count);
    if (journal.length > 0 && count > 0)
      lines.push('', ...journal.map((entry) => formatEntry(node.state, entry, 'short')));
    await run.output.out(`${lines.join('\n')}\n`);
    if (unit.active !== 'active' && unit.active !== 'activating') code = 3;
  }
  return code;
}

const CHANGES = new Set([
  'start',
  'stop',
  'restart',
  'enable',
  'disable',
  'daemon-reload',
  'reset-failed',
  'mask',
  'unmask',
  'kill',
  'try-restart',
]);

/** `systemctl`: the verbs a console needs; anything else fails loudly. */
export const systemctl: Program = async (node, run) => {
  if (node.state.init !== 'systemd') {
    await run.output.err(
      "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
    );
    return 1;
  }
  const options = parseOptions(run.argv, TABLE);
  if (options.has('version')) {
    await run.output.out('systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP\n');
    return 0;
  }
  const [verb = 'list-units', ...names] = options.words;
  if (CHANGES.has(verb) && run.user !== 'root') {
    const what = verb === 'daemon-reload' ? 'reload daemon' : `${verb} ${full(names[0] ?? '')}`;
    await run.output.err(`Failed to ${what}: Interactive authentication required.\n`);
    return 1;
  }
  const block = !options.has('no-block');
  const quiet = options.has('q') || options.has('quiet');
  switch (verb) {
    case 'start':
      return forEach(node, run, names, verb, (unit) => {
        node.systemd.start(unit);
        return blockUntil(node, run, unit, block);
      });
    case 'restart':
    case 'try-restart':
      return forEach(node, run, names, 'restart', async (unit) => {
        if (verb === 'try-restart' && unit.active === 'inactive') return 0;
        if (!block) {
          node.systemd.restart(unit);
          return 0;
        }
        if (unit.active !== 'inactive') await stopAndWait(node, run, unit, true);
        node.systemd.start(unit);
        return blockUntil(node, run, unit, block);
      });
    case 'stop':
      return forEach(node, run, names, verb, async (unit) => {
        await stopAndWait(node, run, unit, block);
        return 0;
      });
    case 'kill': {
      const signal = (options.get('s') ?? options.get('signal') ?? 'TERM').replace(/^SIG/, '');
      return forEach(node, run, names, verb, (unit) => {
        node.signalUnit(unit.name, signal === 'KILL' ? 'KILL' : signal === 'INT' ? 'INT' : 'TERM');
        return 0;
      });
    }
    case 'reset-failed':
      return forEach(node, run, names, verb, (unit) => {
        node.systemd.resetFailed(unit);
        return 0;
      });
    case 'daemon-reload':
      node.systemd.reload();
      return 0;
    case 'enable':
    case 'disable':
      return enable(node, run, names, verb === 'enable');
    case 'mask':
      return mask(node, run, names, options.has('runtime'));
    case 'unmask':
      return unmask(node, run, names, options.has('runtime'));
    case 'is-active':
      return isState(node, run, names, quiet, (unit) => unit.active === 'active');
    case 'is-failed':
      return isState(node, run, names, quiet, (unit) => unit.active === 'failed');
    case 'is-enabled':
      return isEnabled(node, run, names, quiet);
    case 'is-system-running':
      await run.output.out('running\n');
      return 0;
    case 'cat':
      return cat(node, run, names);
    case 'status':
      return status(node, run, options, names);
    case 'show':
      return showProperties(node, run, options, names);
    case 'list-units':
    case 'list-unit-files':
      return list(node, run, options, names, verb === 'list-unit-files');
    default:
      await run.output.err(`Unknown command verb ${verb}.\n`);
      return 1;
  }
};

async function list(
  node: PracticeNode,
  run: Run,
  options: Parsed,
  patterns: readonly string[],
  fileStates: boolean,
): Promise<number> {
  const wanted = patterns.map(
    (pattern) =>
      new RegExp(
        `^${full(pattern)
          .replace(/[.+^${}()|[\]\\]/g, '\\$&')
          .replace(/\*/g, '.*')
          .replace(/\?/g, '.')}$`,
      ),
  );
  const states = options.all('state').flatMap((text) => text.split(','));
  for (const file of ['k3s.service', 'k3s-agent.service']) node.systemd.unit(file);
  for (const unit of [...node.state.units.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (wanted.length > 0 && !wanted.some((pattern) => pattern.test(unit.name))) continue;
    if (states.length > 0 && !states.includes(unit.active) && !states.includes(unit.sub)) continue;
    if (!fileStates && !options.has('all') && !options.has('a') && unit.active === 'inactive') continue;
    const enabled = unit.def.transient ? 'transient' : node.systemd.enabled(unit.name) ? 'enabled' : 'disabled';
    const line = fileStates
      ? `${unit.name} ${enabled} enabled`
      : `${unit.name} loaded ${unit.active} ${unit.sub} ${unit.def.description}`;
    await run.output.out(`${options.has('plain') ? '' : fileStates ? '' : '  '}${line}\n`);
  }
  return 0;
}
