import { describe, expect, test } from 'vitest';
import { type ChecklistSeen, itemStatuses, unmetBeforeBegin } from '../../scenarios/pre-restore.js';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import { contextOf } from '../../src/incident/state.js';
import { HERE } from '../../src/incident/step.js';
import { opening, threeHosts } from '../support/fake-world.js';
import { serverFacts } from '../support/host-facts.js';

function seen(payloads: readonly Payload[], more: Partial<ChecklistSeen> = {}): ChecklistSeen {
  const looked = threeHosts.hosts.map(({ name }): Payload => ({ type: 'host-seen', host: name, facts: serverFacts }));
  const events = [opening, ...looked, ...payloads].map(
    (payload, index) =>
      ({ seq: index + 1, at: new Date(1000 + index).toISOString(), mono: 0, ...payload }) as IncidentEvent,
  );
  const state = foldAll(events);
  if (state === undefined) throw new Error('it does not open');
  return {
    state,
    context: contextOf(state, HERE, 1, true),
    needed: undefined,
    backups: 7,
    listedAt: 500,
    backupsProblem: undefined,
    lookedAt: { a: 900, b: 700, c: 800 },
    documented: undefined,
    copies: {},
    ...more,
  };
}

const status = (one: ChecklistSeen, id: string) => itemStatuses(one).find(({ item }) => item.id === id);
const copied = { state: 'copied', at: 400, bytes: 1e6, whole: false, live: false } as const;

describe('the pre-restore checklist', () => {
  test('has the eight items of the paper, in its words', () => {
    expect(itemStatuses(seen([])).map(({ item }) => item.title)).toEqual([
      'Identify the backup file to restore from',
      'Ensure you have access to the MinIO/S3 storage containing backups',
      'Have the backup encryption passphrase ready',
      'Stop all applications and workloads if possible',
      'Document current cluster state if partially functional',
      'Prepare fresh master nodes or ensure existing nodes are accessible',
      'Have network connectivity to all master nodes',
      'Backup current etcd data if any nodes are still functional',
    ]);
  });

  test('says how old the evidence is: the oldest look counts', () => {
    expect(status(seen([]), 'network')).toMatchObject({ met: true, at: 700 });
    expect(status(seen([]), 'storage')).toMatchObject({ met: true, at: 500, evidence: '7 backups listed' });
  });

  test('a word stands for what no probe shows, with whose it is; without one the plan cannot begin', () => {
    const before = seen([]);
    expect(unmetBeforeBegin(before).join()).toMatch(/Stop all applications.*your word/);
    const after = seen([{ type: 'ticked', item: 'workloads', how: 'word', evidence: 'scaled to zero' }]);
    expect(status(after, 'workloads')).toMatchObject({ met: true, how: 'word', evidence: 'your word: scaled to zero' });
    expect(unmetBeforeBegin(after).join()).not.toMatch(/Stop all applications/);
  });

  test('what was seen once is no longer met when it is gone, until the plan has begun', () => {
    const tick: Payload = { type: 'ticked', item: 'documented', how: 'seen', evidence: 'written' };
    expect(status(seen([tick]), 'documented')?.met).toBe(false);
    expect(status(seen([tick, { type: 'plan-begun' }]), 'documented')).toMatchObject({
      met: true,
      evidence: 'when the plan began: written',
    });
  });

  test.each([
    ['nothing asked yet', {}, { met: false, underWay: false }],
    ['a copy of each', { a: copied, b: copied, c: copied }, { met: true, at: 400 }],
    [
      'one is under way',
      { a: copied, b: { state: 'copying', share: 0.41 }, c: copied },
      { met: false, underWay: true },
    ],
    ['one failed', { a: copied, b: { state: 'failed', why: 'no room' }, c: copied }, { met: false }],
    ['too large to be copied unasked', { a: { state: 'large', bytes: 9e9 }, b: copied, c: copied }, { met: false }],
  ] as const)('etcd data kept here: %s', (_what, copies, expected) => {
    expect(status(seen([], { copies }), 'current-data')).toMatchObject(expected);
  });

  test('no server answers: nobody can tell what they still have, so nothing counts as saved', () => {
    const silent = threeHosts.hosts.map(({ name }): Payload => {
      const facts = { reachable: false, problem: { id: 'x', what: 'no route.', next: '' } };
      return { type: 'host-seen', host: name, facts };
    });
    expect(status(seen(silent), 'current-data')).toMatchObject({ met: false });
    expect(status(seen(silent), 'network')?.evidence).toBe('a: no route. Silent, too: b, c');
  });

  test('a copy made while etcd ran says so', () => {
    const copies = { a: copied, b: { ...copied, live: true }, c: copied };
    expect(status(seen([], { copies }), 'current-data')?.evidence).toMatch(/b while etcd ran/);
  });

  test('a scenario that restores no backup asks for none', () => {
    const none = seen([], { needed: ['workloads'], backups: undefined, backupsProblem: 'the bucket is gone' });
    for (const id of ['backup-identified', 'storage', 'passphrase']) expect(status(none, id)?.met).toBe(true);
  });
});
