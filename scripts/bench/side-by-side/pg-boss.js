// pg-boss in batches, fetching without a pause while they are full; its transactional handlers where something is written.
import { PgBoss } from 'pg-boss';
import { INSERT_ALL, INSERT_ONE, runPeer } from './peer.js';

const QUEUE = 'bench';
const BATCH = Number(process.env.BENCH_BOSS_BATCH ?? 1000);
const CONCURRENCY = Number(process.env.BENCH_BOSS_CONCURRENCY ?? 2);

/** @param {string} connectionString */
async function open(connectionString) {
  const boss = new PgBoss({ connectionString, max: 10, schedule: false });
  boss.on('error', (error) => process.stderr.write(`${error}\n`));
  await boss.start();
  return boss;
}

/** @typedef {import('pg-boss').Job<{ n: number }>} Job */

await runPeer({
  async fill(connectionString, chunks) {
    const boss = await open(connectionString);
    await boss.createQueue(QUEUE, { partition: true });
    const began = performance.now();
    for (const jobs of chunks)
      await boss.insert(
        QUEUE,
        jobs.map((data) => ({ data })),
      );
    process.stdout.write(`filled ${(performance.now() - began) / 1000}\n`);
    await boss.stop({ graceful: false });
  },

  async work(connectionString, handler, handled, ready) {
    const boss = await open(connectionString);
    await ready();
    const options = {
      batchSize: BATCH,
      localConcurrency: CONCURRENCY,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    };
    if (handler === 'noop') {
      await boss.work(QUEUE, options, async (/** @type {Job[]} */ jobs) => handled(jobs.length));
      return;
    }
    await boss.work(
      QUEUE,
      { ...options, transactional: true },
      async (/** @type {Job[]} */ jobs, /** @type {import('pg-boss').IDatabase} */ tx) => {
        if (handler === 'rows') await tx.executeSql(INSERT_ALL, [jobs.map(({ data }) => data.n)]);
        else for (const { data } of jobs) await tx.executeSql(INSERT_ONE, [data.n]);
        handled(jobs.length);
      },
    );
  },
});
