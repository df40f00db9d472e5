import { createDecipheriv, createHash, pbkdf2, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import type { Secret } from '../base/secret.js';
import { parseToken, shortHash } from './token.js';

const derive = promisify(pbkdf2);

/** What may be known of the bootstrap data after it was opened; nothing secret is in it. */
export interface OpenedBootstrap {
  /** SHA-256 K3s calls the CA hash: what stands in the full form of the token (facts 8.1). */
  readonly caHash: string | undefined;
  /** When the server CA expires, milliseconds since the epoch. */
  readonly caExpiry: number | undefined;
  /** Secrets encryption was on: the reset then needs `--secrets-encryption` (facts 8.4). */
  readonly secretsEncryption: boolean;
  /** Row `server` of the password file holds this token's password; `undefined` when there is no such row. */
  readonly passwordMatches: boolean | undefined;
}

/** Whether one token opens the bootstrap data. */
export type Opening =
  | { readonly opens: true; readonly bootstrap: OpenedBootstrap; readonly tokenCaHash: string | undefined }
  | { readonly opens: false; readonly hash: string | undefined; readonly reason: string; readonly damaged: boolean };

/** A live key below `/bootstrap/`: the hash in its name and its value. */
export interface BootstrapEntry {
  readonly hash: string;
  readonly value: Buffer;
}

/** Bootstrap data is a few kilobytes; a value above this is not read. */
export const MOST_BOOTSTRAP = 4 * 1024 * 1024;

/**
 * Tries one token on the bootstrap entries: by password, by the full text (very old clusters), then the empty password (facts
 * 8.2). Plaintext stays inside this function.
 */
export async function openBootstrap(entries: readonly BootstrapEntry[], token: Secret): Promise<Opening> {
  const parsed = parseToken(token);
  if ('wrong' in parsed) return { opens: false, hash: undefined, reason: parsed.wrong, damaged: false };
  const hash = shortHash(parsed.password);
  for (const password of new Set([parsed.password, token.reveal().trim(), ''])) {
    const entry = entries.find((one) => one.hash === shortHash(password));
    if (entry === undefined) continue;
    const opened = await decrypt(entry.value, password);
    if (typeof opened === 'string') return { opens: false, hash, reason: opened, damaged: true };
    return { opens: true, bootstrap: derived(opened, parsed.password), tokenCaHash: parsed.caHash };
  }
  return {
    opens: false,
    hash,
    reason: `its hash is ${hash}, the snapshot is filed under ${entries.map((one) => one.hash).join(', ')}`,
    damaged: false,
  };
}

/** facts 8.3: `salt:base64(nonce || ciphertext || tag)`, PBKDF2-SHA1 4096 rounds with the salt's text, AES-256-GCM. */
async function decrypt(value: Buffer, password: string): Promise<Record<string, unknown> | string> {
  const text = value.toString('latin1');
  if (text === '') return 'the entry is empty: a server began to write it and never finished';
  const colon = text.indexOf(':');
  if (colon < 0) return 'the entry is not in the form K3s writes';
  const sealed = Buffer.from(text.slice(colon + 1), 'base64');
  if (sealed.length < 28) return 'the entry is cut off';
  const key = await derive(password, text.slice(0, colon), 4096, 32, 'sha1');
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
    cipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
    const json: unknown = JSON.parse(plain.toString('utf8'));
    plain.fill(0);
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>;
    return 'its content is not the object K3s writes';
  } catch {
    return 'the token fits its name, but the content does not open: it is damaged';
  }
}

function derived(files: Record<string, unknown>, password: string): OpenedBootstrap {
  const ca = content(files.ServerCA);
  const hash = ca === undefined ? undefined : caHashOf(ca);
  const rows = content(files.PasswdFile)?.toString('utf8').split('\n') ?? [];
  const server = rows.map((row) => row.split(',')).find((columns) => columns[1] === 'server');
  return {
    caHash: hash,
    caExpiry: ca === undefined ? undefined : certificates(ca).map((one) => one.validToDate.getTime())[0],
    secretsEncryption: files.EncryptionConfig !== undefined,
    passwordMatches: server === undefined ? undefined : server[0] === password,
  };
}

/** facts 8.4: `{"Timestamp", "Content": base64}`, in old files the base64 alone. */
function content(file: unknown): Buffer | undefined {
  const text = typeof file === 'string' ? file : (file as { Content?: unknown } | undefined)?.Content;
  return typeof text === 'string' ? Buffer.from(text, 'base64') : undefined;
}

/**
 * The CA hash of a `server-ca.crt` (facts 8.1): of the file's bytes when it holds one certificate, else of the DER of the root its
 * first certificate leads up to.
 */
export function caHashOf(pem: Buffer): string | undefined {
  const chain = certificates(pem);
  if (chain.length === 0) return undefined;
  if (chain.length === 1) return sha256(pem);
  let top = chain[0];
  for (let steps = 0; top !== undefined && steps < chain.length; steps++) {
    const below: X509Certificate = top;
    const issuer = chain.find((one) => one !== below && below.checkIssued(one));
    if (issuer === undefined) break;
    top = issuer;
  }
  return top === undefined ? undefined : sha256(top.raw);
}

function certificates(pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.slice(0, 20).map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
