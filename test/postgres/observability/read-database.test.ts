import { expect, test } from 'vitest';
import { databaseDiagnoses } from '../../../src/observability/doctor/judge-databases.ts';
import { askDatabase, SeenServers } from '../../../src/observability/doctor/read-database.ts';
import { configFor, givenCluster, givenQueue } from '../../support/installation/installation.ts';
import { until } from '../../support/until.ts';

test('the sessions of a server are asked for once, and the locks of each of its databases all the same', async () => {
  const cluster = await givenCluster({ shards: 3 });
  for (const shard of cluster.shards) await givenQueue(shard, 'orders');
  const config = configFor(cluster, { queues: '  orders: { workers: none, create: true }' });
  const [, second] = cluster.shards;
  const holder = await second?.connect();
  await holder?.script('begin; lock table pgq.tick in access exclusive mode; select txid_current()');

  class Counting extends SeenServers {
    asked = 0;
    override sessionsOf(server: string, ask: Parameters<SeenServers['sessionsOf']>[1]) {
      return super.sessionsOf(server, () => {
        this.asked += 1;
        return ask();
      });
    }
  }
  const look = async () => {
    const servers = new Counting();
    const found = [];
    for (const shard of config.shards) {
      const answer = await askDatabase(shard, {
        ...{ installation: 'shop', queues: [], servers },
      });
      if (answer.reason !== undefined) throw new Error(answer.reason);
      found.push(answer.health);
    }
    expect(servers.asked).toBe(1);
    return found;
  };
  const found = await until(
    async () => {
      const all = await look();
      return all.some(({ sessions }) => sessions.lockers.length > 0) && all;
    },
    { what: 'the lock is old enough', timeoutMs: 60_000 },
  );
  expect(found.map(({ sessions }) => sessions.lockers.map(({ relation }) => relation))).toEqual([
    [],
    ['pgq.tick'],
    [],
  ]);
  expect(new Set(found.map(({ sessions }) => sessions.database)).size).toBe(3);
  expect(
    databaseDiagnoses(found, { known: [], config })
      .filter(({ cause }) => cause === 'lock-held')
      .map(({ names }) => names),
  ).toEqual([['s2']]);
  await holder?.script('rollback');
});
