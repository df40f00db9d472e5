import { describe, expect, it } from 'vitest';
import { entry, open, problemOf, startServer } from './bench.js';
import { until } from './server.js';

describe('exec', () => {
  it('gives exit code, both streams, and time', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const result = await host.exec({ argv: ['sh', '-c', 'echo out; echo err >&2; echo "$LC_ALL"; exit 3'] });
    expect(result).toMatchObject({ code: 3, stdout: 'out\nC\n', stderr: 'err\n', truncated: false });
    expect(result.ms).toBeGreaterThanOrEqual(0);
    expect(host.connection()).toMatchObject({ state: 'up', latencyMs: expect.any(Number) });
    expect(server.connections).toBe(1);
  });

  it('hands arguments over untouched and standard input too', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const words = ["it's", '$HOME', 'a\nb', '', '!', '\\'];
    const result = await hosts.get('cp1').exec({ argv: ['printf', '<%s>', ...words] });
    expect(result.stdout).toBe(words.map((word) => `<${word}>`).join(''));
    expect((await hosts.get('cp1').exec({ argv: ['cat'], stdin: 'über' })).stdout).toBe('über');
    expect((await hosts.get('cp1').exec({ argv: ['wc', '-c'], stdin: new Uint8Array(3_000_000) })).stdout.trim()).toBe(
      '3000000',
    );
    expect((await hosts.get('cp1').exec({ argv: ['cat'] })).stdout).toBe('');
  });

  it('keeps what was asked for and reads the rest, so that the command ends', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const argv = ['sh', '-c', 'head -c 9000000 /dev/zero; head -c 9000000 /dev/zero >&2; exit 5'];
    const result = await hosts.get('cp1').exec({ argv, maxBytes: 1000 });
    expect(result).toMatchObject({ code: 5, truncated: true });
    expect([result.stdout.length, result.stderr.length]).toEqual([1000, 1000]);
    const cut = await hosts.get('cp1').exec({ argv: ['printf', '%s', 'aé'], maxBytes: 2 });
    expect(cut.stdout).toBe('a');
  });

  it('an end by a signal has no exit code', async () => {
    const server = await startServer({ shell: ['/bin/bash', '-c'] });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const result = await hosts.get('cp1').exec({ argv: ['sh', '-c', 'kill -TERM $$'] });
    expect(result).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('a command that takes too long is given up, and in doubt', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    await hosts.get('cp1').exec({ argv: ['true'] });
    const problem = await problemOf(hosts.get('cp1').exec({ argv: ['sleep', '600'], timeoutMs: 500 }));
    expect(problem).toMatchObject({ id: 'command-timeout', left: expect.stringContaining('In doubt') });
    expect((await hosts.get('cp1').exec({ argv: ['true'] })).code).toBe(0);
  });

  it('can be cancelled: before it is sent, and while it runs', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const before = await problemOf(hosts.get('cp1').exec({ argv: ['true'], signal: AbortSignal.abort() }));
    expect(before).toMatchObject({ id: 'cancelled', left: expect.stringContaining('Nothing was sent') });
    const controller = new AbortController();
    const running = problemOf(hosts.get('cp1').exec({ argv: ['sleep', '601'], signal: controller.signal }));
    await until(() => server.commands.some((command) => command.includes('sleep 601')), 'the command');
    controller.abort();
    expect(await running).toMatchObject({ id: 'cancelled', left: expect.stringContaining('In doubt') });
    await until(() => server.signals.includes('KILL'), 'the kill');
  });

  it('a drop before the exit status leaves the command in doubt, and the link comes back', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const states: string[] = [];
    host.onConnection((connection) => states.push(connection.state));
    const running = problemOf(host.exec({ argv: ['sleep', '602'] }));
    await until(() => server.commands.some((command) => command.includes('sleep 602')), 'the command');
    server.drop();
    expect(await running).toMatchObject({ id: 'connection-lost', left: expect.stringContaining('In doubt') });
    await until(() => states.filter((state) => state === 'up').length === 2, 'the reconnect');
    expect(states).toEqual(['connecting', 'up', 'down', 'connecting', 'up']);
    expect((await host.exec({ argv: ['echo', 'back'] })).stdout).toBe('back\n');
  });

  it('a channel that closes without an exit is in doubt too', async () => {
    const server = await startServer({
      onCommand: (text, self) => {
        if (text.includes('vanish')) setImmediate(() => self.drop());
        return text.includes('vanish');
      },
    });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    expect(await problemOf(hosts.get('cp1').exec({ argv: ['vanish'] }))).toMatchObject({ id: 'connection-lost' });
  });
});

