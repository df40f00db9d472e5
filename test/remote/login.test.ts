import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.js';
import type { AskSecret } from '../../src/inventory/secrets.js';
import { fingerprint } from '../../src/remote/known-hosts.js';
import { hostKeyOf } from '../../src/remote/problems.js';
import { atEnd, entry, knownLine, makeHome, open, problemOf, startServer } from './bench.js';
import { keyPair, until, wireKey } from './server.js';

const ECHO = { argv: ['echo', 'in'] };

describe('host keys', () => {
  it('unknown: ended before anything is sent; accepted: exactly that key, stored, no restart', async () => {
    const one = await startServer();
    const two = await startServer();
    const { hosts, knownHosts } = open([entry('cp1', one.port), entry('cp2', two.port)], []);
    const problems = await Promise.all(['cp1', 'cp2'].map((name) => problemOf(hosts.get(name).exec(ECHO))));
    expect(problems.map((problem) => problem.id)).toEqual(['host-key-unknown', 'host-key-unknown']);
    expect([one.logins, two.logins]).toEqual([[], []]);
    const keys = hosts.unknownKeys();
    expect(keys.map((key) => [key.host, key.fingerprint])).toEqual([
      ['cp1', fingerprint(wireKey(one.hostKeys[0] ?? keyPair()))],
      ['cp2', fingerprint(wireKey(two.hostKeys[0] ?? keyPair()))],
    ]);
    await hosts.acceptHostKeys(keys);
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    expect((await hosts.get('cp2').exec(ECHO)).stdout).toBe('in\n');
    expect(readFileSync(knownHosts, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('accepted twice at once, as by a second yes while the file is written: stored once, and no longer asked for', async () => {
    const servers = await Promise.all([startServer(), startServer()]);
    const { hosts, knownHosts } = open(
      servers.map((server, at) => entry(`cp${at + 1}`, server.port)),
      [],
    );
    await Promise.all(['cp1', 'cp2'].map((name) => problemOf(hosts.get(name).exec(ECHO))));
    const keys = hosts.unknownKeys();
    const accepting = [hosts.acceptHostKeys(keys), hosts.acceptHostKeys(hosts.unknownKeys())];
    await accepting[0];
    expect(hosts.unknownKeys()).toEqual([]);
    await accepting[1];
    await hosts.acceptHostKeys(keys);
    expect(readFileSync(knownHosts, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('after acceptance another key is refused, even if the file were gone', async () => {
    const server = await startServer();
    const { hosts, knownHosts } = open([entry('cp1', server.port)], []);
    await problemOf(hosts.get('cp1').exec(ECHO));
    await hosts.acceptHostKeys(hosts.unknownKeys());
    await hosts.get('cp1').exec(ECHO);
    rmSync(knownHosts);
    await server.stop();
    server.hostKeys = [keyPair()];
    await server.listen(server.port);
    await until(() => {
      const connection = hosts.get('cp1').connection();
      return connection.state === 'down' && connection.problem.id === 'host-key-changed';
    }, 'the new key');
    expect(await problemOf(hosts.get('cp1').exec(ECHO))).toMatchObject({ id: 'host-key-changed' });
  });

  it('changed: that host alone, both fingerprints, the remedy; checked again without a restart', async () => {
    const good = await startServer();
    const bad = await startServer();
    const old = wireKey(keyPair());
    const { hosts, knownHosts } = open([entry('cp1', good.port), entry('cp2', bad.port)], [good]);
    writeFileSync(knownHosts, readFileSync(knownHosts, 'utf8') + knownLine(bad.port, old));
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    const problem = await problemOf(hosts.get('cp2').exec(ECHO));
    expect(problem.id).toBe('host-key-changed');
    const shown = wireKey(bad.hostKeys[0] ?? keyPair());
    expect(problem.what).toContain(fingerprint(old));
    expect(problem.what).toContain(fingerprint(shown));
    expect(problem.what).toContain(`${knownHosts}:2`);
    expect(problem.next).toContain(`ssh-keygen -R '[127.0.0.1]:${bad.port}' -f '${knownHosts}'`);
    expect(hostKeyOf(problem)?.known).toHaveLength(1);
    expect(hosts.unknownKeys()).toEqual([]);
    expect((await problemOf(hosts.get('cp2').exec(ECHO))).id).toBe('host-key-changed');
    expect(bad.connections).toBe(1);
    writeFileSync(
      knownHosts,
      knownLine(good.port, wireKey(good.hostKeys[0] ?? keyPair())) + knownLine(bad.port, shown),
    );
    await hosts.retry('cp2');
    expect((await hosts.get('cp2').exec(ECHO)).stdout).toBe('in\n');
  });

  it('revoked is refused whatever else is known', async () => {
    const server = await startServer();
    const { hosts, knownHosts } = open([entry('cp1', server.port)], [server]);
    const line = readFileSync(knownHosts, 'utf8');
    writeFileSync(knownHosts, `${line}@revoked * ${line.slice(line.indexOf(' ') + 1)}`);
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('host-key-revoked');
  });

  it('a host known by its RSA key is asked for that one', async () => {
    const rsa = keyPair('rsa');
    const server = await startServer({ hostKeys: [keyPair(), rsa] });
    const { hosts, knownHosts } = open([entry('cp1', server.port)], []);
    writeFileSync(knownHosts, knownLine(server.port, wireKey(rsa)));
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
  });

  it('a certificate authority alone does not do, and the message says why', async () => {
    const server = await startServer();
    const { hosts, knownHosts } = open([entry('cp1', server.port)], [server]);
    writeFileSync(knownHosts, `@cert-authority ${readFileSync(knownHosts, 'utf8')}`);
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem).toMatchObject({ id: 'host-key-unknown', what: expect.stringContaining('certificate authority') });
  });

  it('known_hosts that cannot be read: nothing is connected to', async () => {
    const server = await startServer();
    const { hosts, knownHosts } = open([entry('cp1', server.port)], [server]);
    rmSync(knownHosts);
    // A folder can be read as a file by nobody, root included.
    mkdirSync(knownHosts);
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('known-hosts-unreadable');
    expect(server.connections).toBe(0);
  });
});

describe('login', () => {
  const answering =
    (answers: Record<string, string>, asked: string[] = []): AskSecret =>
    async (question) => {
      asked.push(`${question.host ?? ''} ${question.text} ${question.echo === true ? 'echo' : 'hidden'}`);
      const found = Object.entries(answers).find(([part]) => question.text.includes(part));
      return found === undefined ? undefined : new Secret(found[1]);
    };

  it('with a key file, also an encrypted one whose passphrase is asked for once for all hosts', async () => {
    const pair = keyPair('ed25519', 'opensesame');
    const servers = [
      await startServer({ open: false, clientKey: pair }),
      await startServer({ open: false, clientKey: pair }),
    ];
    const home = makeHome();
    const identity = join(home, 'key');
    writeFileSync(identity, pair.private, { mode: 0o600 });
    const asked: string[] = [];
    const entries = servers.map((server, index) => entry(`cp${index}`, server.port, { identity }));
    const { hosts } = open(entries, servers, { home, ask: answering({ passphrase: 'opensesame' }, asked) });
    const results = await Promise.all(['cp0', 'cp1'].map((name) => hosts.get(name).exec(ECHO)));
    expect(results.map((result) => result.stdout)).toEqual(['in\n', 'in\n']);
    expect(asked).toHaveLength(1);
  });

  it('a passphrase from a source; a wrong one is said and not asked again until a person wants to', async () => {
    const pair = keyPair('ed25519', 'opensesame');
    const server = await startServer({ open: false, clientKey: pair });
    const home = makeHome();
    const identity = join(home, 'key');
    writeFileSync(identity, pair.private, { mode: 0o600 });
    writeFileSync(join(home, 'pass'), 'wrong\n', { mode: 0o600 });
    const identityPassphrase = { kind: 'file', path: join(home, 'pass') } as const;
    const { hosts } = open([entry('cp1', server.port, { identity, identityPassphrase })], [server], { home });
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem).toMatchObject({ id: 'login-refused', what: expect.stringContaining('passphrase') });
    expect(problem.what).not.toContain('opensesame');
    writeFileSync(join(home, 'pass'), 'opensesame\n');
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('login-refused');
    await hosts.retry('cp1');
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
  });

  it('refused: once, by no reconnect, until a person asks', async () => {
    const server = await startServer({ open: false, clientKey: keyPair() });
    const home = makeHome();
    const identity = join(home, 'key');
    writeFileSync(identity, keyPair().private, { mode: 0o600 });
    const { hosts } = open([entry('cp1', server.port, { identity })], [server], { home });
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem).toMatchObject({
      id: 'login-refused',
      what: expect.stringMatching(/user ops, tried .*key; it accepts publickey/),
    });
    for (let index = 0; index < 5; index++) await problemOf(hosts.get('cp1').exec({ ...ECHO, lane: 'runner' }));
    expect(server.connections).toBe(1);
    await hosts.retry('cp1');
    await until(() => server.connections === 2 && hosts.get('cp1').connection().state === 'down', 'the second try');
  });

  it('keyboard-interactive: every question to the person, hidden unless the host says otherwise', async () => {
    const server = await startServer({ open: false, answers: ['secret', '123456'] });
    const asked: string[] = [];
    const ask = answering({ 'Question 1': 'secret', 'Question 2': '123456' }, asked);
    const { hosts } = open([entry('cp1', server.port)], [server], { ask });
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    expect(asked).toEqual(['cp1 Question 1: hidden', 'cp1 Question 2: echo']);
  });

  it('a wrong answer is not asked for again by itself', async () => {
    const server = await startServer({ open: false, answers: ['secret'], password: 'secret' });
    const asked: string[] = [];
    const { hosts } = open([entry('cp1', server.port)], [server], { ask: answering({ Question: 'no' }, asked) });
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('login-refused');
    await problemOf(hosts.get('cp1').exec(ECHO));
    expect(asked).toHaveLength(1);
    expect(server.logins).toEqual(['none', 'keyboard-interactive']);
  });

  it('a host that hangs up in the middle of a question was not "the network"', async () => {
    const server = await startServer({ open: false, answers: ['secret'] });
    const ask: AskSecret = async () => {
      server.drop();
      return new Secret('late');
    };
    const { hosts } = open([entry('cp1', server.port)], [server], { ask });
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('login-refused');
    expect(server.connections).toBe(1);
  });

  it('password, where that is all a host takes', async () => {
    const server = await startServer({ open: false, password: 'secret' });
    const { hosts } = open([entry('cp1', server.port)], [server], { ask: answering({ password: 'secret' }) });
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
  });

  it('with an agent; a named identity is the only key tried', async () => {
    const pair = keyPair();
    const server = await startServer({ open: false, clientKey: pair });
    const home = makeHome();
    const socket = await startAgent(home, [keyPair(), keyPair(), pair]);
    if (socket === undefined) return;
    const identity = join(home, 'id');
    writeFileSync(`${identity}.pub`, pair.public);
    const env = { SSH_AUTH_SOCK: socket };
    const { hosts } = open([entry('cp1', server.port)], [server], { home, env });
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    expect(server.logins.filter((method) => method === 'publickey').length).toBeGreaterThan(2);
    server.logins.length = 0;
    const picked = open([entry('cp1', server.port, { identity })], [server], { home, env });
    expect((await picked.hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
    expect(server.logins).toEqual(['none', 'publickey', 'publickey']);
  });

  it('an agent that is gone is passed over', async () => {
    const pair = keyPair();
    const server = await startServer({ open: false, clientKey: pair });
    const home = makeHome();
    writeFileSync(join(home, '.ssh', 'id_ed25519'), pair.private, { mode: 0o600 });
    const { hosts } = open([entry('cp1', server.port)], [server], { home, env: { SSH_AUTH_SOCK: join(home, 'none') } });
    expect((await hosts.get('cp1').exec(ECHO)).stdout).toBe('in\n');
  });

  it('what cannot be done is named with the host and a remedy', async () => {
    const server = await startServer({ open: false, clientKey: keyPair() });
    const home = makeHome();
    writeFileSync(join(home, '.ssh', 'config'), 'Host *\n  CertificateFile ~/.ssh/x-cert.pub\n');
    const { hosts } = open([entry('cp1', server.port)], [server], { home });
    const problem = await problemOf(hosts.get('cp1').exec(ECHO));
    expect(problem).toMatchObject({ id: 'ssh-unsupported', what: expect.stringMatching(/^cp1: .*CertificateFile/) });
    writeFileSync(join(home, '.ssh', 'config'), '');
    writeFileSync(join(home, '.ssh', 'id_ed25519'), 'sk-ssh-ed25519@openssh.com AAAA\n');
    await hosts.retry('cp1');
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).what).toContain('FIDO');
  });
});

describe('network', () => {
  it('refused, unknown name, no SSH behind the port', async () => {
    const server = await startServer();
    const { port } = server;
    await server.stop();
    const plain = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    atEnd(() => plain.close());
    const { hosts } = open(
      [
        entry('cp1', port),
        entry('cp2', 22, { address: 'no-such-host.invalid' }),
        entry('cp3', (plain.address() as { port: number }).port),
      ],
      [],
    );
    const problems = await Promise.all(['cp1', 'cp2', 'cp3'].map((name) => problemOf(hosts.get(name).exec(ECHO))));
    expect(problems.map((problem) => problem.id)).toEqual(['host-unreachable', 'host-unreachable', 'host-unreachable']);
    expect(problems[0]?.what).toContain('refuses connections');
    expect(problems[1]?.what).toMatch(/name/);
  });

  it('silence is a timeout', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    atEnd(() => silent.close());
    const { port } = silent.address() as { port: number };
    const { hosts } = open([entry('cp1', port)], [], { readyTimeoutMs: 200 });
    expect(await problemOf(hosts.get('cp1').exec(ECHO))).toMatchObject({
      id: 'host-timeout',
      what: expect.stringMatching(/port \d+ takes the connection and says nothing/),
    });
    await hosts.closeAll();
    // The same words where a command's own patience ends first.
    const patient = open([entry('cp1', port)], []).hosts;
    expect((await problemOf(patient.get('cp1').exec({ ...ECHO, timeoutMs: 300 }))).what).toMatch(/says nothing/);
    await patient.closeAll();
  });

  it('a session that is not free in time is not called a login that does not end', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    await host.exec(ECHO);
    const stop = new AbortController();
    // More than a connection has sessions: the last ones wait.
    const busy = Array.from({ length: 30 }, () =>
      host.exec({ argv: ['sleep', '30'], signal: stop.signal }).catch(() => undefined),
    );
    const late = await problemOf(host.exec({ ...ECHO, timeoutMs: 300 }));
    expect(late.what).toMatch(/no connection or free session/);
    stop.abort();
    await Promise.all(busy);
  });

  it('a host that comes back is connected to by itself', async () => {
    const server = await startServer();
    const { port } = server;
    await server.stop();
    const { hosts } = open([entry('cp1', port)], [server]);
    expect((await problemOf(hosts.get('cp1').exec(ECHO))).id).toBe('host-unreachable');
    await server.listen(port);
    await until(() => hosts.get('cp1').connection().state === 'up', 'the reconnect');
  });

  it('keepalives find a link that is dead without saying so', async () => {
    const server = await startServer();
    const sockets: Socket[] = [];
    const between = createServer((socket) => {
      const onward = netConnect(server.port, '127.0.0.1');
      sockets.push(socket, onward);
      for (const one of [socket, onward]) one.on('error', () => undefined);
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    atEnd(() => between.close());
    atEnd(() => sockets.map((socket) => socket.destroy()));
    const { port } = between.address() as { port: number };
    const { hosts, knownHosts } = open([entry('cp1', port)], [], { keepaliveMs: 100 });
    writeFileSync(knownHosts, knownLine(port, wireKey(server.hostKeys[0] ?? keyPair())));
    const running = problemOf(hosts.get('cp1').exec({ argv: ['sleep', '605'], timeoutMs: 600_000 }));
    await until(() => server.commands.some((command) => command.includes('sleep 605')), 'the command');
    for (const socket of sockets) {
      socket.unpipe();
      socket.pause();
    }
    expect((await running).id).toBe('connection-lost');
  });
});

/** A real ssh-agent with these keys, or nothing where none is installed. */
async function startAgent(home: string, pairs: readonly { private: string }[]): Promise<string | undefined> {
  const socket = join(home, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const missing = await new Promise<boolean>((resolve) => {
    agent.once('error', () => resolve(true));
    agent.once('spawn', () => resolve(false));
  });
  if (missing) return undefined;
  atEnd(() => agent.kill());
  await until(() => existsSync(socket), 'the agent');
  for (const [index, pair] of pairs.entries()) {
    const file = join(home, `agent-${index}`);
    writeFileSync(file, pair.private);
    chmodSync(file, 0o600);
    const add = spawn('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
    await new Promise((resolve) => add.once('close', resolve));
    rmSync(file);
  }
  return socket;
}
