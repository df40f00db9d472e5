import type { CommandInfo } from './command-table.js';

/** The manual page, made from the table of commands. */

/** troff reads a dot or quote at the beginning of a line as a request, and a backslash everywhere. */
const troff = (text: string): string =>
  text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/[^\n -~]/gu, (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`);

const bold = (text: string): string => `\\fB${troff(text)}\\fR`;

export function manPage(program: CommandInfo, version: string, exits: string): string {
  return [
    `.TH BLACKSTART 1 "" "blackstart ${version}" "K3s recovery"`,
    '.SH NAME',
    `blackstart \\- ${troff(program.description.replace(/\.$/, '').replace(/^The/, 'the'))}`,
    '.SH SYNOPSIS',
    `${bold('blackstart')} [options] [command]`,
    '.SH OPTIONS',
    ...options(program),
    '.SH COMMANDS',
    ...program.commands
      .flatMap((one) => [one, ...one.commands.map((inner) => ({ ...inner, name: `${one.name} ${inner.name}` }))])
      .flatMap(section),
    '.SH EXIT STATUS',
    '.nf',
    troff(exits.trim()),
    '.fi',
    '.SH FILES',
    '.TP',
    bold('cluster.yaml'),
    'The inventory, in the working directory or in $XDG_CONFIG_HOME/blackstart. It never holds a secret.',
    '.TP',
    bold('$XDG_STATE_HOME/blackstart'),
    'Records of runs, reports, saved journals, and the spool of fetched snapshots.',
    '',
  ].join('\n');
}

function section(command: CommandInfo): string[] {
  const usage = command.args.map((one) => one.usage).join(' ');
  return [
    `.SS ${bold(`blackstart ${command.name}`)}${usage === '' ? '' : ` ${troff(usage)}`}`,
    troff(command.description),
    ...command.args
      .filter((one) => one.description !== '')
      .flatMap((one) => ['.TP', bold(one.usage), troff(one.description)]),
    ...options(command),
    ...(command.after === '' ? [] : ['.PP', '.nf', troff(command.after), '.fi']),
  ];
}

const options = (command: CommandInfo): string[] =>
  command.options.flatMap((one) => ['.TP', bold(one.flags), troff(one.description)]);
