import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, ProblemError } from '../base/problem.js';
import { hashName, type KnownHostLine, keyType, parseKnownHosts } from './known-hosts.js';

/**
 * Reads known_hosts files; one that is not there is empty.
 *
 * @throws ProblemError `known-hosts-unreadable`: without the file no key can be trusted, so nothing is connected to
 */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHostLine[]> {
  const lines = await Promise.all(files.map(async (file) => parseKnownHosts(await readText(file), file)));
  return lines.flat();
}

/**
 * Appends a key, hashed when the file has hashed names. The file is made with mode 0600 in a folder of mode 0700 when it
 * is not there; a last line without a newline gets one first.
 */
export async function addKnownHost(file: string, name: string, key: Buffer): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const text = await readText(file);
    const hashed = /^\|1\|/m.test(text);
    const who = hashed ? hashName(name, randomBytes(20)) : name;
    const newline = text === '' || text.endsWith('\n') ? '' : '\n';
    const handle = await open(file, 'a', 0o600);
    try {
      await handle.write(`${newline}${who} ${keyType(key) ?? 'unknown'} ${key.toString('base64')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unusable(file, 'written', cause);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return '';
    throw unusable(file, 'read', cause);
  }
}

function unusable(file: string, verb: 'read' | 'written', cause: unknown): ProblemError {
  if (cause instanceof ProblemError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ProblemError(
    {
      id: verb === 'read' ? 'known-hosts-unreadable' : 'known-hosts-unwritable',
      what: `The known host keys cannot be ${verb}: ${why}.`,
      where: file,
      left: 'Nothing was connected to.',
      next: `Look at it with \`ls -l ${file}\`, correct its owner or mode, then check again.`,
    },
    EXIT.unreachable,
    { cause },
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
