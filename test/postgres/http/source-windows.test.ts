// When the windows of a source were handled: of several central queues and groups, and of events that wait for their time.
import { expect, test } from 'vitest';
import { readSourceTrack } from '../../../src/central/logbook/source.ts';
import { literal } from '../../../src/postgres/quote.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

const ALL = ['orders/billing', 'orders/search', 'audit'];

async function given() {
  const central = await givenWorkerCentral(['orders', 'audit']);
  await central.query(
    "insert into tributary.source (shard, queue, central_queue, state) values ('s1', 'orders', 'orders', 'active')",
  );
  const connection = await central.connect();
  const link = { use: <T>(work: (one: typeof connection) => Promise<T>) => work(connection) };
  let [n, moved] = [0, 0];
  return {
    central,
    connection,
    /** A window with one event for each of these queues; those that are delayed or that no route takes are in none. */
    async move(queues: readonly string[], events = queues.length) {
      [n, moved] = [n + 1, moved + events];
      await connection.script(
        `begin;
         ${queues.map((queue) => `select pgq.insert_event(${literal(queue)}, 'made', '{}');`).join('')}
         insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved)
         values ((select id from tributary.source), ${n}, ${n}, extract(epoch from now()) * 1000000, ${n}, '', ${moved});
         commit`,
      );
      await central.tick(...queues);
    },
    /** The group has handled all up to the newest tick of its queue. */
    async handle(work: string) {
      await central.query(
        `select tributary.note_handled($1, b.start, b.stop, null, 1, 1, 'w', 'h', 1, 1, 0, 0, 1, 1, 1, null)
         from (select coalesce((select max(h.end_tick) from tributary.handled h where h.central_queue = $1), 1) as start,
                   max(t.tick_id) as stop
               from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue where q.queue_name = split_part($1, '/', 1)) b
         where b.stop > b.start`,
        [work],
      );
    },
    async handled(works: readonly string[]) {
      const track = await readSourceTrack(link, { shard: 's1', queue: 'orders', works, limit: 30 }, {});
      return track.positions.map(({ handledAt }) => handledAt !== null);
    },
  };
}

test('a window is handled once all are done that got something of it', async () => {
  const { handle, handled, move } = await given();
  await move([], 0);
  await move(['orders', 'audit']);
  await move(['orders']);
  await handle('orders/billing');
  expect(await handled(ALL)).toEqual([false, false, false]);
  expect(await handled(['orders/billing'])).toEqual([true, true, false]);
  await handle('orders/search');
  // The audit got nothing of the newer one.
  expect(await handled(ALL)).toEqual([true, false, false]);
  await handle('audit');
  expect(await handled(ALL)).toEqual([true, true, false]);
  expect(await handled([])).toEqual([false, false, false]);
});

test('what waits for its time is not handled by the batches that follow, and no event table is read whole', async () => {
  const { central, connection, handle, handled, move } = await given();
  await move([], 7);
  await central.produce('orders', 5_000);
  await move(['orders']);
  await handle('orders');
  await connection.script('begin');
  expect(await handled(['orders'])).toEqual([true, false]);
  const read = await connection.query<{ looks: number; whole: number }>(
    `select sum(idx_scan)::int as looks, sum(seq_scan)::int as whole
     from pg_stat_xact_user_tables where relname ~ '^event_[0-9]+_[0-9]+$'`,
  );
  expect(read).toEqual([{ looks: expect.any(Number), whole: 0 }]);
  expect(read[0]?.looks).toBeGreaterThan(0);
  await connection.script('rollback');
});
