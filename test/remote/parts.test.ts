import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import type { Client } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { Keeper } from '../../src/remote/keeper.js';
import { Lanes } from '../../src/remote/lanes.js';
import type { Link } from '../../src/remote/link.js';
import { AfterMarker, Kept, LineCutter } from '../../src/remote/output.js';
import { loginRefused, unreachable } from '../../src/remote/problems.js';
import { problemOf } from './bench.js';

/** Cuts bytes at arbitrary places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

describe('output', () => {
  const places = fc.array(fc.nat(10_000), { maxLength: 8 });

  it('lines are the same however the stream was cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }).map((text) => text.replace(/[\r\n]/g, ''))),
        places,
        (lines, at) => {
          const got: string[] = [];
          const cutter = new LineCutter((line) => got.push(line));
          for (const chunk of cut(Buffer.from(lines.map((line) => `${line}\n`).join('')), at)) cutter.push(chunk);
          cutter.end();
          expect(got).toEqual(lines.map((line) => Buffer.from(line).toString()));
        },
      ),
    );
  });

  it('the marker is found however the stream was cut', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), places, (before, after, at) => {
        const got: Buffer[] = [];
        const filter = new AfterMarker('MARK-1', (chunk) => got.push(chunk));
        for (const chunk of cut(Buffer.from(`${before}\nMARK-1\n${after}`), at)) filter.push(chunk);
        expect(Buffer.concat(got).toString()).toBe(after);
      }),
    );
  });

  it('what is kept is the beginning, and never half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), places, (text, max, at) => {
        const kept = new Kept(max);
        for (const chunk of cut(Buffer.from(text), at)) kept.push(chunk);
        expect(text.startsWith(kept.text())).toBe(true);
        expect(kept.truncated).toBe(Buffer.byteLength(text) > max);
      }),
    );
  });
});

describe('lanes', () => {
  const never = new AbortController().signal;

  it('watch never takes the last three, runner goes first, one that gave up is forgotten', async () => {
    const lanes = new Lanes(new VirtualClock(), 5);
    const watching = [await lanes.acquire('watch', never), await lanes.acquire('watch', never)];
    const order: string[] = [];
    const stop = new AbortController();
    const given = lanes.acquire('watch', stop.signal).then(
      () => order.push('gone'),
      () => order.push('stopped'),
    );
    void lanes.acquire('watch', never).then(() => order.push('watch'));
    stop.abort();
    await given;
    const running = await Promise.all(Array.from({ length: 3 }, () => lanes.acquire('runner', never)));
    void lanes.acquire('runner', never).then(() => order.push('runner'));
    expect(lanes.used).toBe(5);
    watching[0]?.release();
    watching[0]?.release();
    await Promise.resolve();
    expect(order).toEqual(['stopped', 'runner']);
    running[0]?.release();
    await Promise.resolve();
    expect(order).toEqual(['stopped', 'runner', 'watch']);
    expect(lanes.used).toBe(5);
  });

  it.each([
    [10, 7],
    [5, 2],
    [4, 2],
    [3, 2],
    [2, 2],
    [1, 1],
  ])('of %i sessions watch takes %i', async (limit, taken) => {
    const lanes = new Lanes(new VirtualClock(), limit);
    const given: unknown[] = [];
    for (let asked = 0; asked < 10; asked++) void lanes.acquire('watch', never).then((session) => given.push(session));
    await Promise.resolve();
    expect(given).toHaveLength(taken);
  });

  it('a refusal is believed for a while, and longer where it comes again', async () => {
    const clock = new VirtualClock();
    const lanes = new Lanes(clock);
    const limitAt = async (at: number): Promise<number> => {
      await clock.advance(at - clock.mono());
      (await lanes.acquire('runner', never)).release();
      return lanes.limit;
    };
    lanes.lower(4);
    expect(await limitAt(1_999)).toBe(4);
    expect(await limitAt(2_000)).toBe(5);
    lanes.lower(4);
    expect(await limitAt(5_999)).toBe(4);
    for (let at = 6_000; at < 20_000; at += 500) await limitAt(at);
    expect(lanes.limit).toBe(10);
    lanes.lower(4);
    expect(await limitAt(22_000)).toBe(5);
  });

  it('what has no end makes way where there is one session only, and only for what has one', async () => {
    const lanes = new Lanes(new VirtualClock(), 1);
    let asked = 0;
    const journal = await lanes.acquire('watch', never, () => {
      asked++;
    });
    let again = 0;
    void lanes.acquire('watch', never, () => undefined).then(() => again++);
    expect(asked).toBe(0);
    const probe = lanes.acquire('watch', never);
    expect(asked).toBe(1);
    journal.release();
    // The other without an end came first, and waits for what has one.
    const probing = await probe;
    expect([lanes.used, again]).toEqual([1, 0]);
    probing.release();
    await Promise.resolve();
    expect([lanes.used, again]).toEqual([1, 1]);
  });

  it('who waits beside a session without an end is not left to it: one more is tried in time', async () => {
    const clock = new VirtualClock();
    const lanes = new Lanes(clock);
    lanes.lower(1);
    // Makes way, but its end does not come: sshd waits for a process that has not heard of it.
    await lanes.acquire('watch', never, () => undefined);
    let ran = false;
    void lanes.acquire('watch', never).then(() => {
      ran = true;
    });
    await clock.advance(1_999);
    expect(ran).toBe(false);
    await clock.advance(1);
    expect(ran).toBe(true);
  });

  it('what was open at once is allowed, whatever is refused in passing', async () => {
    const lanes = new Lanes(new VirtualClock());
    const open = async (yields?: () => void) => {
      const session = await lanes.acquire('watch', never, yields);
      session.opened();
      return session;
    };
    const journal = await open(() => expect.unreachable('nothing has to make way'));
    // One that is refused proves nothing, nor do two of which the second began after the first may have ended.
    (await lanes.acquire('watch', never)).release();
    const [first, second] = [await open(), await open()];
    first.release();
    expect(lanes.proven).toBe(2);
    second.release();
    expect(lanes.proven).toBe(2);
    lanes.lower(1);
    expect(lanes.limit).toBe(2);
    await open();
    journal.release();
    lanes.lower(1);
    expect(lanes.limit).toBe(2);
  });

  it('a command does not wait for a probe that hangs where a journal can make way', async () => {
    const clock = new VirtualClock();
    const lanes = new Lanes(clock, 2);
    let asked = 0;
    const journal = await lanes.acquire('watch', never, () => {
      asked++;
    });
    await lanes.acquire('watch', never);
    let ran = false;
    void lanes.acquire('runner', never).then(() => {
      ran = true;
    });
    await clock.advance(499);
    expect([asked, ran]).toEqual([0, false]);
    await clock.advance(1);
    expect(asked).toBe(1);
    journal.release();
    await Promise.resolve();
    expect(ran).toBe(true);
    // A probe that waits behind all of them is no reason.
    void lanes.acquire('watch', never);
    await clock.advance(10_000);
    expect(asked).toBe(1);
  });

  it('sessions that were given up and do not end: another connection is wanted, but only where nothing else will end', async () => {
    const clock = new VirtualClock();
    let stuck = 0;
    const lanes = new Lanes(clock, 3, () => {
      stuck++;
    });
    await lanes.acquire('watch', never, () => undefined);
    const [first] = [await lanes.acquire('watch', never)];
    const command = await lanes.acquire('runner', never);
    first.abandon();
    void lanes.acquire('watch', never);
    await clock.advance(60_000);
    // The command is under way: it is not cut off.
    expect(stuck).toBe(0);
    command.abandon();
    await clock.advance(2_999);
    expect(stuck).toBe(0);
    await clock.advance(1);
    expect(stuck).toBe(1);
    // One that ends in time is nobody's trouble.
    first.release();
    await clock.advance(60_000);
    expect(stuck).toBe(1);
  });

  it('with one session left both kinds still get their turn', async () => {
    const lanes = new Lanes(new VirtualClock());
    lanes.lower(1);
    const first = await lanes.acquire('watch', never);
    let ran = false;
    void lanes.acquire('runner', never).then(() => {
      ran = true;
    });
    first.release();
    await Promise.resolve();
    expect(ran).toBe(true);
  });
});

describe('keeping a connection', () => {
  const signal = new AbortController().signal;

  function bench(answers: (Error | 'up')[]) {
    const clock = new VirtualClock();
    const tries: number[] = [];
    const gone: AbortController[] = [];
    const keeper = new Keeper({
      host: 'cp1',
      clock,
      random: () => 1,
      open: async (): Promise<Link> => {
        tries.push(clock.mono());
        const answer = answers.shift() ?? 'up';
        if (answer !== 'up') throw answer;
        const closed = new AbortController();
        gone.push(closed);
        const client = Object.assign(new EventEmitter(), { end: () => undefined }) as unknown as Client;
        return { client, lanes: new Lanes(new VirtualClock()), closed: closed.signal, latencyMs: 1 };
      },
    });
    return { clock, tries, keeper, gone };
  }

  it('the network is tried again with growing pauses of at most 15 s', async () => {
    const down = Array.from({ length: 9 }, () => unreachable('cp1', 'no network'));
    const { clock, tries, keeper } = bench(down);
    await problemOf(keeper.link('watch', signal));
    await clock.advance(120_000);
    expect(tries).toEqual([0, 500, 1500, 3500, 7500, 15_500, 30_500, 45_500, 60_500, 75_500]);
    expect(keeper.connection().state).toBe('up');
  });

  it('while it is down watch fails at once, the runner brings the next try forward', async () => {
    const { tries, keeper } = bench([unreachable('cp1', 'no network')]);
    await problemOf(keeper.link('watch', signal));
    expect((await problemOf(keeper.link('watch', signal))).id).toBe('host-unreachable');
    expect(tries).toHaveLength(1);
    await keeper.link('runner', signal);
    expect(tries).toHaveLength(2);
  });

  it('an answer is never tried again by itself', async () => {
    const { clock, tries, keeper } = bench([loginRefused('cp1', 'no', 'no')]);
    await problemOf(keeper.link('runner', signal));
    await clock.advance(3_600_000);
    await problemOf(keeper.link('runner', signal));
    expect(tries).toHaveLength(1);
    keeper.retry();
    await keeper.link('watch', signal);
    expect(tries).toHaveLength(2);
  });

  it('many callers share one try; a lost link is made anew from the shortest pause', async () => {
    const { clock, tries, keeper, gone } = bench([]);
    const links = await Promise.all(Array.from({ length: 5 }, () => keeper.link('watch', signal)));
    expect(new Set(links).size).toBe(1);
    const states: string[] = [];
    keeper.onConnection((connection) => states.push(connection.state));
    gone[0]?.abort();
    expect(states).toEqual(['down']);
    await clock.advance(500);
    expect([tries, states]).toEqual([
      [0, 500],
      ['down', 'connecting', 'up'],
    ]);
  });

  it('closed is closed', async () => {
    const { clock, tries, keeper } = bench([unreachable('cp1', 'no network')]);
    await problemOf(keeper.link('watch', signal));
    keeper.close();
    await clock.advance(60_000);
    keeper.retry();
    expect(tries).toHaveLength(1);
    expect((await problemOf(keeper.link('runner', signal))).what).toContain('closed');
  });
});
