import type { PracticeNode } from '../node/node.js';
import { type Program, parseOptions, type Run, UsageError } from './run.js';

const hostname: Program = async (node, run) => {
  const options = parseOptions(run.argv, { s: false, f: false, I: false, short: false });
  await run.output.out(options.has('I') ? `${node.state.ip} \n` : `${node.name}\n`);
  return 0;
};

const uname: Program = async (node, run) => {
  const options = parseOptions(run.argv, { s: false, m: false, r: false, n: false, a: false, o: false });
  const parts: [string, string][] = [
    ['s', 'Linux'],
    ['n', node.name],
    ['r', '6.18.44-fc-v669'],
    ['m', 'x86_64'],
    ['o', 'GNU/Linux'],
  ];
  const chosen = options.has('a') ? parts : parts.filter(([key]) => options.has(key));
  await run.output.out(`${(chosen.length > 0 ? chosen : [['s', 'Linux']]).map(([, text]) => text).join(' ')}\n`);
  return 0;
};

const id: Program = async (_node, run) => {
  const options = parseOptions(run.argv, { u: false, n: false, g: false, G: false });
  const number = run.user === 'root' ? 0 : 1000;
  const short = options.has('u') || options.has('g') || options.has('G');
  await run.output.out(
    short
      ? `${options.has('n') ? run.user : number}\n`
      : `uid=${number}(${run.user}) gid=${number}(${run.user}) groups=${number}(${run.user})\n`,
  );
  return 0;
};

const whoami: Program = async (_node, run) => {
  await run.output.out(`${run.user}\n`);
  return 0;
};

const pad = (value: number, width: number): string => String(value).padStart(width, '0');
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

const date: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    u: false,
    utc: false,
    d: true,
    date: true,
    I: false,
    R: false,
    'iso-8601': true,
  });
  const given = options.get('d') ?? options.get('date');
  const ms =
    given === undefined ? node.now() : given.startsWith('@') ? Number(given.slice(1)) * 1000 : Date.parse(given);
  if (Number.isNaN(ms)) throw new UsageError(`date: invalid date ‘${given}’`);
  const when = new Date(ms);
  const iso = options.get('iso-8601');
  const format = options.words[0]?.startsWith('+')
    ? options.words[0].slice(1)
    : iso !== undefined
      ? '%Y-%m-%dT%H:%M:%S+00:00'
      : options.has('I')
        ? '%Y-%m-%d'
        : '%a %b %e %H:%M:%S UTC %Y';
  const codes: Record<string, string> = {
    s: String(Math.floor(ms / 1000)),
    N: `${pad(when.getUTCMilliseconds(), 3)}000000`,
    Y: String(when.getUTCFullYear()),
    m: pad(when.getUTCMonth() + 1, 2),
    d: pad(when.getUTCDate(), 2),
    H: pad(when.getUTCHours(), 2),
    M: pad(when.getUTCMinutes(), 2),
    S: pad(when.getUTCSeconds(), 2),
    F: when.toISOString().slice(0, 10),
    T: when.toISOString().slice(11, 19),
    Z: 'UTC',
    z: '+0000',
    a: (DAYS[when.getUTCDay()] ?? '').slice(0, 3),
    b: (MONTHS[when.getUTCMonth()] ?? '').slice(0, 3),
    e: String(when.getUTCDate()).padStart(2),
    j: '001',
    u: String(when.getUTCDay() || 7),
    '%': '%',
    n: '\n',
    t: '\t',
  };
  await run.output.out(
    `${format.replace(/%(\d*)([a-zA-Z%])/g, (whole, width: string, key: string) => (key === 'N' && width !== '' ? (codes.N ?? '').slice(0, Number(width)) : (codes[key] ?? whole)))}\n`,
  );
  return 0;
};

const echo: Program = async (_node, run) => {
  const words = run.argv.slice(1);
  const bare = words[0] === '-n';
  await run.output.out(`${(bare ? words.slice(1) : words).join(' ')}${bare ? '' : '\n'}`);
  return 0;
};

const sleep: Program = async (node, run) => {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(run.argv[1] ?? '');
  if (!match) throw new UsageError(`sleep: invalid time interval ‘${run.argv[1] ?? ''}’`);
  await node.time.sleep(Number(match[1]) * 1000 * ({ s: 1, m: 60, h: 3600 }[match[2] ?? 's'] ?? 1), run.signal);
  return 0;
};

