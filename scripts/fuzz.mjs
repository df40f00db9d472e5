/** `npm run fuzz [-- --count 10000] [--seed 1]`: the fuzz test of snapshots with more mutations than `npm test` makes. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
if (!/^\d+$/.test(values.count) || !/^\d+$/.test(values.seed)) {
  process.stderr.write('--count and --seed are whole numbers.\n');
  process.exit(2);
}
const root = dirname(import.meta.dirname);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const run = spawnSync(process.execPath, [vitest, 'run', 'test/snapshot/fuzz.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, BLACKSTART_FUZZ_COUNT: values.count, BLACKSTART_FUZZ_SEED: values.seed },
});
process.exit(run.status ?? 1);
