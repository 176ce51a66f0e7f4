// Lanes while a session holds an old snapshot: no version of a row can be removed, and what a batch costs may not follow their number.
import { expect, test } from 'vitest';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const LANES = 4;
const REWRITTEN_FROM = 65_536;

/** Makes an event with a key that goes around, a tick, and a batch of it, each in a transaction of its own. */
const batches = (central: WorkerCentral, count: number) =>
  central.query(`do $$
    declare v_batch bigint;
    begin
      for n in 1 .. ${count} loop
        perform pgq.insert_event('orders', 'made', n::text, (n % 16)::text, null, null, null);
        commit;
        perform tributary.tick('orders', null);
        commit;
        v_batch := (tributary.coop_next_batch('orders', '${GROUP}', 'm1', null, null, null, null, true, true)).batch_id;
        commit;
        perform tributary.coop_finish_batch(v_batch);
        commit;
      end loop;
    end $$`);

interface Plan {
  readonly 'QUERY PLAN': readonly { readonly Plan: Readonly<Record<string, number>> }[];
}

/** Pages that a look at the lanes visits by their key, whether in memory or not. */
async function pagesOfLook(central: WorkerCentral): Promise<number> {
  const connection = await central.connect();
  await connection.query('set enable_seqscan = off');
  const [row] = await connection.query<Plan & Record<string, unknown>>(
    `explain (analyze, buffers, format json)
     select l.lane, l.position from tributary.lane_set s join tributary.lane l on l.queue_id = s.queue_id and l.sub_id = s.sub_id`,
  );
  await connection.close();
  const plan = row?.['QUERY PLAN'][0]?.Plan ?? {};
  return Number(plan['Shared Hit Blocks']) + Number(plan['Shared Read Blocks']);
}

const rewrite = async (central: WorkerCentral) =>
  (await central.query<{ done: boolean }>('select tributary.lane_rewrite($1) as done', [REWRITTEN_FROM]))[0]
    ?.done;

const lanesOf = (central: WorkerCentral) =>
  central.query('select * from tributary.lane order by queue_id, sub_id, lane');

test('under a held snapshot a look at the lanes visits few pages again once they are written anew, beside open batches', async () => {
  const central = await givenWorkerCentral();
  await central.query('select tributary.lanes_set($1, $2, $3, $4)', ['orders', GROUP, 'ev_extra1', LANES]);
  expect(await rewrite(central)).toBe(false);
  const holder = await central.connect();
  await holder.query('begin isolation level repeatable read');
  await holder.query('select count(*) from pg_class');
  const fresh = await pagesOfLook(central);
  await batches(central, 400);
  const piled = await pagesOfLook(central);
  expect(piled).toBeGreaterThan(fresh + 8);
  await central.query("select pgq.insert_event('orders', 'made', '1', '1', null, null, null)");
  await central.tick('orders');
  const [open] = await central.query<{ batch: number }>(
    `select batch_id as batch from tributary.coop_next_batch('orders', '${GROUP}', 'm2', null, null, null, null, true, true)`,
  );
  const before = await lanesOf(central);

  // Not while somebody looks at them.
  const reader = await central.connect();
  await reader.query('begin');
  await reader.query('select from tributary.lane');
  expect(await rewrite(central)).toBe(false);
  await reader.query('rollback');
  // Nor where rows would be read as they were when the transaction began.
  await reader.query('begin isolation level repeatable read');
  expect(await reader.query('select tributary.lane_rewrite($1) as done', [REWRITTEN_FROM])).toEqual([
    { done: false },
  ]);
  await reader.query('rollback');

  expect(await rewrite(central)).toBe(true);
  expect(await lanesOf(central)).toEqual(before);
  expect(await pagesOfLook(central)).toBeLessThanOrEqual(fresh + 4);
  expect(await rewrite(central)).toBe(false);
  await central.query('select tributary.coop_finish_batch($1)', [open?.batch]);
  await batches(central, 8);
  expect((await lanesOf(central)).filter(({ batch }) => batch !== null)).toEqual([]);
  await holder.query('rollback');
});
