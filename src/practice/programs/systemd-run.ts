import { type Program, parseOptions, UsageError } from './run.js';

const TABLE = {
  unit: true,
  description: true,
  p: true,
  property: true,
  collect: false,
  G: false,
  'no-block': false,
  quiet: false,
  q: false,
  setenv: true,
  E: true,
  'remain-after-exit': false,
  r: false,
  'service-type': true,
  'working-directory': true,
  slice: true,
  wait: false,
  'no-ask-password': false,
  uid: true,
  system: false,
} as const;

const KNOWN_PROPERTIES = new Set([
  'Type',
  'RemainAfterExit',
  'EnvironmentFile',
  'Environment',
  'UnsetEnvironment',
  'KillMode',
  'KillSignal',
  'TimeoutStopSec',
  'TimeoutStartSec',
  'LogRateLimitIntervalSec',
  'LogRateLimitBurst',
  'WorkingDirectory',
  'CollectMode',
  'Description',
  'StandardOutput',
  'StandardError',
  'StandardInput',
  'SyslogIdentifier',
  'UMask',
  'OOMPolicy',
  'OOMScoreAdjust',
  'LimitNOFILE',
  'Delegate',
  'Restart',
  'SendSIGKILL',
  'LimitCORE',
  'TasksMax',
  'LimitNPROC',
  'ExitType',
  'RuntimeMaxSec',
  'Nice',
  'IgnoreSIGPIPE',
  'SuccessExitStatus',
  'SELinuxContext',
  'PrivateTmp',
  'User',
  'Group',
  'RuntimeDirectory',
  'LogLevelMax',
  'LogNamespace',
]);

function quoted(word: string): string {
  return /[\s"'\\;]/.test(word) || word === '' ? `"${word.replace(/(["\\])/g, '\\$1').replaceAll('\n', '\\n')}"` : word;
}

/** `systemd-run`: a transient unit (R43, `c-full-restore-transient-unit`). */
export const systemdRun: Program = async (node, run) => {
  if (node.state.init !== 'systemd') {
    await run.output.err(
      "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
    );
    return 1;
  }
  const options = parseOptions(run.argv, TABLE, true);
  const [program, ...args] = options.words;
  if (program === undefined) throw new UsageError('Command line to execute required.');
  if (run.user !== 'root') {
    await run.output.err('Failed to start transient service unit: Interactive authentication required.\n');
    return 1;
  }
  const given = options.get('unit') ?? `run-r${node.hex(32)}`;
  const name = given.endsWith('.service') ? given : `${given}.service`;
  if (node.systemd.unit(name) !== undefined) {
    await run.output.err(
      `Failed to start transient service unit: Unit ${name} was already loaded or has a fragment file.\n`,
    );
    return 1;
  }
  if (!node.hasProgram(program)) {
    await run.output.err(`Failed to find executable ${program}: No such file or directory\n`);
    return 1;
  }
  const service: string[] = [];
  const unit: string[] = [];
  for (const property of [...options.all('p'), ...options.all('property')]) {
    const key = property.split('=')[0] ?? '';
    if (!property.includes('=') || !KNOWN_PROPERTIES.has(key)) {
      await run.output.err(`Unknown assignment: ${property}\n`);
      return 1;
    }
    if (key === 'CollectMode' || key === 'Description') unit.push(property);
    else service.push(property);
  }
  if (options.has('collect') || options.has('G')) unit.push('CollectMode=inactive-or-failed');
  if (options.has('remain-after-exit') || options.has('r')) service.push('RemainAfterExit=yes');
  const type = options.get('service-type');
  if (type !== undefined) service.push(`Type=${type}`);
  const folder = options.get('working-directory');
  if (folder !== undefined) service.push(`WorkingDirectory=${folder}`);
  for (const variable of [...options.all('setenv'), ...options.all('E')])
    service.push(`Environment=${quoted(variable)}`);
  const argv = [
    program.startsWith('/') ? program : program === 'k3s' ? '/usr/local/bin/k3s' : `/usr/bin/${program}`,
    ...args,
  ];
  const description = options.get('description') ?? argv.join(' ');
  node.files().mkdir('/run/systemd/transient', { parents: true });
  node
    .files()
    .write(
      `/run/systemd/transient/${name}`,
      `# This is a transient unit file, created programmatically via the systemd API. Do not edit.\n[Unit]\nDescription=${description.replaceAll('\n', ' ')}\n${unit.join('\n')}\n\n[Service]\n${service.join('\n')}\nExecStart=${argv.map(quoted).join(' ')}\n`,
    );
  const loaded = node.systemd.unit(name);
  if (loaded === undefined) return 1;
  // The words as given: a unit file would lose newlines and quotes in a script.
  loaded.def = { ...loaded.def, execStart: argv };
  node.systemd.start(loaded);
  if (!options.has('quiet') && !options.has('q')) await run.output.err(`Running as unit: ${name}\n`);
  const wait = options.has('wait') || (loaded.def.type === 'oneshot' && !options.has('no-block'));
  if (!wait) return 0;
  await node.time.wait(
    () => (['inactive', 'failed'].includes(loaded.active) || loaded.sub === 'exited' ? true : undefined),
    run.signal,
  );
  return loaded.execStatus;
};
