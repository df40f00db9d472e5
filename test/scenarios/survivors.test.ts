import { describe, expect, test } from 'vitest';
import {
  compareBackup,
  describe as inWords,
  ranked,
  rankSurvivors,
  type Survivor,
  suggestSurvivor,
} from '../../scenarios/steps/survivors.js';
import type { HostFacts } from '../../src/incident/facts.js';
import type { JsonObject } from '../../src/incident/json.js';
import { type Choices, HERE, type StepContext } from '../../src/incident/step.js';

/** Which of several servers is gone on from. */

const survivor = (host: string, more: Partial<Survivor> = {}): Survivor => ({
  host,
  intact: true,
  problems: [],
  bytes: 4_000_000,
  revision: 1000,
  index: 1200,
  term: 3,
  beyond: 0,
  written: 1_795_000_000,
  tokenHash: null,
  caHash: null,
  clusterUid: null,
  members: [],
  objects: {},
  nodes: [],
  wakes: [],
  ...more,
});

function contextWith(survivors: readonly Survivor[], choices: Partial<Choices> = {}, backup?: JsonObject): StepContext {
  const facts: HostFacts = {
    reachable: true,
    data: { datastore: 'etcd', resetFlag: false, tombstone: false, mountPoint: false, aside: [] },
  };
  return {
    runId: 'run',
    cluster: {
      name: 'prod',
      drill: false,
      contacts: [],
      hosts: ['m-1', 'm-2', 'm-3'].map((name) => ({
        name,
        role: 'server' as const,
        address: '192.0.2.1',
        nodeName: name,
        dataDir: '/var/lib/rancher/k3s',
        service: 'k3s',
      })),
    },
    host: HERE,
    attempt: 1,
    choices: { fenced: [], left: [], ...choices },
    facts: () => facts,
    learned: () => '',
    known: (step, key, on) => {
      if (step === 'survivor') return survivors.find((one) => one.host === on) as unknown as JsonObject | undefined;
      return step === 'newest-backup' ? backup?.[key] : undefined;
    },
    endedAt: () => undefined,
  };
}

const judge = (step: typeof rankSurvivors, context: StepContext) => step.done.judge([], context);

describe('the order', () => {
  test.each([
    ['sound before damaged, whatever it has', survivor('a', { intact: false, index: 9_999 }), survivor('b'), 'b'],
    [
      'the later term, as etcd elects',
      survivor('a', { term: 4, index: 10 }),
      survivor('b', { term: 3, index: 90 }),
      'a',
    ],
    ['then the longer log', survivor('a', { index: 1201 }), survivor('b', { index: 1200, revision: 2000 }), 'a'],
    ['then the higher revision', survivor('a', { revision: 999 }), survivor('b', { revision: 1000 }), 'b'],
  ])('%s', (_what, a, b, best) => {
    const [first, second] = [
      { ...a, host: 'm-1' },
      { ...b, host: 'm-2' },
    ];
    expect(ranked(contextWith([first, second]))[0]?.host).toBe(best === 'a' ? 'm-1' : 'm-2');
  });

  test('the best is suggested once its data was read', () => {
    const context = contextWith([survivor('m-1'), survivor('m-3', { index: 1300 })], { primary: 'm-1' });
    expect(suggestSurvivor(context, () => true)).toBe('m-3');
  });

  test('before that, what was suggested stays', () => {
    expect(suggestSurvivor(contextWith([], { primary: 'm-2' }), () => true)).toBe('m-2');
  });
});

describe('what follows', () => {
  test('nothing sound: another plan has to go on', () => {
    const found = judge(
      rankSurvivors,
      contextWith([survivor('m-1', { intact: false, problems: ['page 31'] })], { primary: 'm-1' }),
    );
    expect(found).toMatchObject({ answer: 'failed', handOver: 'full-restore' });
    expect(found.evidence.join()).toContain('m-2: not read');
  });

  test('a damaged one was chosen: the best is named', () => {
    const found = judge(
      rankSurvivors,
      contextWith([survivor('m-1', { intact: false }), survivor('m-2')], { primary: 'm-1' }),
    );
    expect(found).toMatchObject({ answer: 'failed', next: expect.stringContaining('Choose m-2') });
  });

  test('one that is behind may be chosen, and it is said what that loses', () => {
    const found = judge(
      rankSurvivors,
      contextWith([survivor('m-1'), survivor('m-2', { index: 1300 })], { primary: 'm-1' }),
    );
    expect(found.answer).toBe('yes');
    expect(found.evidence[0]).toContain('although m-2 has more');
  });

  test('a backup that holds more is the better choice', () => {
    const backup = { name: 'daily', revision: 1100 };
    const context = contextWith([survivor('m-1')], { primary: 'm-1' }, backup);
    expect(judge(compareBackup, context)).toMatchObject({ answer: 'failed', handOver: 'full-restore' });
    const more = contextWith([survivor('m-1', { revision: 1200 })], { primary: 'm-1' }, backup);
    expect(judge(compareBackup, more)).toMatchObject({ answer: 'yes', evidence: ['100 revisions more than daily'] });
  });

  test('without a backup there is nothing to compare with, and nothing to wait for', () => {
    expect(judge(compareBackup, contextWith([survivor('m-1')], { primary: 'm-1' })).answer).toBe('yes');
  });
});

test('in a line', () => {
  expect(inWords(survivor('m-1'))).toBe(
    'sound, revision 1,000, raft index 1,200 of term 3, 4.0 MB, written 2026-11-18 11:06:40Z',
  );
  expect(inWords(survivor('m-1', { beyond: null }))).toContain('its log was not read');
  expect(inWords(survivor('m-1', { intact: false, problems: ['page 31 is damaged'] }))).toBe(
    'damaged: page 31 is damaged',
  );
});
