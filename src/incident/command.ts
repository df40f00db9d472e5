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

/** A file made when it is sent from what another host has, since it holds secrets: what the plan shows is how it is made. */
export interface MadeContent {
  readonly made: 'server-config' | 'server-env';
  readonly from: string;
  /** The server a new one joins, its node name and its address. */
  readonly server: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** Where the new one keeps its data, where that is not K3s' default. */
  readonly dataDir?: string;
}

/** How content that is made when it is sent is shown. */
export const madeText = ({ made, from, server }: MadeContent): string =>
  made === 'server-config'
    ? `the settings of ${from}'s config files less what is its own, with server: ${server} and the cluster's token, hidden`
    : `the environment of ${from}'s unit less what is its own`;

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
