// What movers report of their shards, and that doctor asks only those shards of which it is needed.
import { expect, test } from 'vitest';
import { CentralLink } from '../../../src/central/central-link.ts';
import { install } from '../../../src/install/install.ts';
import { databaseDiagnoses } from '../../../src/observability/doctor/judge-databases.ts';
import { ShardVisits } from '../../../src/observability/doctor/visits/ask-shards.ts';
import { reportOnShard } from '../../../src/shards/held.ts';
import { readShardReports, storeShardReports } from '../../../src/shards/reports.ts';
import { configFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

const QUEUES = ['orders'];

test('shards that movers found well are not asked, but one of each server; what was found, locked or not seen lately is', async () => {
  // Sessions of other tests would be found as well.
  const cluster = await givenCluster({ shards: 4, server: await givenServer() });
  const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
  await install(config);
  const [, , third, fourth] = cluster.shards as readonly TestDatabase[];
  const link = new CentralLink(config, 'test');
  /** As movers do it, for these shards. */
  const report = async (names: readonly string[]) => {
    const reports = await Promise.all(
      config.shards.map(async (shard, at) => {
        const connection = await (cluster.shards[at] as TestDatabase).connect();
        const seen = await reportOnShard(connection, { schema: shard.schema, queues: QUEUES });
        await connection.close();
        return { shard: shard.name, ageSeconds: 1, ...seen };
      }),
    );
    await storeShardReports(
      link,
      reports.filter(({ shard }) => names.includes(shard)),
    );
    return reports;
  };
  const look = async () => {
    const reports = await link.use((central) => readShardReports(central, 5_000));
    const looks = await new ShardVisits(config, performance.now() + 60_000).look(config.shards, reports);
    expect(looks.map(({ shard }) => shard).sort()).toEqual(['s1', 's2', 's3', 's4']);
    return {
      asked: looks.flatMap(({ shard, isAsked }) => (isAsked ? [shard] : [])).sort(),
      found: looks.flatMap(({ health }) => health ?? []),
    };
  };
  expect((await look()).asked).toEqual(['s1', 's2', 's3', 's4']);
  await report(['s1', 's2', 's4']);
  expect((await look()).asked).toEqual(['s1', 's3']);
  await report(['s3']);
  const well = await look();
  expect(well.asked).toEqual(['s1']);
  // The one that was asked speaks for the sessions of all.
  expect(well.found.map(({ sessions }) => sessions.database).sort()).toEqual(
    cluster.shards.map(({ name }) => name).sort(),
  );
  expect(new Set(well.found.map(({ identity, sessions }) => `${identity} ${sessions.usable}`)).size).toBe(1);

  const holder = await third?.connect();
  await holder?.script('begin; lock table pgq.tick in exclusive mode');
  const locked = await until(
    async () => {
      const { asked, found } = await look();
      return asked.length > 1 && { asked, found };
    },
    { what: 'the lock is old enough', timeoutMs: 90_000 },
  );
  expect(locked.asked).toEqual(['s1', 's3']);
  expect(
    databaseDiagnoses(locked.found, { known: [], config })
      .filter(({ cause }) => cause === 'lock-held')
      .map(({ names }) => names),
  ).toEqual([['s3']]);
  await holder?.script('rollback');
  await holder?.close();

  // Past its period and empty is nothing; with a row it should have rotated.
  await fourth?.query("update pgq.queue set queue_switch_time = now() - interval '1 day'");
  expect((await report(['s4'])).flatMap(({ held }) => held)).toEqual([]);
  expect((await look()).asked).toEqual(['s1']);
  await givenEvents(fourth as TestDatabase, 'orders', 3);
  const seen = await report(['s4']);
  expect(
    seen.flatMap(({ shard, held }) => held.map(({ queue, hasRows }) => ({ shard, queue, hasRows }))),
  ).toEqual([{ shard: 's4', queue: 'orders', hasRows: true }]);
  expect((await look()).asked).toEqual(['s1', 's4']);
  await link.query("update tributary.shard_report set at = at - interval '1 hour' where shard = 's2'");
  expect((await look()).asked).toEqual(['s1', 's2', 's4']);
  await link.query("update tributary.shard_report set at = at - interval '2 days' where shard = 's2'");
  await report(['s1']);
  expect([...(await link.use((central) => readShardReports(central, 5_000))).keys()].sort()).toEqual([
    's1',
    's3',
    's4',
  ]);
  await link.close();
});
