/** `npm run fuzz -- --count 10000 [--seed 2]`: the fuzz test of snapshots with more mutations. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const run = spawnSync('npx', ['vitest', 'run', 'test/snapshot/fuzz.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, BLACKSTART_FUZZ_COUNT: values.count, BLACKSTART_FUZZ_SEED: values.seed },
});
process.exit(run.status ?? 1);
