// What a round tells of the age of what waits: of events, not of the ticks behind them.
import { describe, expect, test } from 'vitest';
import { resolveQueues } from '../../../src/shards/queue-on-shard.ts';
import { runRound, type SeenQueue } from '../../../src/shards/round.ts';
import { PreparedRound } from '../../../src/shards/round-statements.ts';
import { givenQueue } from '../../support/installation/installation.ts';
import { givenDatabase } from '../../support/server/database.ts';

const reading = { shard: 's1', queue: 'orders', where: undefined, columns: {}, origin: 'extra4' } as const;

describe.each([{ isPrepared: true }, { isPrepared: false }])(
  'shards/round, prepared: $isPrepared',
  (given) => {
    test('a round brings the age of the oldest event where its tick may be much younger, and only there', async () => {
      const database = await givenDatabase();
      await givenQueue(database, 'orders');
      const shard = await database.connect();
      const queue = (await resolveQueues(shard, 'pgq', ['orders'])).get('orders');
      if (queue === undefined) throw new Error('no queue');
      const prepared = given.isPrepared
        ? await PreparedRound.on(shard, [{ queue, reading }], { schema: 'pgq' })
        : undefined;
      let tickId = 0;
      const round = async (): Promise<SeenQueue> => {
        const request = { queue, tickId, endTickId: undefined, limit: 1_000, ticks: 10, tick: false };
        const [seen] = await runRound(shard, [request], { schema: 'pgq', thoroughness: 'exact', prepared });
        return seen as SeenQueue;
      };
      const ageS = ({ nowUs, oldestEventUs }: SeenQueue) =>
        oldestEventUs === undefined ? undefined : Math.round((nowUs - oldestEventUs) / 1e6);
      const tickAt = async (ago: string) => {
        const [row] = await database.query<{ id: number }>("select pgq.force_tick('orders') as id");
        await database.query("select pgq.ticker('orders')");
        const [newest] = await database.query<{ id: number }>('select max(tick_id) as id from pgq.tick');
        tickId = newest?.id ?? row?.id ?? 0;
        await database.query(
          `update pgq.tick set tick_time = now() - interval '${ago}' where tick_id = ${tickId}`,
        );
      };
      const insert = (ago: string) =>
        database.query(
          `select pgq.insert_event_raw('orders', nextval(queue_event_seq), now() - interval '${ago}', null, null, 'test', '', null, null, null, null)
         from pgq.queue where queue_name = 'orders'`,
        );
      await tickAt('2 hours');
      expect(ageS(await round())).toBeUndefined();
      await insert('10 minutes');
      await insert('1 hour');
      // In no tick yet, and then in one that was made just now.
      expect(ageS(await round())).toBe(3_600);
      const position = tickId;
      await tickAt('0 seconds');
      tickId = position;
      expect(ageS(await round())).toBe(3_600);
      // Ticked in time: the tick tells the age well enough.
      await database.query(
        `update pgq.tick set tick_time = (select min(tick_time) from pgq.tick where tick_id = ${position}) + interval '0.9 seconds' where tick_id > ${position}`,
      );
      expect(ageS(await round())).toBeUndefined();
    });
  },
);
