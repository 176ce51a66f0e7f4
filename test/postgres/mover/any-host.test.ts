// Shards that any machine may move: shared by all movers at once, each under its own name.
import { expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { install } from '../../../src/install/install.ts';
import { Mover } from '../../../src/mover/mover.ts';
import { configFor, givenCluster } from '../../support/installation/installation.ts';
import { until } from '../../support/until.ts';

test('movers on different machines share the shards that any may move, and none waits for a host that is away', async () => {
  const cluster = await givenCluster({ shards: 5 });
  const { central } = cluster;
  const plain = configFor(cluster, {
    queues: '  orders: { workers: none, create: true }',
    // Longer than this test: whatever is only adopted comes too late.
    more: 'mover: { adopt_after: 1h }',
  });
  const config: Config = {
    ...plain,
    shards: plain.shards.map((shard, at) => ({ ...shard, moverHost: at === 0 ? 'db1' : 'any' })),
  };
  expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
  const running = ['db1', 'pod-1'].map((host) => {
    const mover = new Mover({ config, host, onOccurrence: () => {} });
    return { mover, ended: mover.run() };
  });
  const held = async () =>
    Object.fromEntries(
      (
        await central.query<{ host: string; shards: string[] }>(
          "select host, array_agg(resource order by resource) as shards from tributary.lease where is_held and resource like 'shard:%' group by 1",
        )
      ).map(({ host, shards }) => [host, shards]),
    );
  await until(
    async () => {
      const { db1 = [], 'pod-1': pod = [] } = await held();
      return db1.includes('shard:s1') && db1.length === 3 && pod.length === 2;
    },
    { what: 'an even share of what any may move, besides its own', timeoutMs: 60_000 },
  );
  for (const { mover } of running) await mover.stop();
  for (const { ended } of running) await ended;
}, 120_000);
