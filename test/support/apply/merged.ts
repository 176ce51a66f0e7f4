// Captured changes in one database: tables of two or more shards, each a schema with triggers, beside the table that they are merged into.
import { applyHandler } from '../../../src/apply/handler.ts';
import type { AppliedTable } from '../../../src/config/config.ts';
import { until } from '../until.ts';
import { givenWorker, type Running } from '../workers/child-worker.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../workers/worker-central.ts';

export const QUEUE = 'changes';
const TABLE: AppliedTable = {
  ...{ table: 'merged.orders', source: 's*.orders', key: ['shard', 'id'], shard: 'shard' },
  ...{ onConflict: 'error', ignore: [] },
};

export interface Merged {
  readonly central: WorkerCentral;
  /** Puts a trigger for all changes on a table `s1.orders`; its shard is `s1`. */
  capture(
    shard: string,
    options?: { readonly trigger?: string; readonly args?: readonly string[] },
  ): Promise<void>;
  /** A worker in this process, in slot `changes#1` unless another number is given. */
  work(applied?: Partial<AppliedTable>, slot?: number): Running;
  /** Ticks, and waits until everything that is committed was worked off. */
  settle(): Promise<void>;
  /** Errors of events that are dead, or were. */
  dead(): Promise<string[]>;
  /** Hands all dead events out again. */
  retry(): Promise<void>;
}

export async function givenMerged(columns: string, key = 'shard, id'): Promise<Merged> {
  const central = await givenWorkerCentral([QUEUE]);
  await central.query("create type mood as enum ('sad', 'so so', 'happy')");
  await central.query('create domain rating as int check (value between 1 and 5)');
  await central.query('create schema merged');
  await central.query(`create table merged.orders (shard text, ${columns}, primary key (${key}))`);
  return {
    central,
    async capture(shard, { trigger = 'jsontriga', args = [] } = {}) {
      await central.query(`create schema if not exists ${shard}`);
      await central.query(`create table if not exists ${shard}.orders (${columns}, primary key (id))`);
      const all = [QUEUE, `ev_extra4='${shard}:${QUEUE}:1'`, ...args];
      await central.query(
        `create trigger capture after insert or update or delete on ${shard}.orders for each row
         execute procedure pgq.${trigger}(${all.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ')})`,
      );
    },
    work: (applied = {}, slot = 1) =>
      givenWorker(
        central,
        applyHandler([{ ...TABLE, ...applied }], { queue: QUEUE, group: GROUP, origin: 'extra4' }),
        {
          ...{ queue: QUEUE, slot: `${QUEUE}#${slot}`, retry: { attempts: 1, firstMs: 10, maxMs: 20 } },
        },
      ),
    async settle() {
      await central.tick(QUEUE);
      await until(
        async () => {
          await central.query('select tributary.lane_follow()');
          // One after the other: the function sees what is there later than the statement that calls it, such as a batch that has just
          // been handed out, whose row the statement would not see.
          const ahead = await central.query(
            'select from pgq.get_consumer_info($1, $2) where pending_events > 0',
            [QUEUE, GROUP],
          );
          const open = await central.query('select from pgq.subscription where sub_batch is not null');
          return ahead.length + open.length === 0;
        },
        { what: 'the end of the queue', timeoutMs: 60_000 },
      );
    },
    async dead() {
      const rows = await central.query<{ error: string }>(
        'select error from tributary.dead_event order by id',
      );
      return rows.map(({ error }) => error);
    },
    async retry() {
      await central.query(
        'select tributary.dead_retry($1, $2, array(select id from tributary.dead_event where redriven_at is null))',
        [QUEUE, GROUP],
      );
    },
  };
}

/** Rows of a table as texts, without the shard. */
export const rowsOf = async (central: WorkerCentral, table: string, where = 'true'): Promise<string[]> =>
  (
    await central.query<{ row: string }>(
      `select (to_jsonb(t) - 'shard')::text as row from ${table} t where ${where} order by id`,
    )
  ).map(({ row }) => row);
