import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commandInfo } from '../../src/cli/command-table.js';
import { completionScript } from '../../src/cli/completion.js';
import { manPage } from '../../src/cli/man.js';

function program(): Command {
  const root = new Command('blackstart').description('The console.').option('--inventory <file>', 'the inventory');
  root
    .command('drill')
    .description('practise, it’s safe')
    .option('--fault <name...>', 'what is broken')
    .option('--json', 'one document')
    .addHelpText('after', '\nExample:\n  blackstart drill --fault x');
  root.command('checklist').argument('[list]', 'which').description('the lists');
  root.command('audit').description('checks').command('verify').description('the chain').option('--deep', 'all of it');
  return root;
}
const info = () => commandInfo(program());
const values = { checklist: ['weekly', 'monthly'], 'drill --fault': ['dead-server', 'disk-full'] };

/** What bash offers for a line that is being typed. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('bash', info(), values)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _blackstart; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const said = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(said.stderr).toBe('');
  return said.stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  test.each([
    [['blackstart', 'ch'], ['checklist']],
    [
      ['blackstart', 'drill', '--fault', 'd'],
      ['dead-server', 'disk-full'],
    ],
    [['blackstart', 'drill', '--j'], ['--json']],
    [['blackstart', '--inventory', 'x.yaml', 'checklist', 'w'], ['weekly']],
    [['blackstart', 'audit', 'v'], ['verify']],
    [['blackstart', 'audit', 'verify', '--d'], ['--deep']],
  ])('%j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });
});

test('zsh uses the same; fish names every command and option', () => {
  expect(completionScript('zsh', info(), values)).toMatch(
    /^#compdef blackstart[\s\S]*bashcompinit[\s\S]*_blackstart\(\)/,
  );
  const fish = completionScript('fish', info(), values);
  expect(fish).toContain("-a drill -d 'practise, it’s safe'");
  expect(fish).toContain("-n '__fish_seen_subcommand_from drill' -l fault -x -a 'dead-server disk-full'");
  expect(fish).toContain("__fish_seen_subcommand_from audit; and __fish_seen_subcommand_from verify' -l deep");
});

test('the manual page has every command with its example, in plain ASCII', () => {
  const page = manPage(info(), '1.2.3', 'Exit codes: 0 yes');
  for (const one of ['blackstart drill', 'blackstart checklist', 'blackstart audit verify'])
    expect(page).toContain(`.SS \\fB${one}\\fR`);
  expect(page).toContain('blackstart drill \\-\\-fault x');
  expect(page).toMatch(/^[\n -~]*$/);
  expect(page).toContain('it\\[u2019]s safe');
});