describe('stream', () => {
  it('hands on lines as they come, the last one without its newline, long ones cut', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const lines: string[] = [];
    const code = await hosts.get('cp1').stream({
      argv: ['sh', '-c', 'printf "a\\r\\n\\nb"; head -c 100000 /dev/zero | tr "\\0" x; printf "\\nlast"; exit 4'],
      signal: new AbortController().signal,
      onLine: (line) => lines.push(line),
    });
    expect(code).toBe(4);
    expect(lines.map((line) => line.length)).toEqual([1, 0, 65536, 4]);
  });

  it('ends when it is cancelled, and when the link drops', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const follow = (signal: AbortSignal, lines: string[]): Promise<number | null> =>
      hosts
        .get('cp1')
        .stream({ argv: ['sh', '-c', 'echo one; sleep 603'], signal, onLine: (line) => lines.push(line) });
    const first: string[] = [];
    const controller = new AbortController();
    const cancelled = problemOf(follow(controller.signal, first));
    await until(() => first.length === 1, 'the first line');
    controller.abort();
    expect((await cancelled).id).toBe('cancelled');
    const second: string[] = [];
    const lost = problemOf(follow(new AbortController().signal, second));
    await until(() => second.length === 1, 'the first line again');
    server.drop();
    expect((await lost).id).toBe('connection-lost');
  });
});

