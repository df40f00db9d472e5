import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Tests of the whole program in a pseudo-terminal need the built program.
    globalSetup: ['test/build.setup.ts'],
  },
});
