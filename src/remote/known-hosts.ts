import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** One usable line of a known_hosts file. */
export interface KnownHostLine {
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly marker?: 'revoked' | 'cert-authority';
  readonly patterns: string;
  readonly type: string;
  /** The public key as it goes over the wire. */
  readonly key: Buffer;
}

/** A key as shown to a person. */
export interface KeyView {
  readonly type: string;
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** What known_hosts says about the key a host showed. */
export type Verdict =
  | { readonly verdict: 'known' }
  /** `authority`: the host is known only through a certificate authority, which ssh2 cannot check. */
  | { readonly verdict: 'unknown'; readonly authority?: { readonly file: string; readonly line: number } }
  | {
      readonly verdict: 'changed';
      readonly known: readonly (KeyView & { readonly file: string; readonly line: number })[];
    }
  | { readonly verdict: 'revoked'; readonly file: string; readonly line: number };

/** The lines of one file that hold a host key; comments and what cannot be read are left out, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): KnownHostLine[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const words = raw.trim().split(/[ \t]+/);
    if (words[0] === '' || words[0]?.startsWith('#')) return [];
    const marker = words[0]?.startsWith('@') ? words.shift()?.slice(1) : undefined;
    if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return [];
    const [patterns, type, base64] = words;
    if (patterns === undefined || type === undefined || base64 === undefined) return [];
    const key = decodeKey(base64);
    if (key === undefined || keyType(key) !== type) return [];
    return [{ file, line: index + 1, patterns, type, key, ...(marker === undefined ? {} : { marker }) }];
  });
}

/** The name a host is looked up by: lower case, and `[host]:port` when the port is not 22. */
export function lookupName(host: string, port = 22): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether a line's first field means this lookup name: hashed, or a comma list with `*`, `?` and `!`. */
export function matchesHost(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) return matchesHashed(patterns, name);
  let matched = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!wildcard(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/**
 * Judges the key a host showed. A revoked key is refused whatever else is known; a key of another type than all known ones
 * counts as changed, because the known types are offered first (see {@link hostKeyAlgorithms}).
 */
export function judgeKey(lines: readonly KnownHostLine[], name: string, key: Buffer): Verdict {
  const mine = lines.filter((line) => matchesHost(line.patterns, name));
  const revoked = mine.find((line) => line.marker === 'revoked' && line.key.equals(key));
  if (revoked !== undefined) return { verdict: 'revoked', file: revoked.file, line: revoked.line };
  const plain = mine.filter((line) => line.marker === undefined);
  if (plain.some((line) => line.key.equals(key))) return { verdict: 'known' };
  if (plain.length > 0) {
    const type = keyType(key);
    const same = plain.filter((line) => line.type === type);
    const shown = same.length > 0 ? same : plain;
    return {
      verdict: 'changed',
      known: shown.map(({ file, line, key: known }) => ({ file, line, ...viewKey(known) })),
    };
  }
  const authority = mine.find((line) => line.marker === 'cert-authority');
  return authority === undefined
    ? { verdict: 'unknown' }
    : { verdict: 'unknown', authority: { file: authority.file, line: authority.line } };
}

const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;
export type HostKeyAlgorithm = (typeof ALGORITHMS)[number];

/** Signature algorithms to offer, those of the key types known for the host first: else a host known by another type looks changed. */
export function hostKeyAlgorithms(lines: readonly KnownHostLine[], name: string): HostKeyAlgorithm[] {
  const types = new Set(
    lines.filter((line) => line.marker === undefined && matchesHost(line.patterns, name)).map((line) => line.type),
  );
  const isKnown = (algorithm: HostKeyAlgorithm): boolean =>
    types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((algorithm) => !isKnown(algorithm))];
}

/** Type and fingerprint of a public key. */
export function viewKey(key: Buffer): KeyView {
  return { type: keyType(key) ?? 'unknown', fingerprint: fingerprint(key) };
}

/** `SHA256:` and the unpadded base64 of the key's hash, like OpenSSH. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type a public key says of itself, or `undefined` when it is cut short. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  if (length === 0 || length > 64 || key.length < 4 + length) return undefined;
  return key.toString('latin1', 4, 4 + length);
}

/** The `|1|salt|hash` form of a lookup name. */
export function hashName(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

function matchesHashed(field: string, name: string): boolean {
  const [, , salt, hash, ...more] = field.split('|');
  if (salt === undefined || hash === undefined || more.length > 0) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** `*` and `?` only, in time proportional to pattern times name. */
function wildcard(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let mark = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function decodeKey(base64: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}
