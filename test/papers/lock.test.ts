import { afterEach, describe, expect, test } from 'vitest';
import { Refused } from '../../src/runner/runner.js';
import { Rig, RUN, until } from '../support/rig.js';

/** One operator acts: the lock on the servers, seen from whole consoles on one practice cluster. */

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const OTHER = '20261122-0315-0b0b';

/** Two consoles that have looked at the cluster and begun the same plan. */
async function two(): Promise<[Rig, Rig]> {
  const alice = await Rig.start({ operator: 'alice' });
  const bob = await Rig.start({ operator: 'bob', beside: alice, run: OTHER });
  ends.push(
    () => bob.close(),
    () => alice.close(),
  );
  for (const rig of [alice, bob]) {
    await rig.choose();
    rig.runner.begin();
    await until(() => rig.runner.attention.kind === 'gate', 'the first gate');
  }
  return [alice, bob];
}

const opened = (rig: Rig): Promise<'acts' | 'looks'> =>
  rig.runner.openGate().then(
    () => 'acts' as const,
    (error: unknown) => {
      if (error instanceof Refused) return 'looks' as const;
      throw error;
    },
  );

/** What a console sent to any node. */
const acted = (rig: Rig): string[] =>
  rig.events.flatMap((event) => (event.type === 'sent' && event.command.kind !== 'task' ? [event.step] : []));

describe('two consoles', () => {
  test('started at the same moment, a hundred times: exactly one acts each time', async () => {
    const outcomes: string[] = [];
    for (let round = 0; round < 100; round++) {
      const [alice, bob] = await two();
      const both = round % 2 === 0 ? [opened(alice), opened(bob)] : [opened(bob), opened(alice)].reverse();
      outcomes.push((await Promise.all(both)).sort().join());
      for (const end of ends.splice(0)) await end();
    }
    expect([...new Set(outcomes)]).toEqual(['acts,looks']);
    expect(outcomes).toHaveLength(100);
  }, 240_000);

  test('the second says whose lock it is, and can do nothing', async () => {
    const [alice, bob] = await two();
    expect(await opened(alice)).toBe('acts');
    await expect(bob.runner.openGate()).rejects.toThrow(
      /alice on alices-machine \(run 20261122-0314-7f3a, since .*\) acts/,
    );
    expect(bob.runner.observing).toMatch(/alice/);
    expect(() => bob.runner.undo('no')).toThrow(/only looks/);
    expect(acted(bob)).toEqual([]);
    expect(alice.runner.state.lock).toEqual({ on: ['node-1', 'node-2', 'node-3'], without: [] });
  });

  test('a lock that is let go of at the end can be had by the next', async () => {
    const [alice, bob] = await two();
    expect(await opened(alice)).toBe('acts');
    alice.runner.cancelGate();
    await alice.site?.leave(false);
    expect(await opened(bob)).toBe('acts');
  });
});

describe('a stale lock', () => {
  /** Alice acts, then dies without letting go. */
  async function dead(): Promise<[Rig, Rig]> {
    const [alice, bob] = await two();
    expect(await opened(alice)).toBe('acts');
    await alice.die();
    await bob.wait(300_000);
    return [alice, bob];
  }

  test('is broken only by a gate that shows whose it was and the last sign of life', async () => {
    const [, bob] = await dead();
    const gate = await bob.runner.openGate();
    expect(gate).toMatchObject({ id: 'take-over', effect: 'destroy', typed: 'practice' });
    expect(gate.facts[0]?.text).toMatch(
      /^alice on alices-machine, run 20261122-0314-7f3a, last sign of life \d{4}-\d\d-\d\d /,
    );
    expect(await bob.runner.confirmGate('wrong')).toBe('mistyped');
    expect(await bob.runner.confirmGate('practice')).toBe('confirmed');
    expect(bob.record.events.findLast((event) => event.type === 'lock-taken')).toMatchObject({
      on: ['node-1', 'node-2', 'node-3'],
      from: { operator: 'alice', run: RUN },
    });
    await until(() => bob.runner.attention.kind === 'gate' && bob.runner.attention.open === undefined, 'its own gate');
    expect((await bob.runner.openGate()).id).toBe('stop');
  });

  test('that gate is cancelled: nothing is taken', async () => {
    const [, bob] = await dead();
    await bob.runner.openGate();
    bob.runner.cancelGate();
    expect(bob.runner.state.lock).toBeUndefined();
    expect((await bob.runner.openGate()).id).toBe('take-over');
  });

  test('whoever slept and wakes up after the lock was broken sends nothing more', async () => {
    const [alice, bob] = await two();
    expect(await opened(alice)).toBe('acts');
    await alice.sleep(300_000);
    expect((await bob.runner.openGate()).id).toBe('take-over');
    expect(await bob.runner.confirmGate('practice')).toBe('confirmed');
    expect(await alice.runner.confirmGate(undefined)).toBe('confirmed');
    await until(() => alice.runner.observing !== undefined, 'alice sees it');
    expect(alice.runner.observing).toMatch(/bob on bobs-machine .* has taken over/);
    expect(acted(alice)).toEqual([]);
  });
});

