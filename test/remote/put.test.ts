import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import type { SshHost } from '../../src/remote/ssh-host.js';
import { entry, open, problemOf, startServer } from './bench.js';
import type { ServerOptions, TestServer } from './server.js';

/** A sudo that asks; and the programs that look who is there, which here is root all the time. */
async function bench(
  options: ServerOptions = {},
  ask = false,
): Promise<{ server: TestServer; host: SshHost; to: string }> {
  const server = await startServer(options);
  const reads = ask ? 'IFS= read -r given; [ "$given" = right ] || exit 1; ' : '';
  server.program(
    'sudo',
    `case "$1" in -n) ${ask ? 'echo "sudo: a password is required" >&2; exit 1' : ':'};; esac
while [ "$1" != -- ]; do shift; done; shift; ${reads}echo "$*" >> "$(dirname "$0")/root.log"
case "$1" in install) shift; exec install $(echo "$*" | sed "s/-o root -g root//");; esac
exec "$@"`,
  );
  server.program('id', 'echo 1000');
  server.program(
    'stat',
    `case "$2" in %s) exec /usr/bin/stat "$@";; *) echo "1000 $(/usr/bin/stat -c '%a %F' "$3")";; esac`,
  );
  const sudo = ask
    ? ({ kind: 'password', password: { kind: 'prompt' } } as const)
    : ({ kind: 'passwordless' } as const);
  const { hosts } = open([entry('cp1', server.port, { sudo })], [server], { ask: async () => new Secret('right') });
  return { server, host: hosts.get('cp1'), to: join(server.home, 'deep', 'down', 'file') };
}

