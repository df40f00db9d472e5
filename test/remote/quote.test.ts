import { execFileSync, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteArgv, systemdEscapeArgv } from '../../src/remote/quote.js';

const HOSTILE = [
  '',
  ' ',
  'a b',
  "it's",
  "'",
  "''",
  "'''a'''",
  '"',
  '$HOME',
  `$\{HOME}`,
  '$(id)',
  '`id`',
  '\\',
  '\\\\',
  "\\'",
  "a\\'b\\",
  'a\\nb',
  '!',
  '!!',
  '!$',
  'a!b',
  "'!'",
  '*',
  '?',
  '[a-z]',
  '{a,b}',
  '~',
  '~root',
  '=ls',
  'A=b',
  '%1',
  '%self',
  '100%',
  '#not a comment',
  '; id',
  '| id',
  '&& id',
  '& id',
  '> /tmp/x',
  '< /dev/null',
  '(',
  ')',
  '^a^b',
  '-n',
  '--',
  '@',
  'tab\there',
  'carriage\rreturn',
  '\u0001\u001b[31m',
  'ünïcödé ✓ 日本',
  '…',
  '\u0085',
  'x'.repeat(5000),
];
const NEWLINES = ['\n', 'a\nb', '\n\n; id\n', "'\n'", '\\\n', 'ends in a newline\n'];

/** Shells a login may have; the Bourne family and fish take newlines too. */
const SHELLS = [
  { shell: 'sh', options: [], newlines: true },
  { shell: 'bash', options: [], newlines: true },
  { shell: 'dash', options: [], newlines: true },
  { shell: 'zsh', options: ['-f'], newlines: true },
  { shell: 'ksh', options: [], newlines: true },
  { shell: 'fish', options: ['--no-config'], newlines: true },
  { shell: 'tcsh', options: ['-f'], newlines: false },
  { shell: 'csh', options: ['-f'], newlines: false },
] as const;

const installed = SHELLS.filter(({ shell }) => spawnSync(shell, ['-c', 'true']).error === undefined);
const absent = SHELLS.filter((one) => !installed.includes(one)).map(({ shell }) => shell);

/** Runs the quoted text as sshd would and gives back the words the program got. */
function roundTrip(shell: string, options: readonly string[], words: readonly string[]): string[] {
  const text = quoteArgv([
    process.execPath,
    '-e',
    'process.stdout.write(JSON.stringify(process.argv.slice(1)))',
    '--',
    ...words,
  ]);
  const out = execFileSync(shell, [...options, '-c', text], { encoding: 'utf8', cwd: homedir() });
  return JSON.parse(out);
}

describe('quoteArgv', () => {
  it('leaves plain words as they are', () => {
    expect(quoteArgv(['systemctl', 'show', '--property=ActiveState', 'k3s.service'])).toBe(
      'systemctl show --property=ActiveState k3s.service',
    );
    expect(quoteArgv(['dd', 'of=/var/lib/x', 'bs=1M'])).toBe('dd of=/var/lib/x bs=1M');
    expect(quoteArgv(['cat', "it's"])).toBe("cat 'it'\\''s'");
    expect(quoteArgv(['A=b', ''])).toBe("'A=b' ''");
  });

  it('refuses what cannot be said', () => {
    expect(() => quoteArgv(['a\0b'])).toThrow('NUL');
    expect(() => quoteArgv([])).toThrow('empty');
  });

  for (const { shell, options, newlines } of installed) {
    it(`hands the same words to a program through ${shell}`, () => {
      expect(roundTrip(shell, options, HOSTILE)).toEqual(HOSTILE);
      if (newlines) expect(roundTrip(shell, options, NEWLINES)).toEqual(NEWLINES);
      fc.assert(
        fc.property(fc.array(hostileWord(newlines), { maxLength: 40 }), (words) => {
          expect(roundTrip(shell, options, words)).toEqual(words);
        }),
        { numRuns: 12 },
      );
    });
    if (!newlines)
      it(`${shell} refuses a newline and runs nothing`, () => {
        const ended = spawnSync(shell, [...options, '-c', quoteArgv(['echo', 'ran\nmore'])], { encoding: 'utf8' });
        expect(ended.status).not.toBe(0);
        expect(ended.stdout).not.toContain('ran');
      });
  }

  if (absent.length > 0) it.skip(`through ${absent.join(', ')}: not installed here`, () => undefined);
});

/** Words of the characters that shells care about. */
function hostileWord(newlines: boolean) {
  const special = [...` '"\\$\`!*?[]{}~=%#;|&<>()^-@\t${newlines ? '\n' : ''}`, 'a', 'B', '0', 'é', '/'];
  return fc.array(fc.constantFrom(...special), { maxLength: 12 }).map((parts) => parts.join(''));
}

describe('systemdEscapeArgv', () => {
  it.each([
    [
      ['/bin/echo', '$HOME', `$\{A}`, '100%', '%n', '$$'],
      ['/bin/echo', '$$HOME', `$$\{A}`, '100%', '%n', '$$$$'],
    ],
    [['/bin/true'], ['/bin/true']],
  ])('%j', (argv, expected) => {
    expect(systemdEscapeArgv(argv)).toEqual(expected);
  });

  it('refuses a dollar sign in the program, where it cannot be escaped', () => {
    expect(() => systemdEscapeArgv(['/opt/$x/run'])).toThrow('dollar');
  });
});