const ss: Program = async (node, run) => {
  const options = parseOptions(run.argv, {
    H: false,
    l: false,
    t: false,
    n: false,
    p: false,
    a: false,
    '4': false,
    '6': false,
    e: false,
    O: false,
  });
  if (!options.has('l') || !options.has('t')) throw new UsageError('ss: only listening TCP sockets are known here');
  if (!options.has('H'))
    await run.output.out(
      'State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess                              \n',
    );
  const rows = node.listening().map(({ address, pid, name }, index) => {
    const peer = address.startsWith('*') ? '*:*' : '0.0.0.0:*';
    const who = options.has('p') && run.user === 'root' ? `    users:(("${name}",pid=${pid},fd=${5 + index}))` : '';
    return `LISTEN 0      ${address.endsWith(':22') ? '128 ' : '4096'} ${address.padStart(20)} ${peer.padStart(15)}${who}`;
  });
  await run.output.out(`${rows.join('\n')}\n`);
  return 0;
};

const ps: Program = async (node, run) => {
  const argv = run.argv.map((word) => (word === 'aux' || word === 'ax' ? '-e' : word));
  const options = parseOptions(argv, {
    e: false,
    o: true,
    f: false,
    p: true,
    A: false,
    w: false,
    C: true,
    'no-headers': false,
    ww: false,
  });
  const columns = options
    .all('o')
    .flatMap((text) => text.split(/[ ,](?=[a-z]+(?:=|,|$| ))/))
    .filter(Boolean);
  if (columns.length === 0) columns.push('pid', 'tty', 'time', 'cmd');
  const wanted = options.get('p')?.split(',').map(Number);
  const rows = [
    { pid: 1, ppid: 0, user: 'root', args: '/usr/lib/systemd/systemd', comm: 'systemd', since: node.state.bootedAt },
    {
      pid: 38,
      ppid: 1,
      user: 'root',
      args: '/lib/systemd/systemd-journald',
      comm: 'systemd-journal',
      since: node.state.bootedAt,
    },
    {
      pid: 79,
      ppid: 1,
      user: 'root',
      args: 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups',
      comm: 'sshd',
      since: node.state.bootedAt,
    },
    ...[...node.state.procs.values()].map((proc) => ({
      pid: proc.pid,
      ppid: proc.ppid,
      user: proc.user,
      args: proc.k3s === undefined ? proc.args : proc.args,
      comm: proc.k3s === undefined ? (proc.args.split(/[ /]/)[0] ?? '') : 'k3s-server',
      since: proc.k3s?.startedAt ?? node.now(),
    })),
  ].filter((row) => wanted === undefined || wanted.includes(row.pid));
  const bare = columns.every((column) => column.includes('='));
  if (!bare && !options.has('no-headers'))
    await run.output.out(`${columns.map((column) => column.toUpperCase()).join(' ')}\n`);
  const cell = (row: (typeof rows)[number], column: string): string => {
    const name = column.replace(/=.*$/, '');
    const values: Record<string, string> = {
      pid: String(row.pid).padStart(7),
      ppid: String(row.ppid).padStart(7),
      user: row.user.padEnd(8),
      uid: row.user === 'root' ? '0' : '1000',
      args: row.args,
      cmd: row.args,
      command: row.args,
      comm: row.comm,
      tty: '?',
      time: '00:00:00',
      etimes: String(Math.floor((node.now() - row.since) / 1000)),
      unit: '-',
      stat: 'S',
      pcpu: '0.0',
      rss: '1000',
    };
    const value = values[name];
    if (value === undefined) throw new UsageError(`error: unknown user-defined format specifier "${name}"`);
    return value;
  };
  if (rows.length > 0)
    await run.output.out(`${rows.map((row) => columns.map((column) => cell(row, column)).join(' ')).join('\n')}\n`);
  return rows.length > 0 ? 0 : 1;
};

const kill: Program = async (node, run) => {
  let signal = 'TERM';
  const pids: number[] = [];
  const words = run.argv.slice(1);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '-s') signal = words[++i] ?? 'TERM';
    else if (/^-[A-Z0-9]+$/.test(word)) signal = word.slice(1);
    else if (word !== '--') pids.push(Number(word));
  }
  const known =
    ({ '9': 'KILL', '15': 'TERM', '2': 'INT', '1': 'HUP', '0': '0' } as Record<string, string>)[signal] ??
    signal.replace(/^SIG/, '');
  let code = 0;
  for (const pid of pids) {
    if (!node.state.procs.has(pid) && ![1, 38, 79].includes(pid)) {
      await run.output.err(`bash: line 1: kill: (${pid}) - No such process\n`);
      code = 1;
    } else if (known === 'KILL' || known === 'TERM' || known === 'INT' || known === 'HUP') node.kill(pid, known);
    else if (known !== '0') throw new UsageError(`kill: ${signal}: invalid signal specification`);
  }
  return code;
};

