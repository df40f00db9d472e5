import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Before } from '../../src/cli/before.js';
import type { IncidentEvent, Payload } from '../../src/incident/event.js';
import type { HostFacts } from '../../src/incident/facts.js';
import { foldAll } from '../../src/incident/fold.js';
import { FakeHosts } from '../support/fake-hosts.js';
import { opening, threeHosts } from '../support/fake-world.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const DB = '/dd/server/db/etcd/member/snap/db';

function setUp(facts: Readonly<Record<string, HostFacts>>, files: Readonly<Record<string, Record<string, string>>>) {
  const runs = mkdtempSync(join(tmpdir(), 'blackstart-before-'));
  folders.push(runs);
  const looked = Object.entries(facts).map(([host, one]): Payload => ({ type: 'host-seen', host, facts: one }));
  const events = [opening, ...looked, { type: 'scenario-chosen', scenario: 'x' } as Payload].map(
    (payload, index) => ({ seq: index + 1, at: '2026-11-22T03:14:00Z', mono: 0, ...payload }) as IncidentEvent,
  );
  const state = foldAll(events);
  if (state === undefined) throw new Error('it does not open');
  const hosts = new FakeHosts(files);
  const notes: string[] = [];
  const abort = new AbortController();
  const before = new Before({
    cluster: threeHosts,
    runs,
    signal: abort.signal,
    host: hosts.get,
    state: () => state,
    changed: () => {},
    note: (text) => void notes.push(text),
  });
  return { before, runs, hosts, notes, abort, runId: state.runId };
}

const etcd = (dbBytes: number): HostFacts => ({
  reachable: true,
  data: { datastore: 'etcd', dbBytes, resetFlag: false, tombstone: false, mountPoint: false, aside: [] },
});

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 2_000) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('before anything is changed', () => {
  test('the state is written down for the owner only, the API down or not, and small data is copied here', async () => {
    const { before, runs, notes, abort, runId } = setUp(
      { a: etcd(4), b: etcd(200e6), c: { reachable: false, problem: { id: 'x', what: 'no route', next: '' } } },
      { a: { [DB]: 'data' }, b: { [DB]: 'more' } },
    );
    const work = before.chosen(true);
    await until(() => before.documented !== undefined && before.copies.a?.state === 'copied');
    const page = join(runs, `${runId}.before.md`);
    expect(before.documented).toMatchObject({ path: page });
    expect(statSync(page).mode & 0o077).toBe(0);
    expect(readFileSync(page, 'utf8')).toMatch(/\*\*c\*\* \(server\): no route[\s\S]*No API answered/);
    expect(before.copies).toMatchObject({ a: { bytes: 4, whole: false }, b: { state: 'large' } });
    expect(readFileSync(join(runs, `${runId}.before`, 'a', 'snap', 'db'), 'utf8')).toBe('data');
    expect(notes.join('\n')).toMatch(/sha256 [0-9a-f]{64}[\s\S]*etcd data of a was copied|etcd data of a[\s\S]*sha256/);
    await before.copy(true);
    expect(before.copies.b).toMatchObject({ state: 'copied', whole: true });
    abort.abort(new Error('enough'));
    await work;
    before.remove();
    expect(readdirSync(runs)).toEqual([]);
  });

  test('what cannot be copied says why and leaves nothing behind', async () => {
    const { before, runs, runId } = setUp({ a: etcd(4) }, {});
    await before.copy(false);
    expect(before.copies.a).toMatchObject({ state: 'failed' });
    expect(existsSync(join(runs, `${runId}.before`, 'a'))).toBe(false);
  });

  test('a database that K3s opens again and again while it is fetched is copied as it is, and said so', async () => {
    const { before, hosts, abort } = setUp({ a: etcd(4) }, { a: { [DB]: 'data' } });
    hosts.changing.add(DB);
    const work = before.chosen(true);
    await until(() => before.copies.a?.state === 'copied');
    expect(before.copies.a).toMatchObject({ live: true, bytes: 4 });
    abort.abort();
    await work;
  });
});
