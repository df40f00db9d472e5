import { createDecipheriv } from 'node:crypto';
import type { Secret } from '../base/secret.js';
import { looksLikeOpenPgp } from '../snapshot/index.js';
import { ByteSource, type Chunks, CutOff, readBody, readHeader, TAG } from './packets.js';
import { gpgSessionKey } from './s2k.js';

/** Bytes from the beginning that are enough to test a passphrase. */
export const HEAD_BYTES = 16 * 1024;
/** AES block and the two repeated bytes behind it (RFC 9580, 5.13.1). */
export const PREFIX = 18;

/** What the beginning of an encrypted file tells. */
export type Head =
  | { readonly kind: 'not-openpgp' }
  /** Encrypted to keys only: no passphrase opens it. */
  | { readonly kind: 'public-key' }
  | { readonly kind: 'wrong-passphrase' }
  /** Password, AES, integrity-protected the way gpg 2.2 does it: `key` decrypts what begins at `offset`. */
  | {
      readonly kind: 'fast';
      readonly algorithm: `aes-${128 | 192 | 256}-cfb`;
      readonly key: Buffer;
      readonly offset: number;
    }
  /** A cipher neither Node's way nor `openpgp` has: Camellia and the like. */
  | { readonly kind: 'unsupported' }
  /** Anything else that takes a passphrase: AEAD, other ciphers, bzip2. Whether it is right is not known yet. */
  | { readonly kind: 'other' };

/** Whether a passphrase opens a file: `unknown` where that shows only at the end (AEAD, old ciphers). */
export type PassphraseTest = 'opens' | 'wrong' | 'unknown' | 'unsupported' | 'not-openpgp' | 'public-key';

/** Tests a passphrase on the first {@link HEAD_BYTES} of a file, binary or armoured: what a range request fetches. */
export async function testPassphrase(head: Buffer, passphrase: Secret): Promise<PassphraseTest> {
  const found = await readHead(isArmoured(head) ? unarmourHead(head) : head, passphrase);
  switch (found.kind) {
    case 'fast':
      return 'opens';
    case 'wrong-passphrase':
      return 'wrong';
    case 'other':
      return 'unknown';
    default:
      return found.kind;
  }
}

/** True for ASCII armour. */
export function isArmoured(head: Buffer): boolean {
  return head.toString('latin1', 0, 64).trimStart().startsWith('-----BEGIN PGP');
}

/** The binary data of as much armour as is there: lines behind the first empty one, up to checksum or footer. */
function unarmourHead(head: Buffer): Buffer {
  const text = head.toString('latin1').replace(/\r\n/g, '\n');
  const body = text.slice(text.indexOf('\n\n') + 2).split(/\n[=-]/)[0] ?? '';
  const base64 = body.replace(/\s+/g, '');
  return Buffer.from(base64.slice(0, base64.length - (base64.length % 4)), 'base64');
}

/** Reads packets up to the encrypted part, and lets `openpgp` make the session key (S2K and its policy are its business). */
export async function readHead(head: Buffer, passphrase: Secret): Promise<Head> {
  if (!looksLikeOpenPgp(head)) return { kind: 'not-openpgp' };
  const layout = await readLayout(head);
  if (layout === undefined) return { kind: 'not-openpgp' };
  if (layout.passwords === 0) return { kind: layout.keys > 0 ? 'public-key' : 'other' };
  const cipher = layout.password[0] === 4 ? (layout.password[1] ?? 0) : 0;
  if (layout.passwords === 1 && cipher > 10) return { kind: 'unsupported' };
  if (layout.protectedAt === undefined || head[layout.bodyAt] !== 1) return { kind: 'other' };
  const keys = await sessionKeys(head, layout, passphrase);
  let aes = false;
  for (const { data, algorithm } of keys) {
    const bits = /^aes(128|192|256)$/.exec(algorithm ?? '')?.[1];
    if (bits === undefined) continue;
    aes = true;
    const mode = `aes-${bits}-cfb` as 'aes-256-cfb';
    const key = Buffer.from(data);
    const plain = createDecipheriv(mode, key, Buffer.alloc(16)).update(layout.sample);
    if (!prefixRepeats(plain)) continue;
    return usesBzip2(plain) ? { kind: 'other' } : { kind: 'fast', algorithm: mode, key, offset: layout.protectedAt };
  }
  return { kind: aes ? 'wrong-passphrase' : 'other' };
}