test('two who looked on go on at the same moment in the place of one that died, thirty times: exactly one acts each time', async () => {
  const outcomes: string[] = [];
  for (let round = 0; round < 30; round++) {
    const alice = await Rig.start({ operator: 'alice' });
    await alice.choose();
    alice.runner.begin();
    await until(() => alice.runner.attention.kind === 'gate', 'the first gate');
    expect(await opened(alice)).toBe('acts');
    await alice.die();
    await alice.wait(300_000);
    const previous = { operator: 'alice', machine: 'alices-machine', run: RUN, lastSign: '2026-11-22T03:14:07Z' };
    const wreck = { events: [...alice.events], cluster: alice.cluster, clock: alice.clock, fetched: new Set<string>() };
    const names = round % 2 === 0 ? ['bob', 'carol'] : ['carol', 'bob'];
    const both = await Promise.all(names.map((operator) => Rig.resume(wreck, { operator, previous, beside: true })));
    ends.push(...both.map((rig) => () => rig.close()), () => alice.close());
    const answers = await Promise.all(
      both.map(async (rig) => {
        await until(() => rig.runner.attention.kind === 'gate', 'the gate');
        expect((await rig.runner.openGate()).id).toBe('take-over');
        return rig.runner.confirmGate('practice');
      }),
    );
    const acting = both.filter((rig) =>
      rig.events.slice(wreck.events.length).some((event) => event.type === 'lock-taken'),
    );
    outcomes.push(
      `${answers.sort().join()}: ${acting.length} of ${both.filter((rig) => rig.site?.acting === true).length}`,
    );
    for (const end of ends.splice(0)) await end();
  }
  expect([...new Set(outcomes)]).toEqual(['changed,confirmed: 1 of 1']);
  expect(outcomes).toHaveLength(30);
}, 240_000);

test('a server that is dead does not stand in the way; it is said', async () => {
  const rig = await Rig.start({ operator: 'alice', faults: ['dead-server'] });
  ends.push(() => rig.close());
  await rig.choose();
  rig.runner.attest('node-3', 'no power', 'off');
  rig.runner.begin();
  await until(() => rig.runner.attention.kind === 'gate', 'the first gate');
  expect(await opened(rig)).toBe('acts');
  expect(rig.runner.state.lock).toMatchObject({ on: ['node-1', 'node-2'], without: [{ host: 'node-3' }] });
});

test('no server can carry the lock: the rescue goes on, and it is said', async () => {
  const rig = await Rig.start({ operator: 'alice' });
  ends.push(() => rig.close());
  for (const name of ['node-1', 'node-2', 'node-3']) await rig.run(name, 'touch /var/lib/blackstart');
  await rig.choose();
  rig.runner.begin();
  await until(() => rig.runner.attention.kind === 'gate', 'the first gate');
  expect(await opened(rig)).toBe('acts');
  expect(rig.runner.state.lock?.without.map((one) => one.host)).toEqual(['node-1', 'node-2', 'node-3']);
});
