import { afterEach, describe, expect, test } from 'vitest';
import { Lookout } from '../../src/cli/lookout.js';
import type { Vacancy } from '../../src/incident/acting.js';
import { Rig, RUN, until } from '../support/rig.js';

/** What a console sees of another one through the servers: who acts, that nobody does any more, and who woke up again. */

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Alice acts: her lock and journal stand on the servers. */
async function acting(): Promise<Rig> {
  const alice = await Rig.start({ operator: 'alice' });
  ends.push(() => alice.close());
  await alice.choose();
  alice.runner.begin();
  await until(() => alice.runner.attention.kind === 'gate', 'the first gate');
  await alice.runner.openGate();
  return alice;
}

interface Watching {
  readonly rig: Rig;
  said(): { text: string | undefined; vacant: Vacancy | undefined };
}

function watching(rig: Rig, takenFrom?: { readonly id?: string }): Watching {
  const abort = new AbortController();
  let last: ReturnType<Watching['said']> = { text: undefined, vacant: undefined };
  const { site, practice, clock, runner } = rig;
  if (site === undefined) throw new Error('it keeps a lock');
  const lookout = new Lookout({
    runner,
    site,
    clock,
    signal: abort.signal,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    servers: () => ['node-1', 'node-2', 'node-3'].map((name) => practice.host(name)),
    mine: () => false,
    says: (text, vacant) => {
      last = { text, vacant };
    },
  });
  const watched = lookout.watch();
  ends.unshift(async () => {
    abort.abort(new Error('over'));
    await watched;
    await rig.close();
  });
  return { rig, said: () => last };
}

const beside = (alice: Rig): Promise<Rig> => Rig.start({ operator: 'bob', beside: alice, run: '20261122-0315-0b0b' });

describe('a console that looks on', () => {
  test('says who acts, and when there is no sign of life any more who it was and the last one', async () => {
    const alice = await acting();
    const bob = watching(await beside(alice));
    await until(() => bob.said().text?.startsWith('alice on alices-machine acts, since') === true, 'who acts');
    expect(bob.said().vacant).toBeUndefined();
    expect(bob.rig.runner.state.runId).toBe(RUN);
    await alice.die();
    await until(() => /acts, silent for \d+ s/.test(bob.said().text ?? ''), 'that she is silent');
    expect(bob.said().vacant).toBeUndefined();
    await until(() => bob.said().vacant !== undefined, 'that nobody acts');
    expect(bob.said().text).toMatch(/^no sign of life of alice on alices-machine for/);
    expect(bob.said().vacant).toMatchObject({
      operator: 'alice',
      run: RUN,
      in: 'servers',
      lastSign: expect.stringMatching(/^\d{4}-/),
    });
  });

  test('says it at once where the other has let go', async () => {
    const alice = await acting();
    const bob = watching(await beside(alice));
    await until(() => bob.rig.runner.observing !== undefined, 'that alice acts');
    alice.runner.cancelGate();
    await alice.site?.leave(false);
    await until(() => bob.said().vacant !== undefined, 'that nobody acts');
    expect(bob.said().text).toBe('alice on alices-machine has let go');
  });

  test('offers nothing where the run has ended', async () => {
    const alice = await acting();
    const bob = watching(await beside(alice));
    await until(() => bob.rig.runner.observing !== undefined, 'that alice acts');
    alice.runner.cancelGate();
    alice.runner.stop('enough');
    await until(() => bob.said().text === 'alice on alices-machine has let go: stopped', 'the end');
    expect(bob.said().vacant).toBeUndefined();
  });
});

describe('a console that goes on in place of another, before its first gate', () => {
  const previous = { operator: 'alice', machine: 'alices-machine', run: RUN, lastSign: '2026-11-22T03:14:07Z' };
  const inPlaceOf = (alice: Rig): Promise<Rig> =>
    Rig.resume(
      { events: [...alice.events], cluster: alice.cluster, clock: alice.clock, fetched: new Set() },
      { operator: 'bob', previous, beside: true },
    );

  test('looks on again where the other wakes up', async () => {
    const alice = await acting();
    await alice.sleep(120_000);
    const asleep = alice.sleep(30_000);
    const bob = watching(await inPlaceOf(alice), {});
    await bob.rig.wait(20_000);
    expect(bob.rig.runner.observing).toBeUndefined();
    await asleep;
    await until(() => bob.rig.runner.observing !== undefined, 'that alice is there again');
    expect(bob.rig.runner.observing).toMatch(/alice on alices-machine .* acts on this cluster/);
  });

  test('whom it knows to be at work does not stand in the way: its gate asks', async () => {
    const alice = await acting();
    const bob = watching(await inPlaceOf(alice), { id: alice.site?.id ?? '' });
    await bob.rig.wait(20_000);
    expect(bob.rig.runner.observing).toBeUndefined();
    await until(() => bob.rig.runner.attention.kind === 'gate', 'its gate');
    const gate = await bob.rig.runner.openGate();
    expect(gate.loses).toMatch(/alice is at work right now/);
  });
});
