import { playDrill } from '../../src/cli/auto.js';
import { sessionIntents } from '../../src/cli/intents.js';
import { Session } from '../../src/cli/session.js';
import { loadInventory } from '../../src/inventory/load.js';

/**
 * The program under test, played by its own drill operator over the lab's inventory: `drive.js INVENTORY STATE SCENARIO fresh|resume`. Prints the
 * result as JSON.
 */

const [file = '', state = '', scenario = '', how = 'fresh'] = process.argv.slice(2);
const session = new Session({
  inventory: await loadInventory({ file }),
  state,
  observe: false,
  interactive: false,
  fresh: how === 'fresh',
});
session.start();
try {
  const { result } = await playDrill({
    session,
    intents: sessionIntents(session, () => undefined),
    scenario,
    seed: 1,
    signal: new AbortController().signal,
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  process.stdout.write(
    `${JSON.stringify({ ...result, runId: session.runner.state.runId, record: session.recordFile })}\n`,
  );
} finally {
  await session.close();
}
process.exit(0);
