// A central database for tests of workers: schema, queues and groups, and functions to produce, tick and count.
import { givenCentral } from '../server/central-schema.ts';
import type { TestDatabase } from '../server/database.ts';

export const GROUP = 'workers_test';

export interface WorkerCentral extends TestDatabase {
  /** Events `from`..`from + count - 1`, data `{"n": …}`, origin `s:<queue>:<n>`; committed, not ticked. */
  produce(queue: string, count: number, options?: { readonly from?: number }): Promise<void>;
  /** A tick that covers what is committed; also moves retries that are due. */
  tick(...queues: readonly string[]): Promise<void>;
  /** The column `n` of the table of effects, in order. */
  effects(): Promise<number[]>;
}

export async function givenWorkerCentral(queues: readonly string[] = ['orders']): Promise<WorkerCentral> {
  const database = await givenCentral();
  for (const queue of queues) {
    await database.query('select pgq.create_queue($1)', [queue]);
    await database.query("select pgq.set_queue_config($1, 'ticker_max_count', '1')", [queue]);
    await database.query('select pgq.register_consumer($1, $2)', [queue, GROUP]);
  }
  return await withVerbs(database);
}

/** These functions for any central database; makes the table `effect` for handlers to write to. */
export async function withVerbs(database: TestDatabase): Promise<WorkerCentral> {
  await database.query(
    'create table effect (n int not null, slot text, at timestamptz default clock_timestamp())',
  );
  return {
    ...database,
    async produce(queue, count, { from = 1 } = {}) {
      await database.query(
        `select count(pgq.insert_event($1, 'made', json_build_object('n', n)::text, null, null, null, 's:' || $1 || ':' || n))
           from generate_series($2::int, $3::int) n`,
        [queue, from, from + count - 1],
      );
    },
    async tick(...queues) {
      while (((await database.query<{ n: number }>('select pgq.maint_retry_events() as n'))[0]?.n ?? 0) > 0);
      await database.query('select tributary.tick(name, null) from unnest($1::text[]) as name', [queues]);
    },
    async effects() {
      return (await database.query<{ n: number }>('select n from effect order by n')).map(({ n }) => n);
    },
  };
}
