import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { clusterOf } from '../../src/cli/cluster-of.js';
import { clusterKey } from '../../src/cli/open-run.js';
import { loadInventory } from '../../src/inventory/load.js';
import { Site } from '../../src/papers/site.js';
import { claim } from '../../src/record/claim.js';
import { RunRecord } from '../../src/record/record.js';
import { openHosts } from '../../src/remote/hosts.js';
import { Cli, folder, practice } from './practice-process.js';

/** Two people at one cluster, as real processes against a practice cluster of its own process. */

const RUN = '20261122-0314-7f3a';
const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Alice's console: its lock and its journal stand on the servers. */
async function alice(inventoryFile: string): Promise<void> {
  const inventory = await loadInventory({ file: inventoryFile });
  const cluster = clusterOf(inventory);
  const hosts = openHosts(inventory);
  const record = RunRecord.open(join(folder(), `${RUN}.db`), systemClock);
  const who = { operator: 'alice', machine: 'laptop' };
  record.append({ type: 'run-opened', runId: RUN, cluster, version: '0', mode: 'drill', ...who });
  record.append({ type: 'scenario-chosen', scenario: 'full-restore' });
  record.append({ type: 'plan-begun' });
  const site = new Site({
    servers: () => inventory.servers.map(({ name }) => ({ host: hosts.get(name) })),
    clock: systemClock,
    owner: { ...who, run: RUN, seat: 'elsewhere' },
    rows: (after) => record.rowsAfter(after),
    papers: () => [],
    gone: () => [],
    lost: () => undefined,
    kept: () => undefined,
  });
  expect(await site.take()).toMatchObject({ kind: 'ours', on: ['node-1', 'node-2', 'node-3'] });
  ends.push(
    () => hosts.closeAll(),
    () => record.close(),
    () => site.leave(false),
  );
}

describe('a second console', () => {
  test('on the same machine leaves with 5 when it cannot follow, and says who acts', async () => {
    const { inventory } = await practice();
    const cli = new Cli();
    const key = clusterKey(clusterOf(await loadInventory({ file: inventory })));
    const who = { operator: 'alice', machine: 'here', pid: 4711, run: RUN, since: '2026-11-22T03:14:07.000Z' };
    const held = claim(join(cli.state, 'blackstart'), key, who);
    if ('ours' in held) ends.push(() => held.ours.release());
    const said = await cli.run('--plain', '--inventory', inventory);
    expect(said.code).toBe(5);
    expect(said.stderr).toMatch(/alice acts in another console here, since 03:14:07Z \(process 4711\)/);
  });

  test('of a process that is dead stands in nobody’s way', async () => {
    const { inventory } = await practice();
    const cli = new Cli();
    const key = clusterKey(clusterOf(await loadInventory({ file: inventory })));
    const who = { operator: 'alice', machine: 'here', pid: 4711, run: RUN, since: '' };
    const held = claim(join(cli.state, 'blackstart'), key, who);
    if ('ours' in held) held.ours.release();
    expect((await cli.run('--plain', '--inventory', inventory)).code).toBe(0);
  });
});

describe('take-over', () => {
  test('finds nothing to go on with: 3, and what to do', async () => {
    const { inventory } = await practice('dead-server');
    const said = await new Cli().run('take-over', '--json', '--inventory', inventory);
    expect(said).toMatchObject({ code: 3, stdout: '' });
    expect(said.stderr).toMatch(/No server .* holds the journal of a run/);
  });

  // Where sudo wants a password, the journal cannot go over standard input.
  test.each(['sudo-nopassword', 'sudo-password'])(
    'names whose run it is and where its journal stands (%s)',
    async (fault) => {
      const { inventory } = await practice(fault);
      await alice(inventory);
      const said = await new Cli().run('take-over', '--json', '--inventory', inventory);
      expect(said.code).toBe(0);
      expect(JSON.parse(said.stdout)).toMatchObject({
        operator: 'alice',
        machine: 'laptop',
        run: RUN,
        events: 3,
        scenario: 'full-restore',
        ended: null,
      });
    },
  );
});

describe('approve', () => {
  test('answers a challenge with the key of a file, and refuses what is none', async () => {
    const cli = new Cli();
    const key = join(folder(), 'key');
    writeFileSync(key, 'kims key\n', { mode: 0o600 });
    const said = await cli.run('approve', 'reset.node-1.7F3K2-Q2MN4', '--key', `file:${key}`);
    expect(said.code).toBe(0);
    expect(said.stdout).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\n$/);
    expect(await cli.run('approve', 'reset', '--key', `file:${key}`)).toMatchObject({ code: 2, stdout: '' });
    const fresh = join(folder(), 'new');
    expect((await cli.run('approve', '--new-key', fresh)).code).toBe(0);
    expect((await cli.run('approve', '--new-key', fresh)).code).toBe(3);
    expect((await cli.run('approve', 'reset.node-1.7F3K2-Q2MN4', '--key', `file:${fresh}`)).stdout).not.toBe(
      said.stdout,
    );
  });
});
