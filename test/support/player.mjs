/**
 * The built program, played by its own drill operator over an inventory of a practice cluster: `player.mjs INVENTORY STATE SCENARIO`. A run that
 * was open goes on. Prints the result as JSON.
 */
import { playDrill } from '../../dist/src/cli/auto.js';
import { sessionIntents } from '../../dist/src/cli/intents.js';
import { Session } from '../../dist/src/cli/session.js';
import { loadInventory } from '../../dist/src/inventory/load.js';

const [file = '', state = '', scenario = ''] = process.argv.slice(2);
const inventory = await loadInventory({ file });
const session = new Session({ inventory, state, observe: false, interactive: false });
session.start();
const { result } = await playDrill({
  session,
  intents: sessionIntents(session, () => undefined),
  scenario,
  seed: 1,
  signal: new AbortController().signal,
  say: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify({ ...result, record: session.recordFile })}\n`);
await session.close();
process.exit(0);
