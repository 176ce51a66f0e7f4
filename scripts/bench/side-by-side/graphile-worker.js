// graphile-worker with the settings that its page on performance gives for its best figures.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { INSERT_ONE, runPeer } from './peer.js';

const logger = new Logger(() => () => {});

await runPeer({
  async fill(connectionString, chunks) {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    const began = performance.now();
    for (const jobs of chunks) await utils.addJobs(jobs.map((payload) => ({ identifier: 'bench', payload })));
    process.stdout.write(`filled ${(performance.now() - began) / 1000}\n`);
    await utils.release();
  },

  async work(connectionString, handler, handled, ready) {
    await ready();
    await run({
      logger,
      noHandleSignals: true,
      preset: {
        worker: {
          connectionString,
          concurrentJobs: 24,
          maxPoolSize: 25,
          localQueue: { size: 500 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
      taskList: {
        bench:
          handler === 'noop'
            ? async () => handled(1)
            : async (payload, helpers) => {
                await helpers.query(INSERT_ONE, [/** @type {{ n: number }} */ (payload).n]);
                handled(1);
              },
      },
    });
  },
});
