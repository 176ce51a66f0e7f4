// What `trace` reads: an event by its id without a scan, the history with its rotation, and events that never came to central.
import { describe, expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import { readHandling } from '../../../src/observability/trace/handled.ts';
import { lookOnShard } from '../../../src/observability/trace/on-shard.ts';
import { traceOf } from '../../../src/observability/trace/trace.ts';
import { CentralUpkeep } from '../../../src/upkeep/central-upkeep.ts';
import { type Forwarding, givenForwarding } from '../../support/mover/forwarding.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }';
const given = async (queues = QUEUES) => {
  const forwarding = await givenForwarding({ shards: 1, queues });
  const [shard] = forwarding.shards as [TestDatabase];
  return { ...forwarding, shard };
};

async function traced(forwarding: Forwarding, origin: string) {
  const { config } = forwarding;
  const central = new CentralLink(config, 'trace');
  try {
    const reader = new LagReader(config, central);
    return await traceOf(origin, { config, central, report: () => reader.read({ isCentralOnly: true }) });
  } finally {
    await central.close();
  }
}

/** Scans of the queue's event tables, and rows that were read by their index. */
async function reads(shard: TestDatabase): Promise<{ scans: number; rows: number }> {
  await shard.query('select pg_stat_clear_snapshot()');
  const [row] = await shard.query<{ scans: number; rows: number }>(
    `select sum(seq_scan)::int as scans, sum(coalesce(idx_tup_fetch, 0))::int as rows
     from pg_stat_user_tables where relname ~ '^event_[0-9]+_[0-9]+$'`,
  );
  return row as { scans: number; rows: number };
}

describe('trace', () => {
  test('an event is found by its id among many, also one whose transaction was open for long, and no table is scanned', async () => {
    const { config, shard } = await given();
    const late = await shard.connect();
    const [, [{ late: lateId } = { late: 0 }] = []] = (await late.script(
      "begin; select pgq.insert_event('orders', 'late', '{}') as late",
    )) as unknown as [unknown, { late: number }[]];
    const undone = await shard.connect();
    let [middle, never] = [0, 0];
    for (let round = 0; round < 40; round += 1) {
      const [last] = await shard.query<{ id: number }>(
        "select max(pgq.insert_event('orders', 'made', n::text)) as id from generate_series(1, 500) n",
      );
      if (round === 20) middle = (last?.id ?? 0) - 250;
      if (round === 10) {
        never = (last?.id ?? 0) + 1;
        await undone.script("begin; select pgq.insert_event('orders', 'made', '{}'); rollback");
      }
      await shard.query("select pgq.ticker('orders')");
      if (round === 30) await late.script('commit');
    }
    await shard.query("select pgq.force_tick('orders')");
    await shard.query("select pgq.ticker('orders')");
    const target = config.shards[0] as (typeof config.shards)[number];
    const look = (id: number) =>
      lookOnShard(target, { queue: 'orders', id, withData: true, applicationName: 'test' });
    const before = await reads(shard);
    for (const [id, type] of [
      [middle, 'made'],
      [lateId, 'late'],
    ] as const) {
      const found = await look(id);
      expect(found).toMatchObject({
        kind: 'seen',
        look: {
          event: { id, type, seenBy: { id: expect.any(Number) }, notSeenBy: { id: expect.any(Number) } },
        },
      });
      if (found.kind !== 'seen') continue;
      const { notSeenBy, seenBy } = found.look.event ?? {};
      expect(seenBy?.id).toBe((notSeenBy?.id ?? 0) + 1);
    }
    // The search for one that was rolled back ends at the ticks behind it.
    expect(await look(never)).toMatchObject({ look: { isKept: true, event: undefined } });
    // A session that has ended has told what it read.
    const after = await until(
      async () => {
        const now = await reads(shard);
        return now.rows > before.rows ? now : undefined;
      },
      { what: 'what was read' },
    );
    expect(after.scans).toBe(before.scans);
    // Some ticks' events, of twenty thousand.
    expect(after.rows - before.rows).toBeLessThan(8_000);
  });

  test('what was handled is kept in two tables: the older one is emptied when the other is old enough, or full', async () => {
    const { central } = await given();
    const note = (batch: number) =>
      central.query(
        `select tributary.note_handled('orders', ${batch}, ${batch + 1}, null, 1000000000000000, 1, 'orders#1', null, 7, 1, 0, 0, 1, 1, 1, null)`,
      );
    const kept = async () =>
      (
        await central.query<{ tick: number }>('select start_tick as tick from tributary.handled order by 1')
      ).map(({ tick }) => tick);
    const rotate = async (period: string, bytes: number) =>
      (
        await central.query<{ is_out: boolean }>(
          'select tributary.rotate_handled($1::interval, $2) as is_out',
          [period, bytes],
        )
      )[0]?.is_out;
    await note(1);
    expect(await rotate('1 hour', 1_000_000)).toBe(false);
    expect(await rotate('0', 1_000_000)).toBe(true);
    await note(2);
    expect(await kept()).toEqual([1, 2]);
    // Full.
    expect(await rotate('1 hour', 1)).toBe(true);
    expect(await kept()).toEqual([2]);
    await note(3);
    // Somebody reads the older table: it is left for the next time.
    const reader = await central.connect();
    await reader.script('begin; select count(*) from tributary.handled');
    expect(await rotate('0', 1)).toBe(false);
    await reader.script('commit');
    expect(await rotate('0', 1)).toBe(true);
    expect(await kept()).toEqual([3]);
  });

  test('an event that is handled while it is read is told as of one moment', async () => {
    const { central } = await given();
    const note = (start: number, fate: object) =>
      central.query(
        `select tributary.note_handled('orders', $1, $2, null, 1000000000000000, 1, 'orders#1', null, 7, 1, 0, 0, 1, 1, 1, $3)`,
        [start, start + 1, JSON.stringify([fate])],
      );
    await note(1, { id: 5, became: 'put-off', attempts: 1 });
    const connection = await central.connect();
    let isHandled = false;
    const meanwhile = {
      async query(text: string, values: readonly unknown[]) {
        if (!isHandled && text.includes('tributary.attempt')) {
          isHandled = true;
          await note(3, { id: 5, became: 'recovered' });
        }
        return await connection.query(text, values);
      },
    } as unknown as typeof connection;
    const { tries, retry } = await readHandling(meanwhile, {
      ...{ queue: 'orders', group: 'workers_shop', work: 'orders', part: undefined },
      ...{ id: 5, txid: undefined, seenBy: 2, origin: undefined },
    });
    expect(retry).toBeUndefined();
    expect(tries.map(({ became }) => became)).toEqual(['put-off', 'done']);
  });

  test('upkeep rotates it', async () => {
    const { central, config } = await given();
    await central.query("update tributary.handled_table set switched_at = now() - interval '3 hours'");
    const link = new CentralLink(config, 'upkeep');
    const troubles: unknown[] = [];
    const upkeep = new CentralUpkeep(link, {
      queues: config.queues,
      group: 'workers_shop',
      onTrouble: (...trouble) => troubles.push(trouble),
      onRotation: () => {},
    });
    await upkeep.runOnce();
    await link.close();
    expect(troubles).toEqual([]);
    expect(
      await central.query(
        "select current from tributary.handled_table where switched_at > now() - interval '1 minute'",
      ),
    ).toEqual([{ current: 1 }]);
  });

  test('an event that central refused is dead, by its origin and by the name that its shard had before', async () => {
    const forwarding = await given();
    const { central, shard } = forwarding;
    const [event] = await shard.query<{ id: number }>(
      "select pgq.insert_event('orders', 'made', '{}') as id",
    );
    const origin = `s1:orders:${event?.id}`;
    await central.query(
      `select tributary.condemn(id, jsonb_build_array(jsonb_build_object('origin', $1::text, 'raw', '', 'raw_length', 0,
         'error', 'value too long', 'sqlstate', '22001', 'attempts', 2))) from tributary.source`,
      [origin],
    );
    const refused = await traced(forwarding, origin);
    expect(refused).toMatchObject({
      state: 'dead',
      dead: { kind: 'poison' },
      shard: { type: 'made' },
      central: null,
    });
    expect(refused.summary).toBe(
      'Central did not take it: value too long. `tributary dead show 1` shows it.',
    );
    await central.query(
      "insert into tributary.shard (name, former_names) values ('s1', '{old}') on conflict (name) do update set former_names = '{old}'",
    );
    expect(await traced(forwarding, origin.replace('s1', 'old'))).toMatchObject({
      state: 'dead',
      shard: { shard: 's1' },
    });
  });

  test('a shard that does not answer is a note, and central says what it knows', async () => {
    const forwarding = await given();
    const { config } = forwarding;
    const away = { ...config, shards: config.shards.map((shard) => ({ ...shard, port: 1 })) };
    const trace = await traced({ ...forwarding, config: away }, 's1:orders:5');
    expect(trace).toMatchObject({
      state: 'waiting',
      shard: null,
      notes: [expect.stringMatching(/^Shard s1 refuses connections/)],
    });
    expect(trace.summary).toMatch(
      /^If there is such an event, it was not moved: s1:orders is moved up to about id \d/,
    );
  });
});
