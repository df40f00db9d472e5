import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import type { SudoMode } from '../../src/inventory/types.js';
import { allowsAnything, judgeSudo } from '../../src/remote/sudo.js';
import { entry, open, problemOf, startServer } from './bench.js';
import type { TestServer } from './server.js';

/**
 * A sudo that asks for a password on standard input unless `nopasswd` lies in its folder, in the words of the real one; writes
 * down each try. What is left on standard input goes to the command, as with the real one.
 */
const SUDO = `
dir=$(dirname "$0")
echo "$*" >> "$dir/sudo.log"
n= s= l=
while :; do case "$1" in
  -n) n=1; shift;; -S) s=1; shift;; -p) shift 2;; -l) l=1; shift;; --) shift; break;; *) break;; esac; done
if [ -e "$dir/denied" ]; then echo "ops is not in the sudoers file." >&2; exit 1; fi
if [ ! -e "$dir/nopasswd" ]; then
  if [ -n "$n" ]; then echo "sudo: a password is required" >&2; exit 1; fi
  IFS= read -r given
  echo "try $given" >> "$dir/tries.log"
  if [ "$given" != "right" ]; then echo "Sorry, try again." >&2; echo "sudo: no password was provided" >&2; echo "sudo: 1 incorrect password attempt" >&2; exit 1; fi
fi
if [ -n "$l" ] && [ -e "$dir/nolist" ]; then echo "sudo: invalid option -- 'l'" >&2; exit 1; fi
if [ -n "$l" ] && [ -z "$1" ]; then cat "$dir/rules" 2>/dev/null; exit 0; fi
case "$1" in forbidden) echo "Sorry, user ops is not allowed to execute '/bin/forbidden' as root on cp1." >&2; exit 1;; esac
[ -n "$l" ] && { echo "$1"; exit 0; }
BECAME=root exec "$@"
`;

const PASSWORD: SudoMode = { kind: 'password', password: { kind: 'prompt' } };

async function withSudo(): Promise<TestServer> {
  const server = await startServer();
  server.program('sudo', SUDO);
  return server;
}

