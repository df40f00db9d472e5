import type { Command } from '../src/incident/command.js';

/** A command as a person reads it: words that need quotes have them. What is sent is quoted by `src/remote/quote.ts`. */
export function quotedForPeople(command: Command): string {
  switch (command.kind) {
    case 'exec':
      return command.argv.map(quote).join(' ');
    case 'put':
      return `put ${command.path} (mode ${command.mode.toString(8)}, ${'text' in command.content ? `${command.content.text.length} bytes` : 'file' in command.content ? 'the proven snapshot' : 'the token, hidden'})`;
    case 'task':
      return `${command.task} ${Object.values(command.input)
        .filter((value) => typeof value === 'string')
        .join(' ')}`;
  }
}

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
