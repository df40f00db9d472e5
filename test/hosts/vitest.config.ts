import { defineConfig } from 'vitest/config';

/** The suite on real hosts: its files are not `*.test.ts`, so that `npm test` leaves them alone. */
export default defineConfig({
  root: process.env.BLACKSTART_ROOT ?? process.cwd(),
  test: {
    include: ['test/hosts/**/*.lab.ts'],
    // A benchmark is run when it is asked for by name.
    exclude: process.env.BLACKSTART_BENCH === '1' ? [] : ['test/hosts/**/*.bench.lab.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
