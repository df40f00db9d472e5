import { type Program, parseOptions, type Run, UsageError } from './run.js';

/** What a user types at the prompt of a node where sudo asks. */
export const SUDO_PASSWORD = 'practice-sudo';

/** Takes the first line off the input; the rest stays for the command. */
async function firstLine(stdin: AsyncIterable<Uint8Array>): Promise<{ line: string; rest: AsyncIterable<Uint8Array> }> {
  const iterator = stdin[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  for (;;) {
    const end = held.indexOf(10);
    if (end >= 0) {
      const after = new Uint8Array(held.subarray(end + 1));
      const rest = (async function* () {
        if (after.length > 0) yield after;
        for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
      })();
      return { line: held.subarray(0, end).toString('utf8'), rest };
    }
    const next = await iterator.next();
    if (next.done) return { line: held.toString('utf8'), rest: (async function* () {})() };
    held = Buffer.concat([held, next.value]);
  }
}

/** What `sudo -l` lists for a user who may do everything. */
function rulesText(user: string, host: string, policy: string): string {
  const rule = policy === 'nopasswd' ? '(ALL : ALL) NOPASSWD: ALL' : '(ALL : ALL) ALL';
  return `User ${user} may run the following commands on ${host}:\n    ${rule}\n`;
}

/** `sudo`: passwordless, asking, or refusing, as the node is set up. */
export const sudo: Program = async (node, run) => {
  const options = parseOptions(
    run.argv,
    {
      n: false,
      S: false,
      p: true,
      u: true,
      v: false,
      k: false,
      K: false,
      l: false,
      H: false,
      E: false,
      'non-interactive': false,
      stdin: false,
      prompt: true,
      user: true,
    },
    true,
  );
  const target = options.get('u') ?? options.get('user') ?? 'root';
  const argv = options.words;
  if (options.has('k') && argv.length === 0) return 0;
  if (argv.length === 0 && !options.has('v') && !options.has('l'))
    throw new UsageError('usage: sudo -h | -K | -k | -V');
  let { stdin } = run;
  const { sudo: policy } = node.state;
  if (run.user !== 'root' && policy !== 'nopasswd') {
    const silent = options.has('n') || options.has('non-interactive');
    if (silent || !(options.has('S') || options.has('stdin'))) {
      await run.output.err(
        silent
          ? 'sudo: a password is required\n'
          : 'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n',
      );
      return 1;
    }
    await run.output.err(options.get('p') ?? options.get('prompt') ?? `[sudo] password for ${run.user}: `);
    const typed = await firstLine(stdin);
    stdin = typed.rest;
    if (typed.line !== SUDO_PASSWORD) {
      await run.output.err('Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n');
      return 1;
    }
    if (policy === 'denied') {
      await run.output.err(`${run.user} is not in the sudoers file.\n`);
      return 1;
    }
  }
  if (argv.length === 0) {
    if (options.has('l')) await run.output.out(rulesText(run.user, node.name, policy));
    return 0;
  }
  // `sudo -l COMMAND` only tells whether it would be run.
  if (options.has('l')) {
    const program = argv[0] ?? '';
    if (!node.hasProgram(program)) return 1;
    await run.output.out(`${program.startsWith('/') ? program : `/usr/bin/${program}`} ${argv.slice(1).join(' ')}\n`);
    return 0;
  }
  const next: Run = {
    ...run,
    argv,
    stdin,
    user: target,
    env: {
      ...run.env,
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: target === 'root' ? '/root' : `/home/${target}`,
      USER: target,
      SUDO_USER: run.user,
    },
  };
  const name = argv[0] ?? '';
  // sudo's secure_path lacks /usr/local/bin here, as on many hosts: only the absolute path finds k3s.
  if (name === 'k3s') {
    await run.output.err('sudo: k3s: command not found\n');
    return 1;
  }
  return node.run(next);
};
