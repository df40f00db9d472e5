import type { CommandInfo } from './command-table.js';

/** Completion scripts for shells: commands, options, and the values that are known. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Values of arguments and options, by `command` or `command --option`; others are completed as files. */
export type Values = Readonly<Record<string, readonly string[]>>;

export function completionScript(shell: Shell, program: CommandInfo, values: Values): string {
  return { bash, zsh, fish }[shell](program, values);
}

/** Each command with what may follow it: nested ones by their full name, `audit verify`. */
function flat(program: CommandInfo): { path: string; info: CommandInfo }[] {
  return program.commands.flatMap((info) => [
    { path: info.name, info },
    ...info.commands.map((inner) => ({ path: `${info.name} ${inner.name}`, info: inner })),
  ]);
}

const long = (info: CommandInfo): string[] => [...info.options.map((one) => one.long), '--help'];

function bash(program: CommandInfo, values: Values): string {
  const cases = flat(program).map(({ path, info }) => {
    const words = [...(values[path] ?? []), ...info.commands.map((one) => one.name), ...long(info)];
    return `    '${path}') words='${words.join(' ')}' ;;`;
  });
  const valueCases = Object.entries(values)
    .filter(([key]) => key.includes(' --'))
    .map(([key, known]) => `    '${key}') words='${known.join(' ')}' ;;`);
  return `# bash completion of blackstart. In ~/.bashrc: source <(blackstart completion bash)
_blackstart() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} cmd='' words='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --inventory) ((index++)) ;;
      -*) ;;
      *) if [[ -z $cmd ]]; then cmd=\${COMP_WORDS[index]}; elif [[ $cmd == audit ]]; then cmd="$cmd \${COMP_WORDS[index]}"; fi ;;
    esac
  done
  case "$cmd $prev" in
${valueCases.join('\n')}
  esac
  if [[ -z $words ]]; then case "$cmd" in
    '') words='${[...program.commands.map((one) => one.name), ...long(program)].join(' ')}' ;;
${cases.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _blackstart blackstart
`;
}

/** zsh understands bash's completions; its own would say the same in more words. */
function zsh(program: CommandInfo, values: Values): string {
  return `#compdef blackstart
# zsh completion of blackstart. In ~/.zshrc: source <(blackstart completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bash(program, values).replace(/^#.*\n/, '')}`;
}

function fish(program: CommandInfo, values: Values): string {
  const quote = (text: string): string => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
  const names = program.commands.map((one) => one.name).join(' ');
  const lines = [
    '# fish completion of blackstart: blackstart completion fish > ~/.config/fish/completions/blackstart.fish',
    ...program.options.map((one) => `complete -c blackstart -l ${one.long.slice(2)} -d ${quote(one.description)}`),
    ...program.commands.map(
      (one) =>
        `complete -c blackstart -n 'not __fish_seen_subcommand_from ${names}' -f -a ${one.name} -d ${quote(one.description)}`,
    ),
  ];
  for (const { path, info } of flat(program)) {
    const condition = path
      .split(' ')
      .map((name) => `__fish_seen_subcommand_from ${name}`)
      .join('; and ');
    const words = [...(values[path] ?? []), ...info.commands.map((one) => one.name)];
    if (words.length > 0) lines.push(`complete -c blackstart -n ${quote(condition)} -f -a ${quote(words.join(' '))}`);
    for (const one of info.options) {
      const known = values[`${path} ${one.long}`];
      const value = one.takesValue ? (known === undefined ? ' -r' : ` -x -a ${quote(known.join(' '))}`) : '';
      lines.push(
        `complete -c blackstart -n ${quote(condition)} -l ${one.long.replace(/^--/, '')}${value} -d ${quote(one.description)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
