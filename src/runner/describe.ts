import { createHash } from 'node:crypto';
import { inertText } from '../base/inert.js';
import { type Command, madeText } from '../incident/command.js';
import type { CommandText } from '../incident/event.js';

/** A command as it is kept and shown: exactly the argument list, never a secret. */
export function commandText(command: Command, host: string): CommandText {
  switch (command.kind) {
    case 'exec':
      return { kind: 'exec', host: command.on ?? host, argv: command.argv, root: command.root, again: command.again };
    case 'put':
      return {
        kind: 'put',
        host,
        argv: ['put', command.path, `mode=${command.mode.toString(8)}`, `content=${contentName(command.content)}`],
        root: true,
        again: command.again,
      };
    case 'task':
      return {
        kind: 'task',
        host: 'here',
        argv: [command.task, JSON.stringify(command.input)],
        root: false,
        again: command.again,
      };
  }
}

function contentName(content: Extract<Command, { kind: 'put' }>['content']): string {
  if ('file' in content) return content.what ?? 'proven snapshot';
  if ('made' in content) return madeText(content);
  if ('secret' in content) return 'token, hidden';
  return `sha256:${createHash('sha256').update(content.text).digest('hex').slice(0, 12)}`;
}

const EXCERPT = 2_000;

/** The end of an output, made inert and bounded, for the record: errors stand last. */
export function excerpt(text: string): string {
  const inert = inertText(text).trimEnd();
  return inert.length <= EXCERPT ? inert : `… ${inert.slice(-EXCERPT)}`;
}

export const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
