import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import type { SshHost } from '../../src/remote/ssh-host.js';
import { entry, open, problemOf, startServer } from './bench.js';
import type { ServerOptions, TestServer } from './server.js';

/** A host with a file, behind a sudo that asks or does not. */
async function bench(
  bytes: Buffer,
  options: ServerOptions = {},
  sudo: 'passwordless' | 'asks' = 'passwordless',
): Promise<{ server: TestServer; host: SshHost; path: string; file: string }> {
  const server = await startServer(options);
  const asks = sudo === 'asks';
  const reads = asks ? 'IFS= read -r given; [ "$given" = right ] || exit 1; ' : '';
  server.program(
    'sudo',
    `case "$1" in -n) ${asks ? 'echo "sudo: a password is required" >&2; exit 1' : ':'};; esac
while [ "$1" != -- ]; do shift; done; shift; ${reads}echo "$*" >> "$(dirname "$0")/root.log"
exec "$@"`,
  );
  const mode = asks
    ? ({ kind: 'password', password: { kind: 'prompt' } } as const)
    : ({ kind: 'passwordless' } as const);
  const { hosts } = open([entry('cp1', server.port, { sudo: mode })], [server], {
    ask: async () => new Secret('right'),
  });
  const path = join(server.home, 'db snapshots', "it's a file");
  mkdirSync(join(server.home, 'db snapshots'));
  writeFileSync(path, bytes);
  return { server, host: hosts.get('cp1'), path, file: join(server.home, 'here') };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('get', () => {
  it.each([
    ['as the login user', false, 'passwordless'],
    ['as root through passwordless sudo', true, 'passwordless'],
    ['as root through a sudo that asks', true, 'asks'],
  ] as const)('%s: every byte, private here, progress to the end', async (_, root, sudo) => {
    const bytes = randomBytes(3_500_000);
    const { server, host, path, file } = await bench(bytes, {}, sudo);
    const seen: [number, number][] = [];
    const got = await host.get({ path, file, root, onProgress: (done, total) => seen.push([done, total]) });
    expect(got).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(seen[0]).toEqual([0, bytes.length]);
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
    if (root) expect(readFileSync(join(server.bin, 'root.log'), 'utf8')).toContain(`dd if=${path}`);
  });

  it('an empty file, and a shell that prints a banner before every command', async () => {
    const { host, path, file } = await bench(Buffer.alloc(0), { banner: 'Welcome\n' });
    expect((await host.get({ path, file, root: true })).bytes).toBe(0);
    writeFileSync(path, 'data');
    expect((await host.get({ path, file: `${file}2`, root: true })).sha256).toBe(sha256(Buffer.from('data')));
  });

  it('goes on from the last byte after a drop', async () => {
    const bytes = randomBytes(9_000_000);
    const { server, host, path, file } = await bench(bytes, { dropAfterSent: 3_000_000 });
    const got = await host.get({ path, file, root: true });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(got.sha256).toBe(sha256(bytes));
    expect(server.connections).toBe(2);
    const skips = server.commands.flatMap((command) => /skip=(\d+)/.exec(command)?.[1] ?? []).map(Number);
    expect(skips).toHaveLength(2);
    expect(skips[0]).toBe(0);
    expect(skips[1]).toBeGreaterThan(0);
  });

  it('ends where a file that was made long beforehand holds nothing more', async () => {
    const bytes = randomBytes(2_000_000);
    const { server, host, path, file } = await bench(bytes);
    truncateSync(path, 300_000_000);
    const got = await host.get({ path, file, root: true, untilZeros: 1_000_000 });
    expect(got.bytes).toBeGreaterThanOrEqual(3_000_000);
    expect(got.bytes).toBeLessThan(30_000_000);
    expect(readFileSync(file).subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(statSync(file).size).toBe(got.bytes);
    expect(server.connections).toBe(1);
    // A file without such a rest comes whole.
    truncateSync(path, 2_500_000);
    expect((await host.get({ path, file: `${file}2`, untilZeros: 1_000_000 })).bytes).toBe(2_500_000);
  });

  it('a file that changes meanwhile is not kept, unless it is known to', async () => {
    const bytes = randomBytes(500_000);
    const { server, host, path, file } = await bench(bytes);
    server.program('sha256sum', `echo "${'0'.repeat(64)}  x"`);
    const problem = await problemOf(host.get({ path, file, root: true }));
    expect(problem).toMatchObject({ id: 'get-changed', next: expect.stringContaining('wait until it is whole') });
    expect(existsSync(file)).toBe(false);
    expect((await host.get({ path, file, root: true, verify: false })).bytes).toBe(bytes.length);
  });

  it('can be cancelled, leaving nothing here', async () => {
    const { host, path, file } = await bench(Buffer.alloc(0));
    truncateSync(path, 200_000_000);
    const controller = new AbortController();
    const get = host.get({
      path,
      file,
      signal: controller.signal,
      onProgress: (done) => {
        if (done > 1_000_000) controller.abort();
      },
    });
    expect((await problemOf(get)).id).toBe('cancelled');
    expect(existsSync(file)).toBe(false);
  });

  it('keeps little in memory, whatever the size', async () => {
    const { host, path, file } = await bench(Buffer.alloc(0));
    truncateSync(path, 120_000_000);
    const idle = process.memoryUsage().rss;
    let most = 0;
    await host.get({
      path,
      file,
      verify: false,
      onProgress: () => {
        most = Math.max(most, process.memoryUsage().rss);
      },
    });
    expect(statSync(file).size).toBe(120_000_000);
    expect((most - idle) / 1e6).toBeLessThan(100);
  });

  it('says what failed: no such file, a directory, a local file that is there, a path that is none', async () => {
    const { server, host, path, file } = await bench(Buffer.from('x'));
    const missing = await problemOf(host.get({ path: join(server.home, 'none'), file }));
    expect(missing).toMatchObject({ id: 'get-failed', next: expect.stringContaining('List the snapshots again') });
    expect(await problemOf(host.get({ path: server.home, file }))).toMatchObject({
      id: 'get-failed',
      what: expect.stringContaining('directory'),
    });
    writeFileSync(file, 'mine');
    expect((await problemOf(host.get({ path, file }))).id).toBe('file-unwritable');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await problemOf((async () => host.get({ path: 'x', file }))())).id).toBe('command-refused');
  });

  it('a read error in the middle is told in dd’s words', async () => {
    const { server, host, path, file } = await bench(randomBytes(1000));
    server.program('dd', 'printf abc; echo "dd: error reading: Input/output error" >&2; exit 1');
    const problem = await problemOf(host.get({ path, file, root: true }));
    expect(problem).toMatchObject({ id: 'get-failed', what: expect.stringContaining('Input/output error') });
    expect(existsSync(file)).toBe(false);
  });
});
