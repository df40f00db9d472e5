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

/** A shell word in truth. New files get the modes the node's programs give them; nothing here depends on it. */
const umask: Program = async (_node, run) => {
  if (run.argv.length === 1) await run.output.out('0022\n');
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
  ['which', which],
  ['command', command],
  ['env', env],
  ['getent', getent],
  ['reboot', reboot],
  ['nproc', nproc],
  ['umask', umask],
  ['true', exit(0)],
  ['false', exit(1)],
  ['modprobe', exit(1)],
];
