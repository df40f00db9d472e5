/**
 * `npm run bench [-- snapshot] [--keys 200000] [--rounds 3]`: builds, then compares ours with the tools people use by hand (or with doing it plainly), on the same file in
 * the same run, and prints times and ratios. Needs etcd, etcdctl and gpg on the machine; says so where they are not there.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const BENCHES = {
  snapshot: () => import('../test/bench/snapshot.bench.mjs').then((one) => one.benchSnapshot),
  journal: () => import('../test/bench/journal.bench.mjs').then((one) => one.benchJournal),
  probes: () => import('../test/bench/probes.bench.mjs').then((one) => one.benchProbes),
  lookup: () => import('../test/bench/lookup.bench.mjs').then((one) => one.benchLookup),
  recovery: () => import('../test/bench/recovery.bench.mjs').then((one) => one.benchRecovery),
  record: () => import('../test/bench/record.bench.mjs').then((one) => one.benchRecord),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keys: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '3' } },
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const unknown = names.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  process.stderr.write(`There is no benchmark ${unknown}. Known: ${Object.keys(BENCHES).join(', ')}.\n`);
  process.exit(2);
}
const [keys, rounds] = [Number(values.keys), Number(values.rounds)];
if (!Number.isInteger(keys) || keys < 1 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write('--keys and --rounds are whole numbers above 0.\n');
  process.exit(2);
}
const build = spawnSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'inherit', 'inherit'] });
if (build.status !== 0) process.exit(build.status ?? 1);
for (const name of names) {
  const bench = await BENCHES[name]();
  await bench({ keys, rounds });
}
