import { describe, expect, test } from 'vitest';
import { type Given, givenMover, movedTo } from '../../support/mover/mover.ts';
import { provenByRoute } from '../../support/mover/routes.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

type Database = Given['cluster']['central'];

/** Every third event urgent, every third normal, the others of a type that only some routes take. */
const INSERT = `select pgq.insert_event('orders', (array['urgent', 'normal', 'odd'])[n % 3 + 1], n::text)
  from generate_series($1::int, $2::int) n`;

const contents = async ({ cluster: { central } }: Given, queue: string) => {
  const [found] = await central.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  return await central.query<{
    type: string;
    data: string;
    extra1: string | null;
    origin: string;
    xid: number;
  }>(
    `select ev_type as type, ev_data as data, ev_extra1 as extra1, ev_extra4 as origin, ev_txid as xid from ${found?.name} order by ev_id`,
  );
};

const unrouted = async ({ config }: Given) => {
  const { stdout } = await run(['-c', config.file, 'lag', '--json']);
  const { sources } = JSON.parse(stdout) as {
    sources: { shard: string; queue: string; central_queues: string[]; unrouted: number }[];
  };
  return sources;
};

async function eventId(shard: Database, condition: string): Promise<number> {
  const [queue] = await shard.query<{ name: string }>(
    "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
  );
  const [row] = await shard.query<{ id: number }>(
    `select min(ev_id) as id from ${queue?.name} where ${condition}`,
  );
  return row?.id as number;
}

const traced = async ({ config }: Given, ...args: readonly string[]): Promise<unknown> =>
  JSON.parse((await run(['-c', config.file, 'trace', ...args, '--json'])).stdout);

describe('routes', () => {
  test('first: each event goes to the first queue that takes it, in one commit with one position, and the rest is counted', async () => {
    const given = await givenMover({
      queues: [
        `  urgent: { workers: none, create: true, from: orders, where: "ev_type = 'urgent'", columns: { extra1: "'u' || ev_data" } }`,
        `  normal: { workers: none, from: [orders, bulk], create: true, where: "ev_type in ('urgent', 'normal')", redact: data }`,
      ].join('\n'),
      more: 'routes: { orders: first }',
    });
    const [one, two] = given.cluster.shards as [Database, Database];
    await one.query(INSERT, [1, 300]);
    await two.query(INSERT, [1, 30]);
    await two.query(`select pgq.insert_event('bulk', 'normal', 'bulk')`);
    const { mover, ended } = given.start();
    await until(async () => (await movedTo(given, 'urgent')) + (await movedTo(given, 'normal')) === 221, {
      what: 'all that routes take',
    });
    await one.query(`select pgq.insert_event('orders', 'odd', 'x') from generate_series(1, 7)`);
    await until(
      async () => (await unrouted(given)).reduce((sum, source) => sum + source.unrouted, 0) === 117,
      { what: 'the count of those that none takes' },
    );
    await provenByRoute(given);
    const urgent = await contents(given, 'urgent');
    expect(new Set(urgent.map(({ type, extra1, data }) => `${type} ${extra1 === `u${data}`}`))).toEqual(
      new Set(['urgent true']),
    );
    // What one transaction wrote is one commit, whatever it is spread over.
    const both = [...urgent, ...(await contents(given, 'normal'))];
    const ofOne = new Set(both.flatMap(({ origin, xid }) => (origin.startsWith('s1:orders:') ? [xid] : [])));
    expect(ofOne.size).toBe(1);
    expect(
      (await unrouted(given)).map(({ shard, queue, central_queues: to }) => `${shard}:${queue} ${to}`),
    ).toEqual(['s1:orders urgent,normal', 's1:bulk normal', 's2:orders urgent,normal', 's2:bulk normal']);
    const text = await run(['-c', given.config.file, 'lag']);
    expect(text.stdout).toContain('117 events of source queue orders went nowhere: no route takes them.');
    const odd = await eventId(one, "ev_type = 'odd'");
    expect(await traced(given, `s1:orders:${odd}`, '--data')).toMatchObject({
      state: 'left-out',
      // It might have come to a queue that shows none.
      payload: { data: '[redacted]' },
      summary: expect.stringMatching(/did not come to central: no route to urgent, normal takes it\.$/),
    });
    await mover.stop();
    await ended;
  });

  test('all: a copy goes to each queue that takes it, large ones streamed, and what one refuses the others have', async () => {
    const given = await givenMover({
      shards: 1,
      queues: [
        `  hot: { workers: none, create: true, from: orders, where: "case ev_type when 'number' then ev_data::int % 2 = 0 else ev_type <> 'plain' end" }`,
        '  audit: { workers: none, create: true, from: [orders, mails] }',
        `  later: { workers: none, from: mails, deliver_at: "ev_time + interval '1 hour'" }`,
      ].join('\n'),
      more: 'routes: all\nmover: { memory: 8MB, whole: 2MB }',
    });
    const [one] = given.cluster.shards as [Database];
    const { central } = given.cluster;
    await central.query(
      `do $$ begin execute format('alter table %s add constraint no_bad check (ev_data is distinct from ''bad'')',
         (select queue_data_pfx from pgq.queue where queue_name = 'audit')); end $$`,
    );
    await one.query(
      "select pgq.insert_event('orders', 'number', n::text), pgq.insert_event('mails', 'mail', n::text) from generate_series(1, 40) n",
    );
    await one.query(`select pgq.insert_event('orders', 'large', repeat('y', 3000000))`);
    await one.query(
      `select pgq.insert_event('orders', 'both', 'bad'), pgq.insert_event('orders', 'number', 'x')`,
    );
    await one.query(`select pgq.insert_event('orders', 'plain', 'last')`);
    const { mover, ended } = given.start();
    const counts = async () => [await movedTo(given, 'hot'), await movedTo(given, 'audit')];
    await until(
      async () => {
        expect(await counts()).toEqual([22, 82]);
        return true;
      },
      { what: 'all copies', timeoutMs: 60_000 },
    );
    const [delayed] = await central.query<{ n: number }>(
      "select count(*)::int as n from tributary.delayed_waiting('later')",
    );
    expect(delayed?.n).toBe(40);
    for (const queue of ['hot', 'audit'])
      expect((await contents(given, queue)).filter(({ data }) => data.length === 3_000_000)).toHaveLength(1);
    const dead = await central.query('select central_queue, sqlstate from tributary.dead_event order by 1');
    expect(dead).toEqual([
      { central_queue: 'audit', sqlstate: '23514' },
      { central_queue: 'hot', sqlstate: '22P02' },
    ]);
    expect(await traced(given, `s1:orders:${await eventId(one, "ev_data = '2'")}`)).toMatchObject({
      state: 'forwarded',
      central: { queue: 'hot' },
      copies: [{ queue: 'audit', state: 'forwarded' }],
    });
    expect(await traced(given, `s1:orders:${await eventId(one, "ev_data = 'bad'")}`)).toMatchObject({
      central: { queue: 'hot' },
      copies: [{ state: 'dead', summary: expect.stringContaining('Central queue audit did not take it') }],
    });
    const paused = await run(['-c', given.config.file, 'pause', '--queue', 'hot']);
    expect(paused.stdout).toBe(
      'Paused 1 source. They feed audit as well, which gets nothing from them now.\n',
    );
    await mover.stop();
    await ended;
    const refused = await run(['-c', given.config.file, 'queue', 'retire', 'hot', '--yes']);
    expect(refused.stderr).toContain(
      'Source queue orders feeds audit as well as hot, so it must not end with it.',
    );
  });
});
