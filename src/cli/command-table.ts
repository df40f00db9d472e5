import type { Command } from 'commander';

/** The commands of this program as a table: completions and the manual page are made from it, so that they cannot fall behind. */
export interface CommandInfo {
  readonly name: string;
  readonly description: string;
  /** As in the usage line: `[text...]`. */
  readonly args: readonly { readonly usage: string; readonly description: string }[];
  readonly options: readonly OptionInfo[];
  /** What follows the help: examples. */
  readonly after: string;
  readonly commands: readonly CommandInfo[];
}

export interface OptionInfo {
  /** `--fault <name...>` */
  readonly flags: string;
  readonly long: string;
  readonly takesValue: boolean;
  readonly description: string;
}

export function commandInfo(command: Command): CommandInfo {
  let after = '';
  // What `addHelpText` adds is only to be had by listening to the help being written.
  command.configureOutput({ writeOut: (text) => (after += text) });
  command.outputHelp();
  const help = command.helpInformation();
  return {
    name: command.name(),
    description: command.description(),
    args: command.registeredArguments.map((one) => ({
      usage: one.required
        ? `<${one.name()}${one.variadic ? '...' : ''}>`
        : `[${one.name()}${one.variadic ? '...' : ''}]`,
      description: one.description,
    })),
    options: command.options.map((one) => ({
      flags: one.flags,
      long: one.long ?? one.flags,
      takesValue: one.required || one.optional,
      description: one.description,
    })),
    after: after.startsWith(help) ? after.slice(help.length).trim() : '',
    commands: command.commands.map(commandInfo),
  };
}
