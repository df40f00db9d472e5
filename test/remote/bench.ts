import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { HostEntry, Inventory } from '../../src/inventory/types.js';
import { type Hosts, type OpenHostsOptions, openHosts } from '../../src/remote/hosts.js';
import { keyType, lookupName } from '../../src/remote/known-hosts.js';
import { type ServerOptions, TestServer, wireKey } from './server.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs at the end of the test, last first. */
export function atEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const server = await new TestServer({ open: true, ...options }).listen();
  atEnd(() => server.close());
  return server;
}

/** A home folder of its own, with an empty `.ssh`. */
export function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'operator-'));
  mkdirSync(join(home, '.ssh'), { mode: 0o700 });
  atEnd(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

export function entry(name: string, port: number, more: Partial<HostEntry> = {}): HostEntry {
  const base = { role: 'server', address: '127.0.0.1', user: 'ops', dataDir: '/d', service: 'k3s' } as const;
  return { name, nodeName: name, port, ...base, ...more };
}

/** Opens hosts with a known_hosts that knows the keys of the given servers. */
export function open(
  entries: readonly HostEntry[],
  known: readonly TestServer[],
  options: OpenHostsOptions & { home?: string } = {},
): { hosts: Hosts; home: string; knownHosts: string } {
  const home = options.home ?? makeHome();
  const knownHosts = join(home, '.ssh', 'known_hosts');
  writeFileSync(
    knownHosts,
    known.flatMap((server) => server.hostKeys.map((key) => knownLine(server.port, wireKey(key)))).join(''),
  );
  const inventory: Inventory = {
    file: join(home, 'cluster.yaml'),
    folder: home,
    cluster: 'test',
    drill: false,
    knownHosts,
    servers: entries,
    agents: [],
    contacts: [],
    approvers: [],
  };
  const hosts = openHosts(inventory, { env: {}, ...options, home });
  atEnd(() => hosts.closeAll());
  return { hosts, home, knownHosts };
}

export function knownLine(port: number, key: Buffer): string {
  return `${lookupName('127.0.0.1', port)} ${keyType(key)} ${key.toString('base64')}\n`;
}

/** The problem something fails with. */
export async function problemOf(
  work: Promise<unknown>,
): Promise<{ id: string; what: string; next: string; left?: string }> {
  try {
    await work;
  } catch (error) {
    return (error as { problem: { id: string; what: string; next: string } }).problem ?? Promise.reject(error);
  }
  throw new Error('it did not fail');
}
