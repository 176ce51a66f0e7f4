// One transaction of very many events: it reaches the workers as batches of a bounded size, whoever is killed meanwhile.
import { describe, expect, test } from 'vitest';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { until } from '../../support/until.ts';

const EVENTS = 200_000;
const BOUND = 50_000;

/** One statement for each call, and which process wrote it. */
const HANDLER = `
export default {
  async batch(events, { client }) {
    const origins = events.map(({ origin }) => String(origin));
    await client.query(
      "insert into handled (origin, queue) select o, 'orders' from unnest($1::text[]) with ordinality u (o, n) order by n", [origins]);
    await client.query('insert into worked (pid) values ($1)', [process.pid]);
  },
};`;

describe('a transaction of very many events', () => {
  test('comes in several batches that workers share, each event once, also where mover and worker are killed', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 }, { workers: 2, handler: HANDLER });
    const { central } = hosts;
    const [shard] = hosts.shards as [typeof central];
    await central.query('create table worked (txid bigint default txid_current(), pid integer)');
    await shard.query(
      `select count(pgq.insert_event('orders', 'placed', n::text)) from generate_series(1, ${EVENTS}) n`,
    );
    const host = await hosts.startHost('alpha');
    const worker = await until(
      async () => (await central.query<{ pid: number }>('select pid from worked limit 1'))[0]?.pid,
      { what: 'a batch that is done', timeoutMs: 120_000 },
    );
    process.kill(worker, 'SIGKILL');
    const [mover] = await until(
      async () => {
        const movers = await hosts.movers();
        return movers.length > 0 ? movers : undefined;
      },
      { what: 'a mover' },
    );
    process.kill(mover as number, 'SIGKILL');
    await until(async () => (await hosts.handled()) >= EVENTS, {
      what: 'all events handled',
      timeoutMs: 240_000,
      everyMs: 500,
    });
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);

    expect(await hosts.verdict()).toMatchObject({
      committed: EVENTS,
      moved: EVENTS,
      handled: EVENTS,
      lost: 0,
      twice: 0,
    });
    // Workers that share it handle its parts at the same time; into central it went in order.
    expect((await hosts.proof()).disordered).toEqual([]);
    const batches = await central.query<{ events: number }>(
      `with moved as materialized (select ev_txid, count(*) as events from pgq.event_1 group by 1),
       pair as (select tick_snapshot as upto, lag(tick_snapshot) over (order by tick_id) as since from pgq.tick
                where tick_queue = 1)
       select sum(m.events)::int as events from pair p join moved m
         on txid_visible_in_snapshot(m.ev_txid, p.upto) and not txid_visible_in_snapshot(m.ev_txid, p.since)
       group by p.upto::text order by 1`,
    );
    expect(batches.reduce((sum, { events }) => sum + events, 0)).toBe(EVENTS);
    expect(batches.at(-1)?.events).toBeLessThanOrEqual(BOUND);
    const done = await central.query<{ events: number }>(
      'select count(*)::int as events from handled group by txid order by 1',
    );
    expect(done.at(-1)?.events).toBeLessThanOrEqual(BOUND);
    expect(await central.query('select distinct pid from worked')).not.toHaveLength(1);
    expect(host.stderr.some((line) => line.includes('is more than mover.whole'))).toBe(true);
  }, 420_000);
});
