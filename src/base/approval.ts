import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from './secret.js';

/**
 * A second person's consent without a network: the gate shows a short challenge, their machine answers with a short code made of it and
 * a key both machines hold. The challenge names gate and target in clear, so that they see what they consent to, and binds
 * run, steps, hosts and facts by a digest: a gate that shows anything else needs another code.
 */

/** Crockford's base 32: no letter that could be read as another one or as a digit. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** @param length in characters of 5 bits each */
function base32(bytes: Uint8Array, length: number): string {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const all = BigInt(bytes.length * 8);
  return Array.from({ length }, (_, at) => LETTERS[Number((bits >> (all - BigInt(5 * (at + 1)))) & 31n)]).join('');
}

const grouped = (text: string, size: number): string => text.match(new RegExp(`.{1,${size}}`, 'g'))?.join('-') ?? '';

/** `reset.node-1.7F3K2-Q2MN4`. */
export function challengeFor(gate: string, target: string, binds: readonly unknown[]): string {
  const digest = createHash('sha256').update(JSON.stringify(binds)).digest();
  return `${gate}.${target}.${grouped(base32(digest, 10), 5)}`;
}

/** What a challenge says in clear; undefined when it is none. */
export function readChallenge(text: string): { gate: string; target: string; whole: string } | undefined {
  const match = /^([a-z][a-z0-9-]*)\.(.+)\.([0-9A-Za-z]{5}-?[0-9A-Za-z]{5})$/.exec(text.trim());
  if (match === null) return undefined;
  const [, gate = '', target = '', digest = ''] = match;
  return { gate, target, whole: `${gate}.${target}.${grouped(plain(digest), 5)}` };
}

/** As it was meant: case, dashes, and letters that look like digits do not matter. */
const plain = (text: string): string =>
  text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replaceAll('I', '1').replaceAll('L', '1');

/** `4MZ8-R1TW`. */
export function approvalCode(key: Secret, challenge: string): string {
  const code = createHmac('sha256', key.reveal().trim()).update(`blackstart approve\n${challenge}`).digest();
  return grouped(base32(code, 8), 4);
}

export function isApproval(key: Secret, challenge: string, typed: string): boolean {
  const expected = Buffer.from(plain(approvalCode(key, challenge)));
  const given = Buffer.from(plain(typed));
  return expected.length === given.length && timingSafeEqual(expected, given);
}
