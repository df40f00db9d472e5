import { expect, test } from 'vitest';
import { sessionIntents } from '../../src/cli/intents.js';
import type { Session } from '../../src/cli/session.js';
import { unseen } from '../../src/incident/facts.js';
import { practiceCluster } from '../support/practice-ports.js';

/** A session of which only what choosing a scenario needs is there. */
function choosing(seen: readonly string[]): { said: string | undefined; chosen: string[] } {
  const chosen: string[] = [];
  const session = {
    cluster: practiceCluster,
    hosts: {},
    runner: {
      state: { facts: Object.fromEntries(seen.map((name) => [name, unseen])) },
      chooseScenario: (id: string) => chosen.push(id),
    },
    suggestChoices: () => undefined,
    checkSudo: () => undefined,
    keepBefore: () => undefined,
  } as unknown as Session;
  const said = sessionIntents(session, () => undefined).chooseScenario('full-restore');
  return { said, chosen };
}

test('no scenario is chosen before every server was looked at once; a server that does not answer was', () => {
  for (const seen of [[], ['node-1'], ['node-1', 'node-2', 'node-4', 'node-5']]) {
    const { said, chosen } = choosing(seen);
    expect(said).toMatch(/^Hosts are still being looked at \(\d of 3 servers/);
    expect(chosen).toEqual([]);
  }
  expect(choosing(['node-1', 'node-2', 'node-3'])).toEqual({ said: undefined, chosen: ['full-restore'] });
});
