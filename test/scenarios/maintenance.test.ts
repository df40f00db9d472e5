import { describe, expect, test } from 'vitest';
import {
  HOLDS,
  type MaintenanceSeen,
  maintenance,
  maintenanceStatuses,
  type Tick,
} from '../../scenarios/maintenance.js';

const DAY = 86_400_000;
const NOW = 1_795_000_000_000;
const good: MaintenanceSeen = {
  now: NOW,
  backups: {
    count: 11,
    bytes: 5e6,
    newestAge: 14 * 3_600_000,
    missed: 0,
    trend: 1.04,
    daily: 'kept',
    weekly: 'kept',
  },
  drills: [{ at: NOW - 3 * DAY, seconds: 80, scenario: 'full-restore' }],
  proof: { at: NOW - DAY, id: 'snapshot-weekly' },
  contacts: 2,
};
const nothing: MaintenanceSeen = { now: NOW, backups: undefined, drills: [], proof: undefined, contacts: 2 };

const stateOf = (id: string, seen: MaintenanceSeen, ticks: readonly Tick[] = []) =>
  maintenanceStatuses(seen, ticks).find((one) => one.item.id === id);
const word = (item: string, daysAgo: number): Tick => ({
  item,
  at: NOW - daysAgo * DAY,
  by: 'kim',
  how: 'word',
  words: 'did it',
});

describe('the maintenance lists', () => {
  test('are the runbook’s, in its words', () => {
    expect(maintenance.map((item) => [item.every, item.title])).toEqual([
      ['weekly', 'Verify automated backups are completing successfully'],
      ['weekly', 'Check backup storage space utilization'],
      ['weekly', 'Review backup retention policy enforcement'],
      ['monthly', 'Test restore procedure in development environment'],
      ['monthly', 'Update restore documentation with any procedural changes'],
      ['monthly', 'Verify encryption keys and access credentials are current'],
      ['quarterly', 'Full disaster recovery drill with stakeholders'],
      ['quarterly', 'Review and update emergency contact information'],
      ['quarterly', 'Audit backup security and access controls'],
    ]);
  });

  test('what can be seen ticks itself; without evidence and without a word it is overdue', () => {
    for (const id of ['backups-complete', 'storage-space', 'retention', 'restore-test', 'credentials'])
      expect(stateOf(id, good), id).toMatchObject({ state: 'done', last: { how: 'seen' } });
    for (const { item, state } of maintenanceStatuses(nothing, [])) expect(state, item.id).toBe('overdue');
  });

  test('a restore on real hosts ticks the monthly test, and says that it was one', () => {
    const drills = [{ at: NOW - DAY, seconds: 700, scenario: 'restore-elsewhere', real: true }];
    const words = 'on real hosts: restore-elsewhere, recovered in 700 s';
    expect(stateOf('restore-test', { ...nothing, drills })).toMatchObject({ state: 'done', last: { words } });
  });

  test.each([
    ['a backup is missing', { missed: 1 }, 'backups-complete'],
    ['the newest is old', { newestAge: 30 * 3_600_000 }, 'backups-complete'],
    ['the newest is half of the usual', { trend: 0.4 }, 'storage-space'],
    ['old ones are gone too early', { daily: 'short' }, 'retention'],
    ['old ones stay', { weekly: 'overdue' }, 'retention'],
  ] as const)('%s: wrong, whatever was seen last week', (_what, odd, id) => {
    const seen = { ...good, backups: { ...good.backups, ...odd } } as MaintenanceSeen;
    const before: Tick = { item: id, at: NOW - DAY, by: 'blackstart', how: 'seen', words: 'fine' };
    expect(stateOf(id, seen, [before])?.state).toBe('wrong');
    // A person who looked and said so outweighs it.
    expect(stateOf(id, seen, [word(id, 1)])?.state).toBe('done');
  });

  test('a word holds for its period, with the person', () => {
    const held = Math.floor(HOLDS.quarterly / DAY) - 1;
    expect(stateOf('access-audit', good, [word('access-audit', held)])).toMatchObject({
      state: 'done',
      last: { by: 'kim', words: 'did it' },
    });
    expect(stateOf('access-audit', good, [word('access-audit', held + 2)])).toMatchObject({
      state: 'overdue',
      last: { by: 'kim' },
    });
  });

  test('no contact at all is wrong', () => {
    expect(stateOf('contacts', { ...nothing, contacts: 0 })?.state).toBe('wrong');
  });
});
