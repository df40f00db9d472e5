import { writeFileSync } from 'node:fs';
import { createServer, connect as netConnect, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { atEnd, entry, knownLine, makeHome, open, problemOf, startServer } from './bench.js';
import { keyPair, until, wireKey } from './server.js';

const ECHO = { argv: ['echo', 'in'] };

describe('jump hosts', () => {
  it('are connected to once and shared; the target sees no direct connection', async () => {
    const jump = await startServer();
    const one = await startServer();
    const two = await startServer();
    const hop = [{ name: 'gw', address: '127.0.0.1', port: jump.port, user: 'ops' }];
    const entries = [entry('cp1', one.port, { jump: hop }), entry('cp2', two.port, { jump: hop })];
    const { hosts } = open(entries, [jump, one, two]);
    const results = await Promise.all(['cp1', 'cp2'].map((name) => hosts.get(name).exec(ECHO)));
    expect(results.map((result) => result.stdout)).toEqual(['in\n', 'in\n']);
    expect(jump.connections).toBe(1);
    jump.drop();
    await until(() => hosts.get('cp1').connection().state === 'down', 'the drop');
    await until(() => hosts.get('cp1').connection().state === 'up', 'the way back');
  });

  it('two hops', async () => {
    const [a, b, c] = [await startServer(), await startServer(), await startServer()];
    const hops = [a, b].map((server) => ({ address: '127.0.0.1', port: server.port, user: 'ops' }));
    const { hosts } = open([entry('cp1', c.port, { jump: hops })], [a, b, c]);
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    expect([a.connections, b.connections, c.connections]).toEqual([1, 1, 1]);
  });

  it("a jump host's key is checked like any other, shown once, and accepted for all behind it", async () => {
    const jump = await startServer();
    const one = await startServer();
    const two = await startServer();
    const hop = [{ name: 'gw', address: '127.0.0.1', port: jump.port, user: 'ops' }];
    const { hosts } = open([entry('cp1', one.port, { jump: hop }), entry('cp2', two.port, { jump: hop })], [one, two]);
    const problems = await Promise.all(['cp1', 'cp2'].map((name) => problemOf(hosts.get(name).exec(ECHO))));
    expect(problems.map((problem) => problem.id)).toEqual(['host-key-unknown', 'host-key-unknown']);
    expect(hosts.unknownKeys()).toMatchObject([{ shownBy: 'gw' }]);
    expect([one.connections, two.connections]).toEqual([0, 0]);
    await hosts.acceptHostKeys(hosts.unknownKeys());
    expect((await hosts.get('cp2').exec(ECHO)).stdout).toBe('in\n');
  });

  it('a refused login there is tried once for all hosts, until a person asks', async () => {
    const jump = await startServer({ open: false, clientKey: keyPair() });
    const one = await startServer();
    const two = await startServer();
    const home = makeHome();
    writeFileSync(join(home, 'key'), keyPair().private, { mode: 0o600 });
    const hop = [{ name: 'gw', address: '127.0.0.1', port: jump.port, user: 'ops', identity: join(home, 'key') }];
    const entries = [entry('cp1', one.port, { jump: hop }), entry('cp2', two.port, { jump: hop })];
    const { hosts } = open(entries, [jump, one, two], { home });
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('login-refused');
    expect((await problemOf(hosts.get('cp2').exec(ECHO))).id).toBe('login-refused');
    expect(jump.connections).toBe(1);
    await hosts.retry('cp1');
    await until(() => jump.connections === 2, 'the second try');
  });

  it('one that does not forward is named', async () => {
    const jump = await startServer({ allowForward: false });
    const one = await startServer();
    const hop = [{ name: 'gw', address: '127.0.0.1', port: jump.port, user: 'ops' }];
    const { hosts } = open([entry('cp1', one.port, { jump: hop })], [jump, one]);
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem.what).toMatch(/gw/);
  });
});

describe('ProxyCommand', () => {
  it('is the way to the host, with its tokens', async () => {
    const server = await startServer();
    const home = makeHome();
    const script = join(home, 'proxy.mjs');
    writeFileSync(
      script,
      "import { connect } from 'node:net'; const s = connect(Number(process.argv[3]), process.argv[2]); process.stdin.pipe(s).pipe(process.stdout); s.on('close', () => process.exit(0));",
    );
    const command = `ProxyCommand ${process.execPath} ${script} %h %p`;
    writeFileSync(join(home, '.ssh', 'config'), `Host far\n  HostName 127.0.0.1\n  ${command}\n`);
    const { hosts } = open([entry('cp1', server.port, { address: 'far' })], [server], { home });
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
  });

  it('one that fails is told in its own words', async () => {
    const home = makeHome();
    const command = 'ProxyCommand sh -c "echo no such proxy >&2; exit 3"';
    writeFileSync(join(home, '.ssh', 'config'), `Host *\n  ${command}\n`);
    const { hosts } = open([entry('cp1', 22)], [], { home });
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem.id).toBe('host-unreachable');
    expect(problem.what).toContain('no such proxy');
  });
});

describe('forwarding', () => {
  const echoServer = async (): Promise<number> => {
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => server.close());
    return (server.address() as { port: number }).port;
  };

  it('a local port leads to what the node sees, until it is closed', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const stop = new AbortController();
    const forward = await hosts.get('cp1').forward('127.0.0.1', await echoServer(), stop.signal);
    const talk = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = netConnect(forward.port, forward.host);
        let heard = '';
        socket.on('data', (chunk) => {
          heard += chunk.toString();
        });
        socket.once('error', reject);
        socket.once('close', () => resolve(heard));
        socket.end('x'.repeat(300_000));
      });
    const heard = await Promise.all([talk(), talk(), talk()]);
    expect(heard.map((text) => text.length)).toEqual([300_000, 300_000, 300_000]);
    expect(server.connections).toBe(1);
    await forward.close();
    await expect(talk()).rejects.toThrow();
  });

  it('nothing there: the connection is reset, the stream is refused', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const stop = new AbortController();
    const forward = await hosts.get('cp1').forward('127.0.0.1', 1, stop.signal);
    const socket = netConnect(forward.port, forward.host);
    const ended = await new Promise((resolve) => {
      socket.once('error', () => resolve('reset'));
      socket.once('end', () => resolve('ended'));
    });
    expect(ended).toBe('reset');
    expect((await problemOf(hosts.get('cp1').connectTo('127.0.0.1', 1, stop.signal))).id).toBe('host-unreachable');
    stop.abort();
  });

  it('known keys still differ by port', () => {
    expect(knownLine(22, wireKey(keyPair()))).toMatch(/^127\.0\.0\.1 /);
  });
});
