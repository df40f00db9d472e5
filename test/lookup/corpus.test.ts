import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { symptoms } from '../../scenarios/symptoms/index.js';
import { locate, makeMatcher } from '../../src/lookup/match.js';

/** The catalogue against what a real K3s printed: quiet when all is well, and right when it is not. */

const FIXTURES = new URL('../fixtures/real-k3s/', import.meta.url);
const match = makeMatcher(symptoms);
const severityOf = new Map(symptoms.map((one) => [one.id, one.severity]));
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const healthy = lines(gunzipSync(readFileSync(new URL('healthy-lines.gz', FIXTURES))).toString());

/** The recorded lines with other numbers and addresses in them, until there are enough. */
function* varied(count: number): Generator<string> {
  let seed = 8;
  const digit = (): string => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return String((seed >>> 16) % 10);
  };
  for (let index = 0; index < count; index++) yield (healthy[index % healthy.length] ?? '').replace(/\d/g, digit);
}

const alarming = (line: string): readonly string[] => match(line).filter((id) => severityOf.get(id) !== 'info');

describe('healthy lines', () => {
  test('as recorded raise nothing above information', () => {
    expect(healthy.length).toBeGreaterThan(3_000);
    expect(healthy.filter((line) => alarming(line).length > 0)).toEqual([]);
  });

  test('varied to 50,000 raise nothing above information either', () => {
    const raised = new Set<string>();
    for (const line of varied(50_000)) for (const id of alarming(line)) raised.add(`${id}: ${line}`);
    expect([...raised]).toEqual([]);
  });

  test('information is shown where the recordings have it, and rarely', () => {
    const seen = healthy.filter((line) => match(line).length > 0);
    expect(new Set(seen.flatMap(match))).toEqual(new Set(['2', '4', '5', '7', '11', '33', '48', '55', '83']));
    expect(seen.length / healthy.length).toBeLessThan(0.02);
  });
});

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'e-quorum-loss.04-node-1-journal-after-loss': ['1', '2', '3', '4', '5', '8', '11', '13', '83', '84'],
  'e-quorum-loss.09-node-1-while-node-2-unwiped': ['17'],
  'e-quorum-loss.10-both-unwiped-node-3': ['7', '8', '11', '17'],
  'e2-restore-with-unwiped-peers.05-node-2': ['16', '83', '84'],
  'f-single-node.02-node-3-start-node-not-deleted': ['11', '21', '24'],
  'f-single-node.08-agent-lost-password': ['49', '52'],
  'f-single-node.08-node-1-server-side': ['50'],
  'g-wiped-cluster-init-node.02-node-1-start': ['33', '37', '38', '64'],
  'h-disk-full.journal-after': ['3', '37', '60', '83', '84'],
  'h-disk-full.restore-on-full-disk': ['4', '7', '60', '80'],
  'i-nospace-alarm.06-journal': ['4', '48', '55', '57', '83', '84'],
  'j-agent.agent-all-servers-down-and-back': ['29', '52', '53', '54', '55', '56'],
  'k-token-rotate.05-journal': ['4', '31', '36', '37', '48', '55', '83', '84'],
  'l-s3.01-bucket-missing': ['78'],
  'l-s3.04-wrong-key': ['78'],
};

/** What the fatal line of a failed reset is to be looked up as (d-reset-failures). */
const RESETS: Readonly<Record<string, string>> = {
  'cluster-reset-without-restore': '69',
  'flipped-byte': '75',
  'k3s-still-running': '66',
  'newhost-malformed-token': '46',
  'newhost-no-token': '72',
  'newhost-token-file-only': '72',
  'no-trailer': '74',
  'path-does-not-exist': '73',
  'path-is-a-directory': '73',
  'path-relative': '73',
  'path-without-cluster-reset': '81',
  'run-twice-no-restore-path': '70',
  'server-url-in-config': '71',
  truncated: '74',
  'wrong-token': '36',
  'zip-restore': '69',
};

describe('failure recordings', () => {
  const folder = new URL('symptom-lines/', FIXTURES);

  test('are all looked at', () => {
    const names = readdirSync(fileURLToPath(folder)).filter((name) => name.endsWith('.txt'));
    expect(names.map((name) => name.replace(/\.txt$/, '')).sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  test.each(Object.entries(EXPECTED))('%s shows what it is about', (name, ids) => {
    const found = new Set(lines(readFileSync(new URL(`${name}.txt`, folder), 'utf8')).flatMap(match));
    expect([...found].sort((a, b) => Number(a) - Number(b))).toEqual(ids);
  });

  test.each(Object.entries(RESETS))('reset %s shows symptom %s', (name, id) => {
    const output = lines(readFileSync(new URL(`d-reset-failures/${name}.err`, FIXTURES), 'utf8'));
    expect(output.flatMap(match)).toContain(id);
  });
});

describe('the prefilter', () => {
  test('finds exactly what trying every pattern finds', () => {
    const naive = (line: string): Set<string> =>
      new Set(symptoms.filter((one) => locate(one, line) !== undefined).map((one) => one.id));
    const folder = new URL('symptom-lines/', FIXTURES);
    const failing = readdirSync(fileURLToPath(folder)).flatMap((name) =>
      lines(readFileSync(new URL(name, folder), 'utf8')),
    );
    for (const line of [...failing, ...healthy]) expect(new Set(match(line)), line).toEqual(naive(line));
  });

  test('is not misled by texts that begin within one another', () => {
    const entry = (id: string, ...patterns: string[]) => ({
      id,
      patterns,
      title: id,
      severity: 'info' as const,
      means: '',
      doThis: '',
      source: '',
      example: '',
    });
    const own = makeMatcher([
      entry('a', 'aabaabx'),
      entry('b', 'abaab'),
      entry('c', 'baabx|abaay'),
      entry('d', 'aabaa'),
    ]);
    expect(own('zaabaabaabxz')).toEqual(['a', 'b', 'c', 'd']);
    expect(own('abaay')).toEqual(['c']);
    expect(own('aba')).toEqual([]);
    expect(own('é'.repeat(5))).toEqual([]);
  });
});
