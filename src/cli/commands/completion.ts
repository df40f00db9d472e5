import type { Command } from 'commander';
import { EXIT, ProblemError } from '../../base/problem.js';
import { VERSION } from '../../base/version.js';
import { FAULTS } from '../../practice/faults.js';
import { commandInfo } from '../command-table.js';
import { completionScript, SHELLS } from '../completion.js';
import { manPage } from '../man.js';
import { out } from '../output.js';
import { scenarios } from '../views.js';

/** Writes the completion script of a shell. */
export function completionCommand(shell: string, program: Command): number {
  const known = SHELLS.find((one) => one === shell);
  if (known === undefined)
    throw new ProblemError(
      { id: 'usage', what: `There is no completion for ${shell}.`, next: `One of: ${SHELLS.join(', ')}.` },
      EXIT.usage,
    );
  const ids = [...scenarios.keys()];
  out(
    completionScript(known, commandInfo(program), {
      plan: ids,
      checklist: ['pre-restore', 'weekly', 'monthly', 'quarterly', 'after-restore'],
      completion: SHELLS,
      'plan --format': ['text', 'markdown', 'shell', 'json'],
      'report --format': ['markdown', 'json'],
      'drill --scenario': ids,
      'drill --fault': FAULTS.map((fault) => fault.name),
    }).trimEnd(),
  );
  return EXIT.ok;
}

/** Writes the manual page, for `man -l -` and for packages. */
export function manCommand(program: Command, exits: string): number {
  out(manPage(commandInfo(program), VERSION, exits).trimEnd());
  return EXIT.ok;
}
