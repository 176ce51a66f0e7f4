// Readiness of hosts that only work on central, watched while they are struck.
import type { TestDatabase } from '../support/server/database.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import type { WorkCrew } from './work-crew.ts';

/** Of the one queue `orders`, whose handler writes a row into `effect` for each event. */
export async function watchWork(central: TestDatabase, crew: WorkCrew): Promise<ReadinessWatch> {
  const [events] = await central.query<{ name: string }>(
    "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
  );
  return new ReadinessWatch({
    central,
    shards: new Map(),
    hosts: () => crew.serving.map((host) => ({ ...host, shards: [] })),
    handledSql: `select (select count(*) from ${events?.name} where ev_owner is null) as wanted,
      (select count(*) from effect) + (select count(*) from tributary.dead_event) as handled`,
    looks: {
      'the pool': async (database) => {
        if (crew.hasWorker) return true;
        const [pool] = await database.query<{ wanted: number }>('select wanted from tributary.worker_pool');
        return pool?.wanted === 0;
      },
    },
  });
}
