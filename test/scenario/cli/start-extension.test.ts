// All of it on the real extension: pgbench's load on four shards, two hosts that move and handle it, and both being killed.
import { describe, expect, test } from 'vitest';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { givenPgbench, startPgbenchLoad } from '../../support/pgbench.ts';
import { randomFrom } from '../../support/random.ts';
import { provider } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));

describe.skipIf(provider() !== 'extension')('start on the extension', () => {
  test('pgbench on four shards, two hosts, movers and workers killed at random: each row is handled exactly once', async () => {
    process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);
    const hosts = await givenInstalledHosts({ alpha: 2, beta: 2 }, { workers: 3 });
    await Promise.all(hosts.shards.map((shard) => givenPgbench(shard, { queue: 'orders' })));
    await Promise.all([hosts.startHost('alpha'), hosts.startHost('beta')]);
    const load = startPgbenchLoad(hosts.shards, { rate: 100 });
    const workers = async () => {
      const rows = await hosts.central.query<{ pid: number }>(
        `select p.value::int as pid from tributary.member m, jsonb_each_text(m.details -> 'pids') p
         where m.kind = 'work' and m.until > now()`,
      );
      return rows.map(({ pid }) => pid);
    };
    for (let kills = 0; kills < 8; kills += 1) {
      const goal = (await hosts.handled()) + 1 + random.below(250);
      await until(async () => (await hosts.handled()) > goal, {
        what: 'more handled rows',
        timeoutMs: 60_000,
      });
      const victims = kills % 2 === 0 ? await workers() : await hosts.movers();
      const victim = victims[random.below(victims.length)];
      try {
        if (victim !== undefined) process.kill(victim, 'SIGKILL');
      } catch {
        // It has been replaced since it was last heard of.
      }
    }
    await load.stop();
    const counts = await Promise.all(
      hosts.shards.map((shard) => shard.query<{ n: number }>('select count(*) as n from pgbench_history')),
    );
    const rows = counts.flat().reduce((total, { n }) => total + n, 0);
    await until(async () => (await hosts.handled()) >= rows, {
      what: `${rows} handled rows`,
      timeoutMs: 90_000,
    });
    expect(await hosts.verdict()).toMatchObject({
      lost: 0,
      twice: 0,
      split: 0,
      disordered: 0,
      committed: rows,
      moved: rows,
      handled: rows,
    });
  });
});