async function sessionKeys(
  head: Buffer,
  layout: Layout,
  passphrase: Secret,
): Promise<{ data: Uint8Array; algorithm: string | null }[]> {
  const gpg = layout.passwords === 1 ? gpgSessionKey(layout.password, passphrase) : undefined;
  if (gpg !== undefined) return [{ data: gpg.key, algorithm: `aes${gpg.bits}` }];
  const { readMessage, decryptSessionKeys } = await import('openpgp');
  try {
    const message = await readMessage({ binaryMessage: webStream(head) });
    return await decryptSessionKeys({ message, passwords: passphrase.reveal() });
  } catch {
    // An encrypted session key that does not come out right. Without one, every passphrase gives a key: the prefix tells.
    return [{ data: Buffer.alloc(16), algorithm: 'aes128' }];
  }
}

/** The last two bytes of the first block stand twice; by chance that happens once in 65,536. */
export function prefixRepeats(plain: Buffer): boolean {
  return plain.length >= PREFIX && plain[14] === plain[16] && plain[15] === plain[17];
}

/** A compressed packet (old form `a0`–`a3`, new form `c8`) with algorithm 3. */
function usesBzip2(plain: Buffer): boolean {
  const first = plain[PREFIX] ?? 0;
  if ((first & 0xfc) === 0xa0) return plain[PREFIX + 1 + ((first & 3) === 3 ? 0 : 1 << (first & 3))] === 3;
  const length = plain[PREFIX + 1] ?? 0;
  const bytes = length < 192 || (length >= 224 && length < 255) ? 1 : length === 255 ? 5 : 2;
  return first === 0xc8 && plain[PREFIX + 1 + bytes] === 3;
}

interface Layout {
  passwords: number;
  /** Body of the last password packet. */
  password: Buffer;
  keys: number;
  /** Where the integrity-protected packet begins, and where its body does. */
  protectedAt: number | undefined;
  bodyAt: number;
  /** The first ciphertext of its body. */
  sample: Buffer;
}

async function readLayout(head: Buffer): Promise<Layout | undefined> {
  const layout: Layout = {
    passwords: 0,
    password: Buffer.alloc(0),
    keys: 0,
    protectedAt: undefined,
    bodyAt: 0,
    sample: Buffer.alloc(0),
  };
  let given = 0;
  // One byte at a time tells where a header ends: `given` is how much was handed out.
  const source = new ByteSource(
    (async function* (): Chunks {
      for (; given < head.length; ) yield head.subarray(given, ++given);
    })(),
  );
  try {
    for (let packets = 0; packets < 100; packets++) {
      const at = given;
      const header = await readHeader(source);
      if (header === undefined) return undefined;
      if (header.tag === TAG.protected) {
        layout.protectedAt = at;
        layout.bodyAt = given;
        layout.sample = await sampleOf(source, header);
        return layout;
      }
      if (header.tag === TAG.aead || header.tag === 9) return layout;
      if (header.tag === TAG.passwordSession) layout.passwords++;
      else if (header.tag === TAG.publicKeySession) layout.keys++;
      else if (header.tag !== TAG.marker) return undefined;
      const pieces: Buffer[] = [];
      for await (const piece of readBody(source, header)) pieces.push(piece);
      if (header.tag === TAG.passwordSession) layout.password = Buffer.concat(pieces);
    }
  } catch (thrown) {
    if (!(thrown instanceof CutOff)) throw thrown;
  }
  return undefined;
}

async function sampleOf(source: ByteSource, header: Parameters<typeof readBody>[1]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of readBody(source, header)) if (pieces.push(piece) > 64) break;
  } catch (thrown) {
    if (!(thrown instanceof CutOff)) throw thrown;
  }
  return Buffer.concat(pieces).subarray(1);
}

function webStream(bytes: Buffer): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });
}