function log(server: TestServer, name: string): string[] {
  try {
    return readFileSync(join(server.bin, name), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}

const WHO = { argv: ['sh', '-c', `echo $\{BECAME:-nobody}`], root: true };

describe('sudo', () => {
  it('none: the command as it is', async () => {
    const server = await withSudo();
    const { hosts } = open([entry('cp1', server.port, { sudo: { kind: 'none' } })], [server]);
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('nobody\n');
    const root = open([entry('cp1', server.port, { user: 'root' })], [server]);
    expect((await root.hosts.get('cp1').exec(WHO)).stdout).toBe('nobody\n');
  });

  it('passwordless is the default, and takes input', async () => {
    const server = await withSudo();
    writeFileSync(join(server.bin, 'nopasswd'), '');
    const { hosts } = open([entry('cp1', server.port)], [server]);
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
    expect((await hosts.get('cp1').exec({ argv: ['cat'], root: true, stdin: 'x' })).stdout).toBe('x');
    expect(server.commands.at(-1)).toBe('env LC_ALL=C sudo -n -- cat');
  });

  it('passwordless that asks after all is denied, once, with a remedy, until a person asks', async () => {
    const server = await withSudo();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const problem = await problemOf(hosts.get('cp1').exec(WHO));
    expect(problem).toMatchObject({ id: 'sudo-denied', next: expect.stringContaining('password: prompt') });
    await problemOf(hosts.get('cp1').exec(WHO));
    expect(log(server, 'sudo.log')).toHaveLength(1);
    expect((await hosts.get('cp1').exec({ argv: ['echo', 'fine'] })).stdout).toBe('fine\n');
    writeFileSync(join(server.bin, 'nopasswd'), '');
    await hosts.retry('cp1');
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
  });

  it('password: asked for once for all hosts, tried on one before the rest, never in an argument', async () => {
    const servers = [await withSudo(), await withSudo(), await withSudo()];
    let asked = 0;
    const ask = async () => {
      asked++;
      return new Secret('right');
    };
    const entries = servers.map((server, index) => entry(`cp${index}`, server.port, { sudo: PASSWORD }));
    const { hosts } = open(entries, servers, { ask });
    const results = await Promise.all(entries.map(({ name }) => hosts.get(name).exec(WHO)));
    expect(results.map((result) => result.stdout)).toEqual(['root\n', 'root\n', 'root\n']);
    expect(asked).toBe(1);
    expect(servers.map((server) => log(server, 'tries.log').length).sort()).toEqual([1, 1, 2]);
    expect(servers.flatMap((server) => server.commands).join('\n')).not.toContain('right');
  });

  it('a wrong password is tried once on one host and nowhere else', async () => {
    const servers = [await withSudo(), await withSudo(), await withSudo()];
    const answers = ['wrong', 'right'];
    const ask = async () => new Secret(answers.shift() ?? '');
    const entries = servers.map((server, index) => entry(`cp${index}`, server.port, { sudo: PASSWORD }));
    const { hosts } = open(entries, servers, { ask });
    const problems = await Promise.all(entries.map(({ name }) => problemOf(hosts.get(name).exec(WHO))));
    expect(problems.map((problem) => problem.id)).toEqual(['sudo-denied', 'sudo-denied', 'sudo-denied']);
    expect(problems.filter((problem) => problem.what.includes('not tried here'))).toHaveLength(2);
    expect(servers.flatMap((server) => log(server, 'tries.log'))).toEqual(['try wrong']);
    await problemOf(hosts.get('cp0').exec(WHO));
    expect(servers.flatMap((server) => log(server, 'tries.log'))).toHaveLength(1);
    await hosts.retry('cp0');
    expect((await hosts.get('cp0').exec(WHO)).stdout).toBe('root\n');
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
  });

  it('a host where this user may not use sudo does not spoil it for the rest', async () => {
    const servers = [await withSudo(), await withSudo()];
    writeFileSync(join(servers[0]?.bin ?? '', 'denied'), '');
    const entries = servers.map((server, index) => entry(`cp${index}`, server.port, { sudo: PASSWORD }));
    const { hosts } = open(entries, servers, { ask: async () => new Secret('right') });
    expect(await problemOf(hosts.get('cp0').exec(WHO))).toMatchObject({
      id: 'sudo-denied',
      what: expect.stringContaining('not in the sudoers file'),
    });
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
  });

  it('a password and other input never share one standard input', async () => {
    const server = await withSudo();
    const { hosts } = open([entry('cp1', server.port, { sudo: PASSWORD })], [server], {
      ask: async () => new Secret('right'),
    });
    expect((await problemOf(hosts.get('cp1').exec({ argv: ['cat'], root: true, stdin: 'x' }))).id).toBe(
      'command-refused',
    );
    expect((await hosts.get('cp1').exec({ argv: ['cat'], root: true })).stdout).toBe('');
  });

  it('where sudo does not ask, the password is never sent; where it begins to ask, it is', async () => {
    const server = await withSudo();
    writeFileSync(join(server.bin, 'nopasswd'), '');
    let asked = 0;
    const ask = async () => {
      asked++;
      return new Secret('right');
    };
    const { hosts } = open([entry('cp1', server.port, { sudo: PASSWORD })], [server], { ask });
    expect((await hosts.get('cp1').exec({ argv: ['cat'], root: true, stdin: 'x' })).stdout).toBe('x');
    expect(asked).toBe(0);
    rmSync(join(server.bin, 'nopasswd'));
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
    expect(asked).toBe(1);
  });

  it('streams become root too', async () => {
    const server = await withSudo();
    const { hosts } = open([entry('cp1', server.port, { sudo: PASSWORD })], [server], {
      ask: async () => new Secret('right'),
    });
    const lines: string[] = [];
    const signal = new AbortController().signal;
    const code = await hosts.get('cp1').stream({ ...WHO, signal, onLine: (line) => lines.push(line) });
    expect([code, lines]).toEqual([0, ['root']]);
  });

  it('asks beforehand which commands sudo would refuse, without running them', async () => {
    const server = await withSudo();
    writeFileSync(join(server.bin, 'nopasswd'), '');
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const refused = await hosts.get('cp1').refusedByRoot([
      ['systemctl', 'stop', 'k3s'],
      ['forbidden', 'x'],
    ]);
    expect(refused).toEqual([['forbidden', 'x']]);
    const problem = await problemOf(hosts.get('cp1').exec({ argv: ['forbidden'], root: true }));
    expect(problem).toMatchObject({ id: 'sudo-denied', what: expect.stringContaining('not allowed to execute') });
    expect((await hosts.get('cp1').exec(WHO)).stdout).toBe('root\n');
  });
});

describe('asked beforehand what sudo would refuse', () => {
  const wanted = [
    ['systemctl', 'stop', 'k3s'],
    ['systemctl', 'start', 'k3s'],
    ['forbidden', 'x'],
    ['forbidden', 'y'],
  ];
  const EVERYTHING = 'User ops may run the following commands on cp1:\n    (ALL : ALL) NOPASSWD: ALL\n';

  async function asked(rules: string): Promise<{ refused: readonly (readonly string[])[]; log: string[] }> {
    const server = await withSudo();
    writeFileSync(join(server.bin, 'nopasswd'), '');
    writeFileSync(join(server.bin, 'rules'), rules);
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const refused = await hosts.get('cp1').refusedByRoot(wanted);
    return { refused, log: log(server, 'sudo.log').filter((line) => line.startsWith('-n -l -- ')) };
  }

  it('of one who may do everything only one command of each program, which may be missing', async () => {
    const { refused, log } = await asked(EVERYTHING);
    expect(log.sort()).toEqual(['-n -l -- forbidden y', '-n -l -- systemctl start k3s']);
    expect(refused).toEqual([['forbidden', 'y']]);
  });

  it('of everybody else every command', async () => {
    const { refused, log } = await asked('    (root) NOPASSWD: /usr/bin/systemctl\n');
    expect(log).toHaveLength(wanted.length);
    expect(refused).toEqual([
      ['forbidden', 'x'],
      ['forbidden', 'y'],
    ]);
  });

  it('one that cannot say what it allows refuses nothing by that', async () => {
    const server = await withSudo();
    for (const name of ['nopasswd', 'nolist']) writeFileSync(join(server.bin, name), '');
    const { hosts } = open([entry('cp1', server.port)], [server]);
    expect(await hosts.get('cp1').refusedByRoot(wanted)).toEqual([]);
  });

  it.each([
    [EVERYTHING, true],
    ['    (ALL) ALL\n', true],
    ['    (root) NOPASSWD: SETENV: ALL\n', true],
    ['Matching Defaults entries for ops on cp1:\n    !requiretty\n\n    (ALL : ALL) ALL\n', true],
    ['    (ALL : ALL) ALL, !/usr/bin/su\n', false],
    ['    (ALL : ALL) ALL\n    (root) !/usr/bin/systemctl\n', false],
    ['    (postgres) ALL\n', false],
    ['    (root) /usr/bin/systemctl\n', false],
    ['', false],
  ])('%j lets everything be run: %s', (listing, expected) => {
    expect(allowsAnything(listing)).toBe(expected);
  });
});

describe("sudo's words", () => {
  it.each([
    ['sudo: a password is required\n', 'asks'],
    ['sudo: a terminal is required to read the password; either use the -S option\n', 'asks'],
    ['Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n', 'wrong-password'],
    ['sudo: 3 incorrect password attempts\n', 'wrong-password'],
    ['ops is not in the sudoers file.\nThis incident has been reported to the administrator.\n', 'denied'],
    ['Sorry, user ops may not run sudo on cp1.\n', 'denied'],
    ['sudo: sorry, you must have a tty to run sudo\n', 'denied'],
    ["Sorry, user ops is not allowed to execute '/bin/ls' as root on cp1.\n", 'not-this'],
    ['env: sudo: not found\n', 'denied'],
    ['bash: line 1: sudo: command not found\n', 'denied'],
    ['sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set\n', 'denied'],
    ['sudo: k3s: command not found\n', undefined],
    ['mv: cannot stat x: No such file or directory\n', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(judgeSudo(text)).toBe(expected);
  });
});
