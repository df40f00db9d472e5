import { basename } from 'node:path';
import { looksLikeBolt } from './bolt-meta.js';
import type { Finding } from './findings.js';
import type { RandomReader } from './reader.js';

/** What a file is, by its first bytes, its size and its name. */
export type Format = 'etcd-snapshot' | 'etcd-db' | 'zip' | 'sqlite' | 'openpgp' | 'gzip' | 'empty' | 'part' | 'unknown';

/**
 * True for a file that begins as OpenPGP does: ASCII armour, or the packet of a password- or key-encrypted session key in the old or
 * new packet form, with a version such packets have.
 */
export function looksLikeOpenPgp(head: Buffer): boolean {
  const text = head.toString('latin1', 0, 64).trimStart();
  if (text.startsWith('-----BEGIN PGP')) return true;
  if (head.length < 4) return false;
  const tag = head[0] ?? 0;
  if ((tag & 0x80) === 0) return false;
  const fresh = (tag & 0x40) !== 0;
  const kind = fresh ? tag & 0x3f : (tag >> 2) & 0x0f;
  const version = head[fresh ? 2 : 1 + (1 << (tag & 3))] ?? 0;
  if (kind === 3) return version >= 4 && version <= 6;
  if (kind === 1) return version === 3 || version === 6;
  // Marker, or an encrypted part that stands alone.
  return kind === 10 || kind === 18 || kind === 20;
}

/** Names the file's outer form. `name` decides what its content cannot: `.part`. */
export function recognise(reader: RandomReader, name: string = reader.path): Format {
  if (reader.size === 0) return 'empty';
  if (name.endsWith('.part')) return 'part';
  const head = reader.slice(0, 128);
  if (head.toString('latin1', 0, 16) === 'SQLite format 3\0') return 'sqlite';
  // etcd's pages come before the short magics: a page number could look like one of them.
  if (looksLikeBolt(reader)) return reader.size % 512 === 0 ? 'etcd-db' : 'etcd-snapshot';
  const start = head.length >= 4 ? head.readUInt32LE(0) : 0;
  if (start === 0x04034b50 || start === 0x06054b50) return 'zip';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  return looksLikeOpenPgp(head) ? 'openpgp' : 'unknown';
}

/** Why a file of this form cannot be restored as it is, and what to do: `undefined` for the forms that are read further. */
export function refusal(format: Format, name: string): Finding | undefined {
  const fatal = (id: string, message: string, remedy: string): Finding => ({ id, severity: 'fatal', message, remedy });
  switch (format) {
    case 'empty':
      return fatal(
        'empty-file',
        'The file is empty.',
        'Fetch it again; if it is empty at its source, choose another snapshot.',
      );
    case 'part':
      return fatal(
        'unfinished',
        'This is an unfinished snapshot: K3s writes under a name ending in .part and renames it when it is whole.',
        'Never restore it. Choose a snapshot whose name does not end in .part.',
      );
    case 'openpgp':
      return fatal(
        'encrypted',
        'This file is encrypted with OpenPGP.',
        'Decrypt it first: give the passphrase source in the inventory, or run gpg --decrypt, then verify the result.',
      );
    case 'gzip':
      return fatal(
        'compressed',
        'This file is compressed with gzip, which K3s does not read.',
        'Unpack it with gunzip, then verify the result.',
      );
    case 'unknown':
      return fatal(
        'not-a-snapshot',
        `${/\.(gpg|pgp|asc)$/.test(name) ? 'Despite its name this is no OpenPGP file, and it is' : 'This is'} no etcd snapshot: nothing in it looks like an etcd database.`,
        'Check that the right file was fetched, and that it came over whole; otherwise choose another snapshot.',
      );
    default:
      return undefined;
  }
}

/** The name findings and messages use: never a whole path of this machine. */
export function shortName(path: string): string {
  return basename(path);
}
