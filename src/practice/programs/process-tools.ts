import { type Program, parseOptions, UsageError } from './run.js';

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
    // As of `m-pods/02-k3s-stopped-processes`, but from K3s' own directory, where an installed one has them.
    ...node.state.containers.map(({ id, pid }) => ({
      pid,
      ppid: 1,
      user: 'root',
      args: `/var/lib/rancher/k3s/data/4f4b0a1e/bin/containerd-shim-runc-v2 -namespace k8s.io -id ${id} -address /run/k3s/containerd/containerd.sock`,
      comm: 'containerd-shim',
      since: node.state.bootedAt,
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

/** Programs about processes, sockets and time. */
export const PROCESS_TOOLS: readonly (readonly [string, Program])[] = [
  ['sleep', sleep],
  ['ss', ss],
  ['ps', ps],
  ['kill', kill],
  ['timeout', timeout],
];
