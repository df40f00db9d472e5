import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.js';
import { type JournalRow, type PapersHost, parseJournal } from '../../src/papers/read.js';
import { Site } from '../../src/papers/site.js';

/** The lock of one console on one server, with answers that come late or never: what a busy machine does to it. */

class FakeServer {
  lock: string | undefined;
  /** A command on its way, before it is carried out. */
  way: (verb: string) => Promise<void> = async () => undefined;
  /** What happens to an answer; the command itself is always carried out. */
  answer: (verb: string) => Promise<void> = async () => undefined;
  silent: string | undefined;
  /** A small file on its way; journals are told by their directory. */
  bringing: (path: string) => Promise<void> = async () => undefined;
  readonly journal: string[] = [];
  readonly host: PapersHost;

  constructor(readonly name: string) {
    const exec = async ({ argv }: { argv: readonly string[] }) => {
      const [, , verb = '', id = ''] = argv;
      if (argv[0] !== 'sh' || !/lock-/.test(argv[1] ?? '')) return { stdout: '', stderr: '', code: 1 };
      await this.way(verb);
      if (verb === 'take') this.lock ??= id;
      const ours = this.lock === id;
      if (verb === 'release' && ours) this.lock = undefined;
      await this.answer(verb);
      return { stdout: ours && verb !== 'release' ? 'ours\n' : 'none\n', stderr: '', code: 0 };
    };
    const put = async ({ path, source }: { path: string; source: { bytes: Buffer } }) => {
      await this.bringing(path);
      if (path.includes('/journal-')) this.journal.push(source.bytes.toString());
    };
    this.host = { name, exec, put } as unknown as PapersHost;
  }
}

interface Standing {
  readonly site: Site;
  readonly servers: FakeServer[];
  readonly clock: VirtualClock;
}

const standing = (...names: string[]): Standing => standingWith([], ...names);

function standingWith(recorded: readonly JournalRow[], ...names: string[]): Standing {
  const servers = names.map((name) => new FakeServer(name));
  const clock = new VirtualClock();
  const site = new Site({
    servers: () => servers.map(({ host, silent }) => ({ host, ...(silent === undefined ? {} : { silent }) })),
    clock,
    owner: { operator: 'alice', machine: 'laptop', run: '20261122-0314-7f3a', seat: 'seat' },
    rows: (after) => recorded.filter(({ seq }) => seq > after),
    papers: () => [],
    gone: () => [],
    lost: () => undefined,
    kept: () => undefined,
  });
  return { site, servers, clock };
}

const locks = (servers: readonly FakeServer[]): (string | undefined)[] => servers.map((server) => server.lock);

describe('leaving lets go of the lock', () => {
  test('also while a renewal is on its way', async () => {
    const { site, servers } = standing('node-1', 'node-2');
    await site.take();
    expect(locks(servers)).toEqual([site.id, site.id]);
    // If nothing holds the two apart, the renewal reaches the server after the lock was let go of, finds none, and takes it again.
    const [first] = servers;
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    if (first !== undefined) first.way = (verb) => (verb === 'beat' ? held : Promise.resolve());
    const beats = [site.beat(), site.beat()];
    const left = site.leave(true);
    await new Promise((resolve) => setImmediate(resolve));
    goOn();
    await Promise.all([...beats, left]);
    expect(locks(servers)).toEqual([undefined, undefined]);
  });

  test('also on a server that was silent when last seen', async () => {
    const { site, servers } = standing('node-1', 'node-2');
    await site.take();
    for (const server of servers) server.silent = 'node-1 does not answer';
    await site.leave(true);
    expect(locks(servers)).toEqual([undefined, undefined]);
  });

  test('also where the answer to taking it never came', async () => {
    const { site, servers } = standing('node-1', 'node-2');
    for (const server of servers.slice(0, 1))
      server.answer = async (verb) => {
        if (verb === 'take') throw new Error('no answer in time');
      };
    expect(await site.take()).toMatchObject({ kind: 'ours', on: ['node-2'], without: [{ host: 'node-1' }] });
    expect(servers[0]?.lock).toBe(site.id);
    await site.leave(false);
    expect(locks(servers)).toEqual([undefined, undefined]);
  });

  test('left once more, where it could not be said the first time', async () => {
    const { site, servers } = standing('node-1');
    await site.take();
    const [server] = servers;
    if (server === undefined) throw new Error('one server');
    const { host } = server;
    const exec = host.exec.bind(host);
    Object.assign(host, { exec: () => Promise.reject(new Error('connection lost')) });
    await site.leave(true);
    expect(server.lock).toBe(site.id);
    Object.assign(host, { exec });
    await site.leave(false);
    expect(server.lock).toBeUndefined();
  });
});

describe('a long journal', () => {
  const HASH = 'ab'.repeat(32);
  const day = Array.from({ length: 2_000 }, (_, at) => ({
    seq: at + 1,
    hash: HASH,
    body: `{"text":"${'x'.repeat(400)}"}`,
  }));

  test('stands on every server whole, in pieces that sort by their first event', async () => {
    const { site, servers } = standingWith(day, 'node-1', 'node-2');
    await site.take();
    for (const { journal } of servers) {
      expect(journal.length).toBeGreaterThan(5);
      expect(parseJournal(journal.join(''))).toEqual(day);
      expect(Math.max(...journal.map((piece) => piece.length))).toBeLessThanOrEqual(128 * 1024);
    }
  });

  test('over a slow line keeps nobody waiting, and goes on where it stopped', async () => {
    const { site, servers, clock } = standingWith(day, 'node-1', 'node-2');
    const [, slow] = servers;
    if (slow === undefined) throw new Error('two servers');
    slow.bringing = () => clock.advance(3_000);
    expect(await site.take()).toMatchObject({
      on: ['node-1', 'node-2'],
      without: [
        { host: 'node-2', why: expect.stringMatching(/its line is slow: \d of 8 pieces of the journal are to come/) },
      ],
    });
    expect(slow.journal).toHaveLength(3);
    for (let beats = 0; beats < 5 && slow.journal.length < 8; beats++) await site.beat();
    expect(parseJournal(slow.journal.join(''))).toEqual(day);
    // Each piece once: nothing was begun anew.
    expect(slow.journal).toHaveLength(8);
  });
});