describe('lanes', () => {
  it('never more than ten sessions, watch leaves three to the runner, nothing starves', async () => {
    const server = await startServer({ maxSessions: 10 });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const stop = new AbortController();
    const follows = Array.from({ length: 20 }, () =>
      problemOf(host.stream({ argv: ['sleep', '604'], signal: stop.signal, onLine: () => undefined })),
    );
    const busy = (): number => server.commands.filter((command) => command.includes('sleep 604')).length;
    await until(() => busy() === 7, 'seven watchers');
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => host.exec({ argv: ['echo', `${index}`], lane: 'runner' })),
    );
    expect(results.map((result) => result.stdout.trim())).toEqual(Array.from({ length: 12 }, (_, index) => `${index}`));
    expect(busy()).toBe(7);
    expect(server.mostSessions).toBeLessThanOrEqual(10);
    expect(await problemOf(host.exec({ argv: ['true'], timeoutMs: 50 }))).toMatchObject({
      id: 'host-timeout',
      left: expect.stringContaining('Nothing was sent'),
    });
    stop.abort();
    expect(new Set((await Promise.all(follows)).map((problem) => problem.id))).toEqual(new Set(['cancelled']));
  });

  it('a server that allows fewer sessions is believed', async () => {
    const server = await startServer({ maxSessions: 3 });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const argv = ['sh', '-c', 'sleep 0.05; echo done'];
    const work = Array.from({ length: 12 }, (_, index) =>
      hosts.get('cp1').exec({ argv, lane: index % 2 === 0 ? 'runner' : 'watch' }),
    );
    const results = await Promise.all(work);
    expect(results.every((result) => result.stdout === 'done\n')).toBe(true);
    expect(server.mostSessions).toBe(3);
  });

  it('one that still counts sessions which have ended: nothing starves for good, beside a journal that is followed', async () => {
    const server = await startServer({ maxSessions: 10, sessionsLinger: 250 });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const stop = new AbortController();
    const follow = problemOf(host.stream({ argv: ['sleep', '605'], signal: stop.signal, onLine: () => undefined }));
    const argv = ['true'];
    const burst = (): Promise<unknown> => Promise.all(Array.from({ length: 30 }, () => host.exec({ argv })));
    await burst();
    expect(server.refused).toBeGreaterThan(0);
    // Probes go on, several at a time, once it was left alone for a while.
    const unrefused = async (): Promise<boolean> => {
      const before = server.refused;
      await Promise.all(Array.from({ length: 5 }, () => host.exec({ argv: ['sleep', '0.3'] })));
      return server.refused === before;
    };
    while (!(await unrefused())) await host.exec({ argv });
    stop.abort();
    expect((await follow).id).toBe('cancelled');
  });

  it.each([1, 2])(
    'of %i sessions a journal that is followed leaves probes and commands theirs',
    async (maxSessions) => {
      const server = await startServer({ maxSessions });
      const { hosts } = open([entry('cp1', server.port)], [server]);
      const host = hosts.get('cp1');
      const stop = new AbortController();
      const follow = problemOf(host.stream({ argv: ['sleep', '606'], signal: stop.signal, onLine: () => undefined }));
      await until(() => server.commands.some((command) => command.includes('sleep 606')), 'the journal');
      for (let round = 0; round < 3; round++) {
        const said = await Promise.all([
          host.exec({ argv: ['echo', 'probe'] }),
          host.exec({ argv: ['echo', 'command'], lane: 'runner' }),
        ]);
        expect(said.map((one) => one.stdout.trim())).toEqual(['probe', 'command']);
      }
      stop.abort();
      expect((await follow).id).toBe(maxSessions === 1 ? 'session-yielded' : 'cancelled');
    },
  );

  it('refusals in the first moment, while the login is still counted: the journal that is followed leaves the rest a session', async () => {
    const server = await startServer({ maxSessions: 2, sessionsLinger: 100 });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const stop = new AbortController();
    const follow = problemOf(host.stream({ argv: ['sleep', '607'], signal: stop.signal, onLine: () => undefined }));
    const looks = ['one', 'two', 'three'].map((word) => host.exec({ argv: ['echo', word], timeoutMs: 10_000 }));
    expect((await Promise.all(looks)).map((one) => one.stdout.trim())).toEqual(['one', 'two', 'three']);
    // Both fit beside each other from then on, and neither makes way.
    await until(() => server.commands.some((command) => command.includes('sleep 607')), 'the journal');
    for (let round = 0; round < 5; round++) await host.exec({ argv: ['true'], timeoutMs: 10_000 });
    expect(server.commands.filter((command) => command.includes('sleep 607'))).toHaveLength(1);
    stop.abort();
    expect((await follow).id).toBe('cancelled');
  });

  it('a question that hangs is not asked again beside itself; others are, and commands always', async () => {
    const server = await startServer({ onCommand: (text) => text.includes('hangs') || undefined });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    const ask = (lane: 'watch' | 'runner') => problemOf(host.exec({ argv: ['echo', 'hangs'], timeoutMs: 100, lane }));
    const asked = (): number => server.commands.filter((command) => command.includes('hangs')).length;
    // The login is not what takes its time here.
    await host.exec({ argv: ['true'] });
    expect((await ask('watch')).id).toBe('command-timeout');
    expect(await ask('watch')).toMatchObject({
      id: 'command-timeout',
      what: expect.stringContaining('may hang there still'),
    });
    expect(asked()).toBe(1);
    expect((await host.exec({ argv: ['echo', 'answers'] })).stdout).toBe('answers\n');
    // What a step sends is the runner's to repeat or not.
    await ask('runner');
    expect(asked()).toBe(2);
  });

  it('a server that allows none is named', async () => {
    const server = await startServer({ maxSessions: 0 });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    expect((await problemOf(hosts.get('cp1').exec({ argv: ['true'] }))).what).toContain('session');
  });
});

describe('login shells', () => {
  it('a banner on standard output is stripped, from exec and stream', async () => {
    const server = await startServer({ banner: 'Welcome!\nToday is a good day\n' });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const host = hosts.get('cp1');
    expect(await host.exec({ argv: ['sh', '-c', 'echo Welcome!; exit 7'] })).toMatchObject({
      code: 7,
      stdout: 'Welcome!\n',
    });
    const lines: string[] = [];
    const signal = new AbortController().signal;
    await host.stream({ argv: ['printf', 'a\\nb'], signal, onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['a', 'b']);
    expect((await host.exec({ argv: ['cat'], stdin: 'in' })).stdout).toBe('in');
  });

  it('without a banner nothing is added to commands', async () => {
    const server = await startServer();
    const { hosts } = open([entry('cp1', server.port)], [server]);
    await hosts.get('cp1').exec({ argv: ['true'] });
    expect(server.commands[1]).toBe('env LC_ALL=C true');
  });

  it('one that runs no commands is named with what it said', async () => {
    const server = await startServer({ shell: ['/bin/sh', '-c', 'echo This account is closed; exit 1'] });
    const { hosts } = open([entry('cp1', server.port)], [server]);
    const problem = await problemOf(hosts.get('cp1').exec({ argv: ['true'] }));
    expect(problem).toMatchObject({ id: 'ssh-unsupported', what: expect.stringContaining('This account is closed') });
  });
});
