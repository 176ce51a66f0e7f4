// Shards that are bad in different ways at once, beside healthy ones that feed the same central queue.
import { expect, test } from 'vitest';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const [DEAD, SLOW, POISONED, HOT, HEALTHY] = [3, 1, 1, 1, 6];

/** The database behind a proxy of its own. */
async function givenDetour(database: TestDatabase) {
  const url = new URL(database.url);
  const proxy = await givenProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  return { proxy, via: { ...database, url: url.href } };
}

async function given() {
  const cluster = await givenCluster({ shards: DEAD + SLOW + POISONED + HOT + HEALTHY });
  const detours = await Promise.all(cluster.shards.slice(0, DEAD + SLOW).map(givenDetour));
  const shards = [...detours.map(({ via }) => via), ...cluster.shards.slice(DEAD + SLOW)];
  const forwarding = await givenForwarding({
    cluster,
    via: { central: cluster.central, shards },
    queues: '  orders: { workers: none, create: true }',
  });
  await forwarding.central.query(`alter table pgq.event_1_0 add check (ev_type <> 'poison')`);
  const proxies = detours.map(({ proxy }) => proxy);
  const [poisoned, hot, ...healthy] = cluster.shards.slice(DEAD + SLOW) as [
    TestDatabase,
    TestDatabase,
    ...TestDatabase[],
  ];
  return {
    forwarding,
    dead: proxies.slice(0, DEAD),
    slow: proxies[DEAD] as (typeof proxies)[0],
    slowShard: cluster.shards[DEAD] as TestDatabase,
    poisoned,
    hot,
    healthy,
  };
}

test('dead, slow, refused and flooded shards delay no healthy one, and lag says what is wrong with each', async () => {
  const { forwarding, dead, slow, slowShard, poisoned, hot, healthy } = await given();
  const { central } = forwarding;
  const mover = forwarding.startMover();
  /** From the positions, which are committed together with the events: the flood makes it dear to count those. */
  const movedFrom = async (shards: readonly string[]) => {
    const rows = await central.query<{ shard: string; count: number }>(
      `select s.shard, (select p.moved from tributary.position p where p.source = s.id order by p.n desc limit 1)::int as count
         from tributary.source s`,
    );
    const counts = new Map(rows.map(({ shard, count }) => [shard, count]));
    return shards.map((shard) => counts.get(shard) ?? 0);
  };
  const nameOf = (at: number) => `s${at + 1}`;
  const healthyNames = healthy.map((_, at) => nameOf(DEAD + SLOW + POISONED + HOT + at));
  for (const shard of forwarding.shards) await givenEvents(shard, 'orders', 1);
  await until(async () => (await forwarding.moved()) === forwarding.shards.length, { what: 'one of each' });

  for (const proxy of dead) proxy.blackhole();
  slow.delay(1_000);
  await givenEvents(slowShard, 'orders', 1);
  for (const shard of forwarding.shards.slice(0, DEAD)) await givenEvents(shard, 'orders', 1);
  await givenEvents(hot, 'orders', 100_000);
  for (let round = 1; round <= 25; round += 1) {
    await poisoned.query(`select pgq.insert_event('orders', $1, 'x')`, [round % 5 === 1 ? 'poison' : 'good']);
    await Promise.all(healthy.map((shard) => givenEvents(shard, 'orders', 1)));
    // All of the healthy ones, each time, while the others are as bad as they are.
    await until(
      async () => {
        const counts = await movedFrom(healthyNames);
        return counts.every((count) => count === round + 1);
      },
      { what: `event ${round} of each healthy shard`, everyMs: 50 },
    );
  }

  const reasons = async () =>
    new Map(
      (
        await central.query<{ shard: string; state: string; reason: string | null }>(
          `select s.shard, l.state, l.reason from tributary.source s join tributary.source_lag l on l.source = s.id`,
        )
      ).map(({ shard, state, reason }) => [shard, `${state}: ${reason}`]),
    );
  for (let at = 0; at < DEAD; at += 1) {
    await until(async () => /^unreachable: Shard s\d+ /.test((await reasons()).get(nameOf(at)) ?? ''), {
      what: `the reason of ${nameOf(at)}`,
      timeoutMs: 40_000,
    });
  }
  const dying = await until(
    async () => {
      const rows = await central.query<{ origin: string; error: string }>(
        'select origin, error from tributary.dead_event',
      );
      return rows.length === 5 ? rows : undefined;
    },
    { what: 'five dead events' },
  );
  for (const { origin, error } of dying) {
    expect(origin).toMatch(new RegExp(`^${nameOf(DEAD + SLOW)}:orders:`));
    expect(error).toContain('violates check constraint');
  }
  for (const name of healthyNames) expect((await reasons()).get(name)).toMatch(/: null$/);

  // A healthy shard that has to connect anew finds no place taken by those that are dialled in vain.
  await central.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'tributary mover%'`,
    [healthy[0]?.name],
  );
  await givenEvents(healthy[0] as TestDatabase, 'orders', 1);
  await until(async () => (await movedFrom(healthyNames))[0] === 27, {
    what: 'the event after a new connection',
    everyMs: 50,
  });

  for (const proxy of [...dead, slow]) proxy.heal();
  await central.query('delete from tributary.dead_event');
  await until(
    async () =>
      (await forwarding.moved()) === forwarding.shards.length + 1 + DEAD + 100_000 + 20 + 25 * HEALTHY + 1,
    { what: 'all but the poison', timeoutMs: 60_000 },
  );
  mover.kill('SIGTERM');
  expect((await mover.exit).code).toBe(0);
});
