import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';
import { Secret } from '../base/secret.js';

/** Where a secret is to be had. The inventory never holds the secret itself. */
export type SecretSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'prompt' };

/** A question to the person at the terminal. */
export interface SecretQuestion {
  /** What is asked for, as one line: `passphrase of the backups`. */
  readonly text: string;
  /** Host that asks, where one does. */
  readonly host?: string;
  /** Whether what is typed may be shown. Default false. */
  readonly echo?: boolean;
}

/** Asks the person; `undefined` means they declined. */
export type AskSecret = (question: SecretQuestion, signal?: AbortSignal) => Promise<Secret | undefined>;

export interface ReadSecretOptions {
  /** What the secret is for, named in questions and errors. */
  readonly purpose?: string;
  readonly prompt?: AskSecret;
  /** Folder that relative `file:` paths and commands start from. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
  readonly signal?: AbortSignal;
  /** Told about what is unwise but not wrong, e.g. a secret file that everybody may read. */
  readonly warn?: (message: string) => void;
  /** How long a `command:` may take, milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
}

/** Examples shown wherever a source is wrong. */
export const SOURCE_EXAMPLE = 'env:NAME, file:PATH, command:pass show k3s/backup, or prompt';

const MAX_BYTES = 64 * 1024;

/** Parses a source; `undefined` when the text is none (it may then be a secret itself: never print it). */
export function parseSecretSource(text: string): SecretSource | undefined {
  const value = text.trim();
  if (value === 'prompt') return { kind: 'prompt' };
  const match = /^(env|file|command):\s*([\s\S]+)$/.exec(value);
  const rest = match?.[2] ?? '';
  if (rest.includes('\0')) return undefined;
  switch (match?.[1]) {
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest) ? { kind: 'env', name: rest } : undefined;
    case 'file':
      return { kind: 'file', path: rest };
    case 'command':
      return { kind: 'command', command: rest };
    default:
      return undefined;
  }
}

/** The source as a person wrote it; safe to show, it holds no secret. */
export function describeSource(source: SecretSource): string {
  switch (source.kind) {
    case 'env':
      return `env:${source.name}`;
    case 'file':
      return `file:${source.path}`;
    case 'command':
      return `command:${source.command}`;
    case 'prompt':
      return 'prompt';
  }
}

/**
 * Reads a secret. One trailing newline is dropped. A `command:` is run by `sh -c` in the inventory's folder: it is the
 * operator's own file, so it may use pipes and quotes. Errors name the source and never the content.
 *
 * @throws ProblemError `secret-missing`, `secret-unreadable` or `cancelled`
 */
export async function readSecret(source: SecretSource, options: ReadSecretOptions = {}): Promise<Secret> {
  options.signal?.throwIfAborted();
  const text = await readSource(source, options);
  const trimmed = text.replace(/\r?\n$/, '');
  if (trimmed === '') {
    throw missing(source, options, 'is empty', 'Put the secret there, or name another source.');
  }
  return new Secret(trimmed);
}

async function readSource(source: SecretSource, options: ReadSecretOptions): Promise<string> {
  switch (source.kind) {
    case 'env': {
      const value = (options.env ?? process.env)[source.name];
      if (value === undefined) {
        throw missing(
          source,
          options,
          'is not set',
          `Run \`export ${source.name}=…\` in this terminal and start again.`,
        );
      }
      return value;
    }
    case 'file':
      return readSecretFile(source, options);
    case 'command':
      return runCommand(source, options);
    case 'prompt': {
      const answer = await options.prompt?.({ text: options.purpose ?? 'secret' }, options.signal);
      if (answer !== undefined) return answer.reveal();
      const why = options.prompt === undefined ? 'cannot be asked for here (no terminal)' : 'was not given';
      throw missing(source, options, why, 'Name a source that needs no terminal: env:NAME, file:PATH or command:….');
    }
  }
}

async function readSecretFile(
  source: Extract<SecretSource, { kind: 'file' }>,
  options: ReadSecretOptions,
): Promise<string> {
  const path = expandPath(source.path, options.cwd ?? process.cwd(), options.home);
  try {
    const file = await open(path, 'r');
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new Error('it is a directory');
      if ((stat.mode & 0o077) !== 0) {
        options.warn?.(`${describeSource(source)} can be read by others on this machine: chmod 600 ${path}`);
      }
      const buffer = Buffer.alloc(MAX_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, stat.isFile() ? 0 : null);
      if (bytesRead > MAX_BYTES) throw new Error('it is larger than 64 KiB');
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(source, options, cause instanceof Error ? cause.message : 'it cannot be opened', cause);
  }
}

function runCommand(source: Extract<SecretSource, { kind: 'command' }>, options: ReadSecretOptions): Promise<string> {
  const limit = AbortSignal.timeout(options.timeoutMs ?? 30_000);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  return new Promise((resolvePromise, reject) => {
    const child = spawn('/bin/sh', ['-c', source.command], {
      cwd: options.cwd,
      env: options.env ?? process.env,
      // A pinentry or a password manager may want the terminal; its standard error may quote the secret, so it is dropped.
      stdio: ['ignore', 'pipe', 'ignore'],
      signal,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BYTES) chunks.push(chunk);
    });
    child.once('error', (error) => {
      child.stdout.destroy();
      if (options.signal?.aborted) return reject(options.signal.reason);
      const why = limit.aborted ? 'it took too long and was ended' : error.message;
      reject(unreadable(source, options, why));
    });
    child.once('close', (code, ended) => {
      if (signal.aborted) return;
      if (code !== 0) return reject(unreadable(source, options, `it ended with ${ended ?? `exit code ${code}`}`));
      if (bytes > MAX_BYTES) return reject(unreadable(source, options, 'it printed more than 64 KiB'));
      resolvePromise(Buffer.concat(chunks).toString('utf8'));
    });
  });
}

/** `~`, `~/x` and relative paths made absolute. */
export function expandPath(path: string, base: string, home = homedir()): string {
  if (path === '~') return home;
  if (path.startsWith('~/')) return join(home, path.slice(2));
  return isAbsolute(path) ? path : resolve(base, path);
}

function missing(source: SecretSource, options: ReadSecretOptions, why: string, next: string): ProblemError {
  const what = `The ${options.purpose ?? 'secret'} from ${describeSource(source)} ${why}.`;
  return new ProblemError({ id: 'secret-missing', what, next }, EXIT.usage);
}

function unreadable(source: SecretSource, options: ReadSecretOptions, why: string, cause?: unknown): ProblemError {
  const what = `The ${options.purpose ?? 'secret'} from ${describeSource(source)} cannot be read: ${why}.`;
  const next = source.kind === 'command' ? 'Run the command in a terminal and see what it says.' : 'Check the path.';
  return new ProblemError({ id: 'secret-unreadable', what, next }, EXIT.unreachable, { cause });
}
