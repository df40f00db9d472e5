import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // A worker a core: much of a test is waiting for a process or for a deadline.
    maxWorkers: '100%',
    reporters: ['default', './test/support/reporter.ts'],
  },
});
