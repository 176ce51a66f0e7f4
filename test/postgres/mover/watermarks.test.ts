import { describe, expect, onTestFinished, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import type { MoverContext } from '../../../src/mover/context.ts';
import { ShardUpkeep } from '../../../src/mover/shard/shard-upkeep.ts';
import type { Source } from '../../../src/mover/source/source.ts';
import { givenMover } from '../../support/mover/mover.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }';

const REGISTERED =
  'select queue_name as queue, consumer_name as consumer, last_tick as tick from pgq.get_consumer_info() order by 1';

describe('mover/shard/shard-upkeep', () => {
  test('a registration that a command ends while it is moved forward is not left behind', async () => {
    const { cluster, config } = await givenMover({ shards: 1, queues: QUEUES });
    const [shard] = config.shards;
    const [connection, holder] = [await cluster.shards[0]?.connect(), await cluster.shards[0]?.connect()];
    if (shard === undefined || connection === undefined || holder === undefined)
      throw new Error('There is no shard.');
    const before = await connection.query<{ queue: string; consumer: string }>(REGISTERED);
    const consumer = before[0]?.consumer ?? '';
    const sources: Source[] = [];
    for (const { queue } of before) {
      await connection.query('select pgq.force_tick($1)', [queue]);
      await connection.query('select pgq.ticker($1)', [queue]);
      const [newest] = await connection.query<{ id: number }>(
        'select max(tick_id) as id from pgq.tick t join pgq.queue q on q.queue_id = t.tick_queue where queue_name = $1',
        [queue],
      );
      const position = { tick: { id: newest?.id } };
      sources.push({ queue, centralQueue: queue, reading: {}, position } as unknown as Source);
    }
    // The command: central has it, and the shard is about to.
    await cluster.central.query(`update tributary.source set state = 'retired'`);
    await holder.script('begin');
    for (const { queue } of before)
      await holder.query('select pgq.unregister_consumer($1, $2)', [queue, consumer]);
    const link = new CentralLink(config, 'test');
    onTestFinished(() => link.close());
    const upkeep = new ShardUpkeep(shard, { config, consumer, central: () => link } as MoverContext);
    const moving = upkeep.watermarks(connection, sources);
    await until(
      async () => {
        const sql = "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'";
        return (await cluster.central.query(sql, [connection.backendPid])).length;
      },
      { what: 'a statement that waits', timeoutMs: 60_000 },
    );
    await holder.script('commit');
    await moving;
    expect(await connection.query(REGISTERED)).toEqual([]);
  });

  test('a registration that is missing is made, but not where the source has ended meanwhile', async () => {
    const { cluster, config } = await givenMover({ shards: 1, queues: QUEUES });
    const [shard] = config.shards;
    const connection = await cluster.shards[0]?.connect();
    if (shard === undefined || connection === undefined) throw new Error('There is no shard.');
    const registered = () => connection.query<{ queue: string; consumer: string; tick: number }>(REGISTERED);
    const before = await registered();
    const consumer = before[0]?.consumer ?? '';
    expect(before.map(({ queue }) => queue)).toEqual(['emails', 'orders']);
    for (const { queue } of before)
      await connection.query('select pgq.unregister_consumer($1, $2)', [queue, consumer]);
    await connection.script(`create table public.made (queue integer);
      create function note_made() returns trigger language plpgsql as $$
      begin insert into public.made values (new.sub_queue); return new; end $$;
      create trigger note_made after insert on pgq.subscription for each row execute function note_made()`);
    // What a command does on central while the mover still knows both sources.
    await cluster.central.query(`update tributary.source set state = 'retired' where queue = 'emails'`);

    const link = new CentralLink(config, 'test');
    onTestFinished(() => link.close());
    const sources = before.map(
      ({ queue, tick }) =>
        ({ queue, centralQueue: queue, reading: {}, position: { tick: { id: tick } } }) as unknown as Source,
    );
    const upkeep = new ShardUpkeep(shard, { config, consumer, central: () => link } as MoverContext);
    await upkeep.watermarks(connection, sources);
    expect(await registered()).toEqual(before.filter(({ queue }) => queue === 'orders'));
    // Not even for a moment: the mover may die in it.
    const made = await connection.query(
      'select q.queue_name as queue from public.made join pgq.queue q on q.queue_id = made.queue',
    );
    expect(made).toEqual([{ queue: 'orders' }]);
  });
});
