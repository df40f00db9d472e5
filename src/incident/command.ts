import type { JsonObject } from './json.js';

/** What a step sends, as data: the plan, the gate, the record and the paper fallback all show the same. */

/** May it be sent again when nobody knows whether it ran? */
export type Again = 'harmless' | 'never';

export interface ExecCommand {
  readonly kind: 'exec';
  /** The host, where it is not the step's own. */
  readonly on?: string;
  readonly argv: readonly string[];
  readonly root: boolean;
  readonly again: Again;
  /** Exit codes that count as success. Default `[0]`. */
  readonly expect?: readonly number[];
  /** The output is a secret: it is judged and forgotten, never recorded or shown. */
  readonly secretOutput?: boolean;
  readonly timeoutMs?: number;
  /** At most this much of each stream is read. */
  readonly maxBytes?: number;
}

/** Puts a file in place: mode and owner root, under a `.part` name first. */
export interface PutCommand {
  readonly kind: 'put';
  readonly path: string;
  readonly mode: number;
  /** Text, a secret by name that only the wiring can read, or a file made by an earlier task. */
  readonly content:
    | { readonly text: string }
    | { readonly secret: 'token-env' }
    | { readonly file: string; readonly what?: string }
    | MadeContent;
  readonly again: 'harmless';
}

/** A file made when it is sent, since it holds secrets: what the plan shows is how it is made. */
export type MadeContent = MadeOfHost | MadeOfSnapshot;

interface MadeFor {
  readonly from: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** Where the new one keeps its data, where that is not K3s' default. */
  readonly dataDir?: string;
}

/** From what another host has. */
export interface MadeOfHost extends MadeFor {
  readonly made: 'server-config' | 'server-env';
  /** The server a new one joins; the first server of a restore joins none, and gets the token that opens the snapshot. */
  readonly server?: string;
}

/** From what the snapshot says of a server, with the token that opens it. */
export interface MadeOfSnapshot extends MadeFor {
  readonly made: 'first-config';
  /** YAML without secrets. */
  readonly settings: string;
  /** Settings whose value has to be asked for. */
  readonly masked: readonly string[];
  readonly namesAddress: boolean;
}

/** How content that is made when it is sent is shown. */
export function madeText(content: MadeContent): string {
  if (content.made === 'server-env') return `the environment of ${content.from}'s unit less what is its own`;
  if (content.made === 'first-config') {
    const asked = content.masked.length === 0 ? '' : `; asked for: ${content.masked.join(', ')}`;
    return `the settings of ${content.from} by the snapshot, and the token that opens it, hidden${asked}: ${content.settings.trim().replaceAll('\n', '; ')}`;
  }
  const token = content.server === undefined ? 'the token that opens the snapshot' : "the cluster's token";
  const server = content.server === undefined ? '' : `server: ${content.server} and `;
  return `the settings of ${content.from}'s config files less what is its own, with ${server}${token}, hidden`;
}

/** Work on this machine: fetch and prove a backup. */
export interface TaskCommand {
  readonly kind: 'task';
  readonly task: string;
  readonly input: JsonObject;
  readonly again: 'harmless';
}

export type Command = ExecCommand | PutCommand | TaskCommand;

/** An answer to a command that only asks. */
export interface Answer {
  readonly argv: readonly string[];
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no answer; then the code is null and the texts are empty. */
  readonly silent?: string;
}

/** A command that looks and changes nothing, as root. */
export const look = (argv: readonly string[], more: Partial<ExecCommand> = {}): ExecCommand => ({
  kind: 'exec',
  argv,
  root: true,
  again: 'harmless',
  ...more,
});

/** A command that changes something and may be repeated. */
export const act = (argv: readonly string[], more: Partial<ExecCommand> = {}): ExecCommand => ({
  kind: 'exec',
  argv,
  root: true,
  again: 'harmless',
  ...more,
});

/** A command that must not run twice: in doubt, `done` or a receipt decides, else the operator. */
export const once = (argv: readonly string[], more: Partial<ExecCommand> = {}): ExecCommand => ({
  kind: 'exec',
  argv,
  root: true,
  again: 'never',
  ...more,
});

export const putText = (path: string, text: string, mode = 0o644): PutCommand => ({
  kind: 'put',
  path,
  mode,
  content: { text },
  again: 'harmless',
});