describe('put', () => {
  it.each([
    ['as the login user', false, false, 3_500_000],
    ['to root through passwordless sudo', true, false, 3_500_000],
    ['to root through a sudo that asks', true, true, 3_500_000],
    ['a small one as the login user', false, false, 4_000],
    ['a small one to root through passwordless sudo', true, false, 4_000],
    ['a small one to root through a sudo that asks', true, true, 4_000],
  ])('%s: content, mode, folders, nothing left over', async (_, root, asks, size) => {
    const { server, host, to } = await bench({}, asks);
    const bytes = randomBytes(size);
    const seen: [number, number][] = [];
    const result = await host.put({
      source: { bytes },
      path: to,
      mode: 0o640,
      root,
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect(result).toEqual({ bytes: bytes.length });
    expect(readFileSync(to).equals(bytes)).toBe(true);
    expect(statSync(to).mode & 0o777).toBe(0o640);
    // A small one has no middle to tell of.
    expect(seen.at(0)).toEqual([size > 256 * 1024 ? 0 : bytes.length, bytes.length]);
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(existsSync(`${to}.part`)).toBe(false);
    if (!root) return;
    const stage = join(server.home, '.blackstart-stage');
    expect(statSync(stage).mode & 0o777).toBe(0o700);
    expect(readdirSync(stage)).toEqual([]);
    const asRoot = readFileSync(join(server.bin, 'root.log'), 'utf8');
    expect(asRoot).not.toContain('dd ');
    expect(asRoot).toContain(size > 256 * 1024 ? `mv -T ${to}.part ${to}` : `${to} 0640`);
  });

  it.each([
    ['as the login user', false, 1],
    ['through sudo', true, 2],
  ])('a small file %s does not cost a round trip for every thought', async (_, root, trips) => {
    const { server, host, to } = await bench();
    const put = (): Promise<unknown> => host.put({ source: { bytes: Buffer.from('x') }, path: to, mode: 0o600, root });
    await put();
    const before = server.commands.length;
    await put();
    expect(server.commands.length - before).toBe(trips);
  });

  it.each([5, 300_000])('%d bytes that cannot be put in their place leave nothing staged', async (size) => {
    const { server, host, to } = await bench();
    server.program('mv', 'echo "mv: cannot move: Read-only file system" >&2; exit 1');
    const put = host.put({ source: { bytes: Buffer.alloc(size) }, path: to, mode: 0o600, root: true });
    expect(await problemOf(put)).toMatchObject({ id: 'put-failed', what: expect.stringContaining('Read-only') });
    expect(readdirSync(join(server.home, '.blackstart-stage'))).toEqual([]);
  });

  it('a small file that does not come whole takes no place', async () => {
    const { server, host, to } = await bench();
    mkdirSync(join(server.home, 'deep', 'down'), { recursive: true });
    writeFileSync(to, 'old');
    server.program('cat', 'head -c 3');
    const problem = await problemOf(host.put({ source: { bytes: Buffer.from('hello') }, path: to, mode: 0o600 }));
    expect(problem).toMatchObject({ id: 'put-failed', what: expect.stringContaining('3 of 5 bytes arrived') });
    expect(readFileSync(to, 'utf8')).toBe('old');
    expect(readdirSync(join(server.home, 'deep', 'down'))).toEqual(['file']);
  });

  it('a login as root writes beside the file, private while data comes in', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port, { user: 'root' })], [server]);
    server.program('install', 'exec /usr/bin/install $(echo "$*" | sed "s/-o root -g root//")');
    const to = join(server.home, 'x', 'file');
    const bytes = Buffer.alloc(300_000, 'hello');
    await hosts.get('cp1').put({ source: { bytes }, path: to, mode: 0o600, root: true });
    expect(readFileSync(to).equals(bytes)).toBe(true);
    const sent = server.commands.slice(1).map((command) => command.replace('env LC_ALL=C ', '').replaceAll(to, 'TO'));
    expect(sent).toEqual([
      'install -D -o root -g root -m 0600 /dev/null TO.part',
      'dd of=TO.part bs=1M oflag=seek_bytes seek=0 conv=notrunc status=none',
      "stat -c '%s' TO.part",
      'chmod 0600 TO.part',
      'mv -T TO.part TO',
    ]);
  });

  it('from a file, also an empty one, over what is there', async () => {
    const { server, host, to } = await bench();
    const file = join(server.home, 'local');
    writeFileSync(file, '');
    mkdirSync(join(server.home, 'deep', 'down'), { recursive: true });
    writeFileSync(to, 'old content that is longer');
    expect(await host.put({ source: { file }, path: to, mode: 0o600 })).toEqual({ bytes: 0 });
    expect(readFileSync(to, 'utf8')).toBe('');
  });

  it('goes on where it was cut off', async () => {
    const { server, host, to } = await bench({ dropAfter: 3_000_000 });
    const file = join(server.home, 'local');
    const bytes = randomBytes(9_000_000);
    writeFileSync(file, bytes);
    await host.put({ source: { file }, path: to, mode: 0o600, root: true });
    expect(readFileSync(to).equals(bytes)).toBe(true);
    expect(server.connections).toBe(2);
    const seeks = server.commands.flatMap((command) => /seek=(\d+)/.exec(command)?.[1] ?? []).map(Number);
    expect(seeks).toHaveLength(2);
    expect(seeks[0]).toBe(0);
    expect(seeks[1]).toBeGreaterThan(0);
  });

  it('can be cancelled, leaving the old file as it was', async () => {
    const { server, host, to } = await bench();
    const controller = new AbortController();
    const file = join(server.home, 'local');
    writeFileSync(file, randomBytes(40_000_000));
    mkdirSync(join(server.home, 'deep', 'down'), { recursive: true });
    writeFileSync(to, 'old');
    const put = host.put({
      source: { file },
      path: to,
      mode: 0o600,
      signal: controller.signal,
      onProgress: (done) => {
        if (done > 1_000_000) controller.abort();
      },
    });
    expect((await problemOf(put)).id).toBe('cancelled');
    expect(readFileSync(to, 'utf8')).toBe('old');
  });

  it('says what failed: no room, no such local file, a path that is none', async () => {
    const { server, host, to } = await bench();
    server.program('dd', 'cat > /dev/null; echo "dd: error writing: No space left on device" >&2; exit 1');
    server.program('cat', 'echo "cat: write error: No space left on device" >&2; exit 1');
    for (const size of [1, 300_000]) {
      const full = await problemOf(host.put({ source: { bytes: Buffer.alloc(size) }, path: to, mode: 0o600 }));
      expect(full).toMatchObject({ id: 'put-failed', next: expect.stringContaining('Make room') });
      expect(readdirSync(join(server.home, 'deep', 'down'))).toEqual([]);
    }
    const missing = await problemOf(host.put({ source: { file: '/no/such' }, path: to, mode: 0o600 }));
    expect(missing.id).toBe('file-unreadable');
    const relative = await problemOf(
      (async () => host.put({ source: { bytes: Buffer.from('x') }, path: 'x', mode: 0o600 }))(),
    );
    expect(relative.id).toBe('command-refused');
  });

  it('a staging folder that is not ours alone is not used', async () => {
    const { server, host, to } = await bench();
    mkdirSync(join(server.home, '.blackstart-stage'));
    chmodSync(join(server.home, '.blackstart-stage'), 0o777);
    server.program('mkdir', 'case "$*" in */var/tmp/*) echo no >&2; exit 1;; *) exec /bin/mkdir "$@";; esac');
    const problem = await problemOf(
      host.put({ source: { bytes: Buffer.from('x') }, path: to, mode: 0o600, root: true }),
    );
    expect(problem).toMatchObject({ id: 'put-failed', what: expect.stringContaining('.blackstart-stage') });
  });

  it('a banner shell does not spoil it', async () => {
    const { server, host, to } = await bench({ banner: 'Hello\n' });
    await host.put({ source: { bytes: Buffer.from('data') }, path: to, mode: 0o600, root: true });
    expect(readFileSync(to, 'utf8')).toBe('data');
    expect(readdirSync(join(server.home, '.blackstart-stage'))).toEqual([]);
  });
});