const timeout: Program = async (node, run) => {
  const options = parseOptions(
    run.argv,
    { s: true, signal: true, k: true, 'kill-after': true, 'preserve-status': false, foreground: false, v: false },
    true,
  );
  const [span = '', ...argv] = options.words;
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(span);
  if (!match || argv.length === 0) throw new UsageError(`timeout: invalid time interval ‘${span}’`, 125);
  const stop = new AbortController();
  const outer = (): void => stop.abort(run.signal.reason);
  run.signal.addEventListener('abort', outer, { once: true });
  const ended = new AbortController();
  let late = false;
  const kill = (options.get('s') ?? options.get('signal') ?? 'TERM').replace(/^SIG/, '');
  const clock = node.time
    .sleep(Number(match[1]) * 1000 * ({ s: 1, m: 60, h: 3600 }[match[2] ?? 's'] ?? 1), ended.signal)
    .then(
      () => {
        late = true;
        const children = [...node.state.procs.values()].filter(
          (proc) => proc.ppid === run.pid && proc.k3s !== undefined,
        );
        for (const child of children) node.kill(child.pid, kill === 'KILL' ? 'KILL' : 'TERM');
        if (children.length === 0) stop.abort(new Error('timed out'));
      },
      () => undefined,
    );
  const code = await node.run({ ...run, argv, signal: stop.signal });
  ended.abort();
  await clock;
  run.signal.removeEventListener('abort', outer);
  if (!late) return code;
  return options.has('preserve-status') ? (kill === 'KILL' ? 137 : code) : kill === 'KILL' ? 137 : 124;
};

/** The folders of PATH a program is looked for in. */
function locate(node: PracticeNode, run: Run, name: string): string | undefined {
  if (name.includes('/')) return node.files(run.user).exists(name) ? name : undefined;
  const folders = (run.env.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':');
  return folders.map((folder) => `${folder}/${name}`).find((path) => node.files(run.user).exists(path));
}

const which: Program = async (node, run) => {
  const options = parseOptions(run.argv, { a: false });
  let code = 0;
  for (const word of options.words) {
    const path = locate(node, run, word);
    if (path === undefined) code = 1;
    else await run.output.out(`${path}\n`);
  }
  return code;
};

const command: Program = async (node, run) => {
  const [flag, ...words] = run.argv.slice(1);
  if (flag !== '-v' && flag !== '-V') return node.run({ ...run, argv: run.argv.slice(1) });
  return which(node, { ...run, argv: ['which', ...words] });
};

const env: Program = async (node, run) => {
  const words = run.argv.slice(1);
  const variables: Record<string, string> = { ...run.env };
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word);
    if (match) variables[match[1] ?? ''] = match[2] ?? '';
    else if (word === '-i') for (const key of Object.keys(variables)) delete variables[key];
    else if (word === '-u') delete variables[words[++at] ?? ''];
    else if (word === '--') continue;
    else if (word.startsWith('-')) throw new UsageError(`env: invalid option -- '${word.slice(1)}'`, 125);
    else break;
  }
  if (at < words.length) return node.run({ ...run, env: variables, argv: words.slice(at) });
  await run.output.out(
    Object.entries(variables)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return 0;
};

const getent: Program = async (node, run) => {
  const [database, key] = run.argv.slice(1);
  if (database !== 'passwd') throw new UsageError(`getent: Unknown database: ${database}`);
  const rows = [
    'root:x:0:0:root:/root:/bin/bash',
    ...node.state.users.map((user) => `${user}:x:1000:1000::/home/${user}:/bin/bash`),
  ];
  const found = rows.filter((row) => key === undefined || row.startsWith(`${key}:`) || row.split(':')[2] === key);
  await run.output.out(found.map((row) => `${row}\n`).join(''));
  return found.length > 0 ? 0 : 2;
};

const reboot: Program = async (node, run) => {
  if (run.user !== 'root') {
    await run.output.err(
      'Failed to set wall message, ignoring: Interactive authentication required.\nFailed to reboot system via logind: Interactive authentication required.\n',
    );
    return 1;
  }
  node.time.after(20_000, { node: node.name, kind: 'act', act: 'power-on' });
  queueMicrotask(() => node.powerOff());
  return 0;
};

const nproc: Program = async (_node, run) => {
  await run.output.out('2\n');
  return 0;
};

const exit =
  (code: number): Program =>
  () =>
    code;

export const HOST_TOOLS: readonly (readonly [string, Program])[] = [
  ['hostname', hostname],
  ['uname', uname],
  ['id', id],
  ['whoami', whoami],
  ['date', date],
  ['echo', echo],
  ['sleep', sleep],
  ['ss', ss],
  ['ps', ps],
  ['kill', kill],
  ['timeout', timeout],
  ['which', which],
  ['command', command],
  ['env', env],
  ['getent', getent],
  ['reboot', reboot],
  ['nproc', nproc],
  ['true', exit(0)],
  ['false', exit(1)],
  ['modprobe', exit(1)],
];
