import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshHost } from '../../src/remote/ssh-host.js';
import { entry, open, problemOf } from './bench.js';
import { until } from './server.js';

/** A real OpenSSH server, where one is installed (`BLACKSTART_TEST_SSHD` names another one). */
function findSshd(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const places = [process.env.BLACKSTART_TEST_SSHD ?? '', ...folders.map((folder) => join(folder, 'sshd'))];
  return places.find((place) => place !== '' && existsSync(place));
}

const sshd = findSshd();

describe.skipIf(sshd === undefined)(
  `a real OpenSSH server${sshd === undefined ? ' (sshd is not installed here)' : ''}`,
  () => {
    let dir = '';
    let server: ChildProcess | undefined;
    let port = 0;
    let unusable: string | undefined;
    beforeEach((context) => {
      if (unusable !== undefined) context.skip(unusable);
    });

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'sshd-'));
      port = await freePort();
      for (const name of ['host', 'client']) {
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)]);
      }
      // As root, sshd wants its empty folder; as another user it does without.
      if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
      const config = [
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(dir, 'host')}`,
        `AuthorizedKeysFile ${join(dir, 'client.pub')}`,
        `PidFile ${join(dir, 'pid')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PermitRootLogin prohibit-password',
      ];
      writeFileSync(join(dir, 'config'), `${config.join('\n')}\n`);
      let said = '';
      server = spawn(sshd ?? '', ['-D', '-e', '-f', join(dir, 'config')], { stdio: ['ignore', 'ignore', 'pipe'] });
      server.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      let over = false;
      server.once('close', () => {
        over = true;
      });
      await until(() => over || said.includes('Server listening'), 'sshd listens');
      if (over) unusable = `sshd does not start here: ${said.trim()}`;
    });
    afterAll(() => {
      server?.kill();
      rmSync(dir, { recursive: true, force: true });
    });

    function host(): SshHost {
      const target = entry('real', port, { user: userInfo().username, identity: join(dir, 'client') });
      const { hosts, knownHosts } = open([target], []);
      const key = readFileSync(join(dir, 'host.pub'), 'utf8').split(' ');
      writeFileSync(knownHosts, `[127.0.0.1]:${port} ${key[0]} ${key[1]}\n`);
      return hosts.get('real');
    }

    it('runs commands with their exit codes, streams and input', async () => {
      const real = host();
      expect(await real.exec({ argv: ['sh', '-c', 'echo "$LC_ALL"; echo err >&2; exit 3'] })).toMatchObject({
        code: 3,
        stdout: 'C\n',
        stderr: 'err\n',
      });
      expect((await real.exec({ argv: ['wc', '-c'], stdin: new Uint8Array(5_000_000) })).stdout.trim()).toBe('5000000');
      expect(await real.exec({ argv: ['sh', '-c', 'kill -TERM $$'] })).toMatchObject({ code: null, signal: 'SIGTERM' });
      expect((await real.exec({ argv: ['sh', '-c', 'test -t 1 || echo no terminal'] })).stdout).toBe('no terminal\n');
    });

    it('a login it does not know is refused, naming what it accepts', async () => {
      const { hosts, knownHosts } = open([entry('real', port, { user: userInfo().username })], []);
      const key = readFileSync(join(dir, 'host.pub'), 'utf8').split(' ');
      writeFileSync(knownHosts, `[127.0.0.1]:${port} ${key[0]} ${key[1]}\n`);
      const problem = await problemOf(hosts.get('real').exec({ argv: ['true'] }));
      expect(problem).toMatchObject({ id: 'login-refused', what: expect.stringContaining('accepts publickey') });
    });

    it('kills what is cancelled', async (context) => {
      // sshd itself: "session signalling requires privilege separation", which a login as root does not have.
      if (process.getuid?.() === 0) context.skip('sshd passes no signals on for root');
      const real = host();
      const seconds = `7${randomBytes(3).readUIntBE(0, 3)}`;
      const alive = (): boolean => {
        const listed = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
        return listed.split('\n').some((line) => line.trim() === `sleep ${seconds}`);
      };
      const stop = new AbortController();
      const running = problemOf(real.exec({ argv: ['sleep', seconds], signal: stop.signal, timeoutMs: 60_000 }));
      await until(alive, 'it runs');
      stop.abort();
      expect((await running).id).toBe('cancelled');
      await until(() => !alive(), 'it is gone');
    });

    it('allows ten sessions, and thirty commands fit into them', async () => {
      const real = host();
      const work = Array.from({ length: 30 }, (_, index) =>
        real.exec({ argv: ['sh', '-c', `sleep 0.05; echo ${index}`], lane: index % 3 === 0 ? 'watch' : 'runner' }),
      );
      const results = await Promise.all(work);
      expect(results.map((result) => result.stdout.trim())).toEqual(results.map((_, index) => `${index}`));
    });

    it('puts a file with its mode, and forwards', async () => {
      const real = host();
      const bytes = randomBytes(3_000_000);
      const path = join(dir, 'put', 'file');
      await real.put({ source: { bytes }, path, mode: 0o640 });
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(execFileSync('stat', ['-c', '%a', path], { encoding: 'utf8' }).trim()).toBe('640');
      const echo = createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
      const stop = new AbortController();
      const stream = await real.connectTo('127.0.0.1', (echo.address() as { port: number }).port, stop.signal);
      stream.write('ping');
      expect(String(await new Promise((resolve) => stream.once('data', resolve)))).toBe('ping');
      stream.destroy();
      echo.close();
      expect((await problemOf(real.connectTo('127.0.0.1', 1, stop.signal))).id).toBe('host-unreachable');
    });
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
