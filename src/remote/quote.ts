import { EXIT, ProblemError } from '../base/problem.js';

/**
 * The one place that makes text for a shell out of an argument list.
 *
 * sshd hands the text to the login shell with `-c`, and that may be sh, dash, bash, zsh, ksh, fish, csh or tcsh. What all of
 * them read alike: plain words as they are; everything else between single quotes, where only these differ:
 *
 * - `'` ends the quotes everywhere, so it stands outside them as `\'`;
 * - `\` is literal in the Bourne family and csh, but fish reads `\\` and `\'` inside single quotes: it stands outside as `\\`;
 * - `!` is history in csh even inside quotes (also in `csh -c`), so it stands outside as `\!`;
 * - a newline ends the command in csh unless a `\` comes before it, and there is no text that csh and the others read
 *   alike: it stays inside the quotes (right for every shell but csh and tcsh, which refuse it without running anything).
 */
export function quoteArgv(argv: readonly string[]): string {
  if (argv.length === 0) throw refused('An empty command cannot be run.');
  return argv.map(quoteWord).join(' ');
}

// A leading `=` is an expansion in zsh, a leading `~` everywhere, `%` begins a job in fish and csh, `=` alone may assign.
const PLAIN = /^[A-Za-z0-9_/.:,+@-][A-Za-z0-9_/.:,+@%=-]*$/;

function quoteWord(word: string, index: number): string {
  if (word.includes('\0')) throw refused('An argument holds a NUL byte, which no command can be given.');
  // The first word must not be taken for an assignment.
  if (PLAIN.test(word) && !(index === 0 && word.includes('='))) return word;
  if (word === '') return "''";
  return word
    .split(/(['\\!]+)/)
    .map((part) => {
      if (part === '') return '';
      return /^['\\!]/.test(part) ? part.replace(/./g, '\\$&') : `'${part}'`;
    })
    .join('');
}

/**
 * Escapes an argument list that `systemd-run` is to make a transient service of, so that the program gets exactly these words.
 *
 * systemd expands `$NAME` and `${NAME}` in the arguments of a transient service like in `ExecStart=` (systemd-run(1); the switch
 * that turns it off, `--expand-environment=no`, came with 254), so every `$` is doubled. It does not expand `%` there: specifiers
 * are not looked at in properties that come over the bus (systemd pull request 7444, v236), and the unit file it writes
 * for itself has them escaped; doubling `%` would hand the program two of them. The program's own path is never expanded,
 * so a `$` there cannot be escaped and is refused.
 */
export function systemdEscapeArgv(argv: readonly string[]): string[] {
  const [program, ...rest] = argv;
  if (program === undefined) throw refused('An empty command cannot be run.');
  if (program.includes('$')) throw refused("The path of a unit's program must not hold a dollar sign.");
  return [program, ...rest.map((word) => word.replaceAll('$', '$$$$'))];
}

function refused(what: string): ProblemError {
  return new ProblemError(
    { id: 'command-refused', what, next: 'This is a mistake in the program: report it.' },
    EXIT.bug,
  );
}
