import { createHash } from 'node:crypto';
import type { Secret } from '../base/secret.js';

/** A server token taken apart (facts 8.1). */
export interface ParsedToken {
  /** What K3s encrypts the bootstrap data with. */
  readonly password: string;
  /** The CA hash in the full form `K10<hash>::user:password`. */
  readonly caHash: string | undefined;
  readonly user: string | undefined;
}

/** A token that cannot be a server token, and why, in words. */
export interface RefusedToken {
  readonly wrong: string;
}

const BOOTSTRAP_TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** Takes a token apart as K3s does (facts 8.1: NormalizeToken, parseToken). The result holds the password: do not keep it. */
export function parseToken(token: Secret): ParsedToken | RefusedToken {
  const text = token.reveal().trim();
  if (!text.startsWith('K10')) {
    if (BOOTSTRAP_TOKEN.test(text)) return { wrong: 'it is a bootstrap token for agents, not the server token' };
    return { password: text, caHash: undefined, user: undefined };
  }
  const rest = text.slice(3);
  const split = rest.indexOf('::');
  const caHash = split < 0 ? '' : rest.slice(0, split);
  const credentials = split < 0 ? rest : rest.slice(split + 2);
  if (caHash !== '' && caHash.length !== 64)
    return { wrong: 'the CA hash in it has the wrong length: it was cut or joined with something' };
  const colon = credentials.indexOf(':');
  const user = colon < 0 ? '' : credentials.slice(0, colon);
  const password = colon < 0 ? '' : credentials.slice(colon + 1);
  if (password === '') return { wrong: 'it has no password part' };
  return { password, caHash: caHash === '' ? undefined : caHash.toLowerCase(), user };
}

/** The first 12 hex digits of SHA-256: K3s' ShortHash (facts 8.2). */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/**
 * The 12 hex digits K3s files its bootstrap data under and writes to S3 as `K3s-Token-Hash` (facts 8.2): enough to find the
 * right token without downloading anything. `undefined` for what cannot be a server token.
 */
export function tokenHash(token: Secret): string | undefined {
  const parsed = parseToken(token);
  return 'wrong' in parsed ? undefined : shortHash(parsed.password);
}
