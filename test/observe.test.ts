import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { VirtualClock } from '../src/base/clock.js';
import { lookOnce } from '../src/cli/commands/shared.js';
import { run } from '../src/cli/program.js';
import { Session } from '../src/cli/session.js';
import { loadInventory } from '../src/inventory/load.js';
import { createPracticeCluster, type PracticeCluster } from '../src/practice/cluster.js';
import type { FaultName } from '../src/practice/faults.js';
import type { Serving } from '../src/practice/serve.js';

/**
 * Looking changes no byte on any node: a cluster that is looked at is compared with one of the same seed that nobody looks at,
 * while the same virtual time passes in both. What K3s itself writes is then the same in both.
 */

const folder = mkdtempSync(join(tmpdir(), 'blackstart-observe-'));
beforeAll(() => vi.stubEnv('XDG_STATE_HOME', join(folder, 'state')));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

class Twins {
  readonly #clocks = [new VirtualClock(), new VirtualClock()] as const;
  readonly watched: PracticeCluster;
  readonly alone: PracticeCluster;
  serving!: Serving;

  constructor(faults: readonly FaultName[]) {
    this.watched = createPracticeCluster({ clock: this.#clocks[0], faults });
    this.alone = createPracticeCluster({ clock: this.#clocks[1], faults });
  }

  async listen(name: string): Promise<void> {
    this.serving = await this.watched.listen(join(folder, name));
  }

  /** The same time passes in both. */
  async pass(ms: number): Promise<void> {
    for (const clock of this.#clocks) await clock.advance(ms);
  }

  /** Paths that differ, and units in another state. */
  differences(): string[] {
    return [...this.watched.nodes].flatMap(([name, node]) => {
      const twin = this.alone.node(name);
      const [found, expected] = [node.fingerprint(), twin.fingerprint()];
      const paths = new Set([...found.keys(), ...expected.keys()]);
      const unit = (one: typeof node): string =>
        JSON.stringify(
          [...one.state.units.values()].map((each) => [each.name, each.active, each.sub, each.restarts, each.jobs]),
        );
      return [
        ...[...paths].filter((path) => found.get(path) !== expected.get(path)).map((path) => `${name}:${path}`),
        ...(unit(node) === unit(twin) ? [] : [`${name}: units`]),
      ];
    });
  }

  async close(): Promise<void> {
    await this.serving.close();
    this.alone.close();
  }
}

let twins: Twins;
afterEach(async () => twins.close());

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    if (round > 3_000) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each([[['healthy']], [[]]] as [FaultName[]][])('a cluster that is looked at (%s)', (faults) => {
  async function looked(name: string): Promise<Twins> {
    twins = new Twins(faults);
    await twins.listen(`${faults.join('-')}-${name}`);
    await twins.pass(20_000);
    return twins;
  }

  test('is the same after a survey', async () => {
    const { serving } = await looked('survey');
    const facts = await lookOnce(await loadInventory({ file: serving.inventory }));
    expect(facts['node-1']?.service?.version).toBe('v1.35.0+k3s1');
    expect(twins.differences()).toEqual([]);
  });

  test('is the same after `blackstart plan full-restore`', async () => {
    const { serving } = await looked('plan');
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(await run(['--inventory', serving.inventory, 'plan', 'full-restore', '--format', 'shell'])).toBe(0);
      expect(out.mock.calls.join('')).toContain('--cluster-reset');
    } finally {
      out.mockRestore();
    }
    expect(twins.differences()).toEqual([]);
  });

  test('is the same while a console observes it', async () => {
    const { serving } = await looked('session');
    const inventory = await loadInventory({ file: serving.inventory });
    const session = new Session({ inventory, state: join(folder, 'observing'), observe: true, interactive: false });
    session.start();
    const { store, runner } = session;
    await until(() => Object.keys(store.getState().live).length === 5);
    await until(() => store.getState().backups.state === 'listed');
    runner.chooseScenario('full-restore');
    expect(() => runner.begin()).toThrow(/observes only/);
    await expect((async () => runner.openGate())()).rejects.toThrow(/observes only/);
    const first = store.getState().live['node-1']?.seenAt ?? 0;
    for (let round = 0; round < 6; round++) await twins.pass(5_000);
    await until(() => (store.getState().live['node-1']?.seenAt ?? 0) > first);
    await session.close();
    expect(twins.differences()).toEqual([]);
  });
});
