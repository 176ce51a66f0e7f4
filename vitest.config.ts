// Test projects: what each needs is in its name. `unit` needs nothing, `postgres`, `contract` and `scenario` a server.

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { FileOrder } from './test/support/file-order.ts';
import { memoryFolder } from './test/support/memory-folder.ts';

// Where servers and files of tests are; whoever has set it has a reason.
const folder = process.env.TMPDIR ?? memoryFolder();
if (folder !== undefined) process.env.TMPDIR = folder;

// More certificates than Node's own: each start of a program would read them, which takes twice as long as all else of an
// empty start, and nothing here asks a host that they are for.
delete process.env.NODE_EXTRA_CA_CERTS;

/** Files share a process of their project: a start of one, and the sources that are loaded into it, cost half a second. */
const shared = { isolate: false, setupFiles: ['test/support/after-file.setup.ts'] };

const withServer = {
  ...shared,
  globalSetup: ['test/support/server/server.setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

/** Where scripts/check wants the numbers of a run. */
const results = process.env.TRIBUTARY_TEST_RESULTS;

export default defineConfig({
  test: {
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    sequence: { sequencer: FileOrder },
    // Tests wait about as long as they compute: two files at once for each core keep it busy, three only make each other slow.
    maxWorkers: Math.min(8, 2 * availableParallelism()),
    projects: [
      // Properties are ten seconds of work, and minutes where others work beside them.
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          ...shared,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: 'postgres', include: ['test/postgres/**/*.test.ts'], ...withServer } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...withServer } },
      {
        test: {
          name: 'scenario',
          include: ['test/scenario/**/*.test.ts'],
          ...withServer,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          ...withServer,
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          ...withServer,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
