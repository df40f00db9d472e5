import { isIP, isIPv4, isIPv6 } from 'node:net';

/** An IPv6 address without its brackets; anything else as it is. */
export function withoutBrackets(address: string): string {
  return address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
}

/** Why an address cannot be one, or `undefined` when it can. */
export function addressMistake(text: string): string | undefined {
  const address = withoutBrackets(text);
  const host = address.replace(/%[A-Za-z0-9._-]+$/, '');
  if (isIP(host) !== 0) return undefined;
  if (text.startsWith('[') || host.includes('::')) return 'this is not an IPv6 address';
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) return 'this is not an IPv4 address';
  if (text.includes('@')) return 'an address has no user in it: put that under `user:`';
  if (text.includes('/')) return 'an address is a host, not a URL or path';
  if (text.includes(':')) return 'an address has no port in it: put that under `port:`';
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/.test(address)) {
    return 'an address is an IPv4 or IPv6 address, a DNS name, or a Host of ~/.ssh/config';
  }
  return undefined;
}

/** `[user@]host[:port]` taken apart (`[v6]:port` for IPv6), or `undefined` when it is not of that form. */
export function parseLogin(text: string): { user?: string; address: string; port?: number } | undefined {
  const at = text.lastIndexOf('@');
  const user = at > 0 ? text.slice(0, at) : undefined;
  const place = text.slice(at + 1);
  if (at === 0 || (user !== undefined && !isUserName(user))) return undefined;
  const plain = isIPv6(place) ? { host: place, port: undefined } : splitPort(place);
  if (plain === undefined || addressMistake(plain.host) !== undefined) return undefined;
  const port = plain.port === undefined ? undefined : Number(plain.port);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return {
    address: withoutBrackets(plain.host),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
  };
}

/** A login name that cannot be taken for an option or a second argument. */
export function isUserName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._\\@+-]{0,63}\$?$/.test(text);
}

function splitPort(place: string): { host: string; port: string | undefined } | undefined {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(place);
  return match?.[1] === undefined ? undefined : { host: match[1], port: match[2] };
}
