/**
 * Wants a claim as often as it is told to: for each line `KEY` on standard input it claims, says `ours` or `theirs`, and lets go at the next line.
 * `claimer.mjs STATE look` never claims: it looks who does, all the time, as consoles that observe do.
 */
import { createInterface } from 'node:readline';
import { claim, claimant } from '../../dist/src/record/claim.js';

const [state = '', how = ''] = process.argv.slice(2);
const who = { operator: `p${process.pid}`, machine: 'here', pid: process.pid, run: 'r', since: '' };
let held;
let looking;
for await (const key of createInterface({ input: process.stdin })) {
  held?.release();
  held = undefined;
  clearInterval(looking);
  if (how === 'look') {
    looking = setInterval(() => {
      for (let times = 0; times < 20; times++) claimant(state, key);
    }, 1);
    process.stdout.write('looks\n');
    continue;
  }
  const tried = claim(state, key, who);
  held = tried.ours;
  process.stdout.write(held === undefined ? 'theirs\n' : `ours${held.certain ? '' : '?'}\n`);
}
process.exit(0);
