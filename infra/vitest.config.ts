import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // A synthesis takes a second on a fast machine and much longer on a busy one; the limit is for what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The library is large: loading it once costs more than the tests do.
    pool: 'threads',
    poolOptions: { threads: { singleThread: true } },
    isolate: false,
  },
});
