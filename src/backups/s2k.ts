import { createHash } from 'node:crypto';
import type { Secret } from '../base/secret.js';

/**
 * The session key of gpg's `--symmetric`: a version 4 password packet with an iterated and salted S2K, an AES cipher, and no
 * session key of its own (RFC 9580, 3.7.1.3 and 5.3.1). Everything else is left to `openpgp`, whose own derivation of this one lays out
 * all 65 MB that gpg hashes by default as one array, twice: more memory than the whole rest of a restore takes.
 */

const HASHES: Readonly<Record<number, string>> = { 2: 'sha1', 8: 'sha256', 9: 'sha384', 10: 'sha512', 11: 'sha224' };
const AES_BITS: Readonly<Record<number, 128 | 192 | 256>> = { 7: 128, 8: 192, 9: 256 };
const BLOCK = 64 * 1024;

/** An AES key and its size; `undefined` for packets of any other make. */
export function gpgSessionKey(packet: Buffer, passphrase: Secret): { key: Buffer; bits: 128 | 192 | 256 } | undefined {
  if (packet.length !== 13 || packet[0] !== 4 || packet[2] !== 3) return undefined;
  const bits = AES_BITS[packet[1] ?? 0];
  const hash = HASHES[packet[3] ?? 0];
  if (bits === undefined || hash === undefined) return undefined;
  const coded = packet[12] ?? 0;
  const count = (16 + (coded & 15)) << ((coded >> 4) + 6);
  const salted = Buffer.concat([packet.subarray(4, 12), Buffer.from(passphrase.reveal(), 'utf8')]);
  return { key: derive(salted, count, hash, bits / 8), bits };
}

/** Hashes salt and passphrase over and over up to `count` bytes; a longer key than the hash takes a second run behind a zero byte. */
function derive(salted: Buffer, count: number, hash: string, length: number): Buffer {
  const total = Math.max(count, salted.length);
  // Whole repetitions, so that every block begins where the last one ended.
  const block = Buffer.alloc(Math.max(1, Math.floor(BLOCK / salted.length)) * salted.length, salted);
  const key: Buffer[] = [];
  for (let zeros = 0, have = 0; have < length; zeros++) {
    const running = createHash(hash).update(Buffer.alloc(zeros));
    let left = total;
    for (; left >= block.length; left -= block.length) running.update(block);
    running.update(block.subarray(0, left));
    const part = running.digest();
    key.push(part);
    have += part.length;
  }
  salted.fill(0);
  block.fill(0);
  return Buffer.concat(key).subarray(0, length);
}
