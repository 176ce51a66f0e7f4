// A mover takes another configuration over while it moves: queues come, go and are read otherwise, and every event is moved once.
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { install } from '../../../src/install/install.ts';
import { Mover } from '../../../src/mover/mover.ts';
import type { MoverOccurrence } from '../../../src/mover/occurrence.ts';
import { LagReader } from '../../../src/observability/lag/reader.ts';
import { configFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { until } from '../../support/until.ts';

const ORDERS = '  orders: { workers: none, create: true }';
const EMAILS = '  emails: { workers: none, create: true, from: [email_out] }';

async function given(shards = 2) {
  const cluster = await givenCluster({ shards });
  const { central } = cluster;
  const configOf = (queues: string, more = ''): Config => configFor(cluster, { queues, more });
  const both = configOf(`${ORDERS}\n${EMAILS}`);
  expect((await install(both)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  const occurrences: MoverOccurrence[] = [];
  const start = (config: Config) => {
    const mover = new Mover({ config, host: '127.0.0.1', onOccurrence: (one) => occurrences.push(one) });
    return { mover, ended: mover.run() };
  };
  const moved = async (queue: string) => {
    const [found] = await central.query<{ table: string }>(
      'select queue_data_pfx as table from pgq.queue where queue_name = $1',
      [queue],
    );
    return await central.query<{ type: string; data: string; origin: string }>(
      `select ev_type as type, ev_data as data, ev_extra4 as origin from ${found?.table} order by ev_id`,
    );
  };
  const untilMoved = (queue: string, count: number) =>
    until(async () => (await moved(queue)).length === count, {
      what: `${count} events in ${queue}`,
      timeoutMs: 60_000,
    });
  const committing = async (queue: string) => {
    const rows = await central.query(
      'select 1 from pg_stat_activity where datname = current_database() and application_name = $1',
      [`tributary commit ${queue} shop`],
    );
    return rows.length;
  };
  const wrong = () => occurrences.filter(({ kind }) => /halted|trouble|lost|still/.test(kind));
  return { ...cluster, both, configOf, start, moved, untilMoved, committing, occurrences, wrong };
}

describe('a mover that takes another configuration over', () => {
  test('a queue that goes has its gatherer no longer and comes back where it was, again and again', async () => {
    const { shards, both, configOf, start, untilMoved, committing, wrong, moved } = await given();
    const one = configOf(ORDERS);
    const { mover, ended } = start(one);
    for (const shard of shards) await givenEvents(shard, 'orders', 1);
    await untilMoved('orders', 2);
    for (const shard of shards) await givenEvents(shard, 'email_out', 5);
    await mover.apply(both);
    await untilMoved('emails', 10);
    expect(await committing('emails')).toBe(1);
    await mover.apply(one);
    await until(async () => (await committing('emails')) === 0, {
      what: 'no connection for it',
      timeoutMs: 60_000,
    });
    for (const shard of shards) await givenEvents(shard, 'email_out', 5);
    // Each time while the one before is still being taken over.
    for (let n = 0; n < 20; n += 1) {
      await mover.apply(n % 2 === 0 ? both : one);
      for (const shard of shards) await givenEvents(shard, n % 2 === 0 ? 'email_out' : 'orders', 1);
    }
    await mover.apply(both);
    await untilMoved('emails', 10 + 10 + 20);
    await untilMoved('orders', 2 + 20);
    const origins = (await moved('emails')).map(({ origin }) => origin);
    expect(new Set(origins).size).toBe(origins.length);
    expect(wrong()).toEqual([]);
    await mover.stop();
    await ended;
  });

  test('another `where` and other columns count from the position on, and what goes under way before goes as it was', async () => {
    const { shards, both, configOf, start, untilMoved, moved, occurrences, wrong } = await given(1);
    const [shard] = shards;
    const { mover, ended } = start(both);
    const insert = (type: string, count: number) =>
      shard?.query("select pgq.insert_event('orders', $1, n::text) from generate_series(1, $2::int) n", [
        type,
        count,
      ]);
    await insert('a', 10);
    await untilMoved('orders', 10);
    await mover.apply(
      configOf(
        `  orders: { workers: none, create: true, where: "ev_type <> 'a'", columns: { data: "'new ' || ev_data" } }\n${EMAILS}`,
      ),
    );
    const connected = () => occurrences.filter(({ kind }) => kind === 'shard-connected').length;
    await until(() => connected() === 2, { what: 'a session that reads otherwise', timeoutMs: 60_000 });
    await insert('a', 10);
    await insert('b', 3);
    await untilMoved('orders', 13);
    expect((await moved('orders')).slice(10).map(({ type, data }) => `${type} ${data}`)).toEqual([
      'b new 1',
      'b new 2',
      'b new 3',
    ]);
    expect(wrong()).toEqual([]);
    await mover.stop();
    await ended;
  });

  test('limits count at once, and touch no shard', async () => {
    const { shards, both, configOf, start, untilMoved, occurrences, moved, wrong } = await given();
    const { mover, ended } = start(both);
    for (const shard of shards) await givenEvents(shard, 'orders', 1);
    await untilMoved('orders', 2);
    const limited = ORDERS.replace('create: true', 'create: true, waiting: 1, keep: 1h');
    await mover.apply(configOf(`${limited}\n${EMAILS}`, 'mover: { memory: 16MB, adopt_after: 5s }'));
    expect(mover.budget?.limit).toBe(0.75 * 16 * 2 ** 20);
    for (const shard of shards) await givenEvents(shard, 'email_out', 1);
    await untilMoved('emails', 2);
    expect(await moved('orders')).toHaveLength(2);
    await mover.apply(both);
    for (const shard of shards) await givenEvents(shard, 'orders', 1);
    await untilMoved('orders', 4);
    expect(occurrences.filter(({ kind }) => kind === 'shard-connected')).toHaveLength(shards.length);
    expect(wrong()).toEqual([]);
    await mover.stop();
    await ended;
  });

  test('routes come once they are installed, wait for a queue that is full, alone, and go again', async () => {
    const cluster = await givenCluster({ shards: 1 });
    const [shard] = cluster.shards as [(typeof cluster)['central']];
    const configOf = (queues: string, more = ''): Config => configFor(cluster, { queues, more });
    const orders = '  orders: { workers: none, create: true, from: [orders, bulk] }';
    const routed = (limit: string) =>
      configOf(
        `  urgent: { workers: 0, from: orders, where: "ev_type = 'urgent'"${limit} }\n${orders}`,
        'routes: { orders: first }',
      );
    const alone = configOf(orders);
    expect((await install(alone)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    const mover = new Mover({ config: alone, host: '127.0.0.1', onOccurrence: () => {} });
    const ended = mover.run();
    const counts = async () => {
      const rows = await cluster.central.query<{ table: string }>(
        "select queue_data_pfx as table from pgq.queue where queue_name in ('urgent', 'orders') order by queue_name desc",
      );
      const found = [];
      for (const { table } of rows) found.push((await cluster.central.query(`select from ${table}`)).length);
      return found;
    };
    const untilCounts = (...wanted: number[]) =>
      until(
        async () => {
          expect(await counts()).toEqual(wanted);
          return true;
        },
        { what: `${wanted} events`, timeoutMs: 60_000 },
      );
    const insert = (queue: string, type: string, n: number) =>
      shard.query('select pgq.insert_event($1, $2, k::text) from generate_series(1, $3::int) k', [
        queue,
        type,
        n,
      ]);
    const reason = async () => {
      const reader = new LagReader(routed(''));
      const { sources } = await reader.read({ isCentralOnly: true });
      await reader.close();
      return sources.find(({ queue }) => queue === 'orders')?.reason ?? '';
    };
    await insert('orders', 'urgent', 3);
    await untilCounts(3);
    await mover.apply(routed(', waiting: 20'));
    await insert('orders', 'urgent', 4);
    await until(async () => /and .* says urgent, orders: run `tributary install`\.$/.test(await reason()), {
      what: 'the reason that it is not installed',
    });
    await insert('bulk', 'urgent', 1);
    // The source stands where it is until then, and only that one.
    await untilCounts(4);
    expect((await install(routed(', waiting: 20'))).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    // A file that is read again lets the mover look at once.
    await mover.apply(routed(', waiting: 21'));
    await untilCounts(4, 4);
    await insert('orders', 'urgent', 30);
    await untilCounts(34, 4);
    let normal = 0;
    const isHeldBack = async () =>
      /^In central queue urgent .* more goes in as workers make room/.test(await reason());
    await until(
      async () => {
        normal += 1;
        await insert('orders', 'normal', 1);
        return await isHeldBack();
      },
      { what: 'the reason that urgent is full', timeoutMs: 60_000, everyMs: 200 },
    );
    await insert('bulk', 'normal', 6);
    const [table] = await cluster.central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
    );
    const fromBulk = `select from ${table?.name} where ev_extra4 like 's1:bulk:%'`;
    await until(async () => (await cluster.central.query(fromBulk)).length === 7, {
      what: 'those of the other source',
      timeoutMs: 60_000,
    });
    expect(await isHeldBack()).toBe(true);
    await mover.apply(routed(''));
    await untilCounts(34, 4 + normal + 6);
    await mover.apply(alone);
    await insert('orders', 'urgent', 7);
    await untilCounts(34, 4 + normal + 6 + 7);
    await mover.stop();
    await ended;
  });
});
