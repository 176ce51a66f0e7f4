// Routes with real movers that are killed: each event is in each of the queues that take it, once and in order.
import { expect, test } from 'vitest';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { provenByRoute } from '../../support/mover/routes.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));

process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

const QUEUES = [
  '  urgent: { workers: none, create: true, from: orders, where: "ev_id % 3 = 0" }',
  '  orders: { workers: none, where: "ev_id % 3 <> 2" }',
  '  hot: { workers: none, create: true, from: clicks, where: "ev_id % 2 = 0" }',
  '  clicks: { workers: none }',
].join('\n');

test('routes of both kinds through kills in the middle of commits and anywhere: nothing is lost, repeated, split or out of order', async () => {
  const forwarding = await givenForwarding({
    shards: 2,
    queues: QUEUES,
    more: 'routes: { orders: first, clicks: all }',
  });
  const load = startLoad(forwarding.shards, { queues: ['orders', 'clicks'], random, bulk: 200 });
  for (const point of ['copy-out:middle', 'commit:opened', 'commit:copied', 'commit:committed']) {
    const kill = { TRIBUTARY_FAIL_POINT: `${point}=kill*${1 + random.below(4)}` };
    expect(await forwarding.startMover({ env: kill }).exit, point).toEqual({ code: null, signal: 'SIGKILL' });
  }
  // Commits of one message, which have no such points.
  for (let kills = 0; kills < 3; kills += 1) {
    const mover = forwarding.startMover();
    const goal = (await forwarding.moved()) + 1 + random.below(400);
    await until(async () => (await forwarding.moved()) > goal, {
      what: 'more moved events',
      timeoutMs: 60_000,
    });
    mover.kill('SIGKILL');
    await mover.exit;
  }
  const last = forwarding.startMover();
  await load.stop();
  const { config, ...cluster } = forwarding;
  await until(() => provenByRoute({ cluster, config }).then(() => true), {
    what: 'the proof of each route',
    timeoutMs: 60_000,
  });
  last.kill('SIGTERM');
  expect((await last.exit).code).toBe(0);
  const [unrouted] = await forwarding.central.query<{ n: number }>(
    `select sum(unrouted)::int as n from (select distinct on (source) unrouted from tributary.position order by source, n desc) p`,
  );
  const counts = await Promise.all(
    forwarding.shards.map(async (shard) => {
      const [queue] = await shard.query<{ name: string }>(
        "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
      );
      const [row] = await shard.query<{ n: number }>(
        `select count(*)::int as n from ${queue?.name} where ev_id % 3 = 2`,
      );
      return row?.n ?? 0;
    }),
  );
  expect(unrouted?.n).toBe(counts.reduce((sum, n) => sum + n, 0));
}, 180_000);
