import { describe, expect, inject, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { holds } from '../../../src/proof/origins.ts';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { type Forwarding, givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { givenMover, movedTo, proofOf } from '../../support/mover/mover.ts';
import { givenPgbouncer, hasPgbouncer } from '../../support/network/pgbouncer.ts';
import { randomFrom } from '../../support/random.ts';
import { provider } from '../../support/server/provider.ts';
import { databaseOn } from '../../support/server/template.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

/** The pooler's connections to these databases' server, of which each is ended with a chance of one in two. */
async function endSome({ central, shards }: Forwarding): Promise<number> {
  const admin = await Connection.open(databaseOn(inject('server'), 'postgres'), { applicationName: 'test' });
  const backends = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = any ($1) and application_name like 'tributary %'
       and application_name not like 'tributary test%'`,
    [[central, ...shards].map(({ name }) => name)],
  );
  const victims = backends.filter(() => random.oneIn(2));
  for (const { pid } of victims) await admin.query('select pg_terminate_backend($1)', [pid]);
  await admin.close();
  return victims.length;
}

describe.skipIf(!hasPgbouncer && provider() === 'engine')('behind pgbouncer', () => {
  test.each(['session', 'transaction'] as const)(
    'in %s mode shards and central are installed and moved as without it',
    async (mode) => {
      const port = await givenPgbouncer({ mode, poolSize: mode === 'session' ? 40 : 4 });
      const given = await givenMover({ port, shards: 3 });
      await Promise.all(given.cluster.shards.map((shard) => givenEvents(shard, 'orders', 200)));
      const { mover, ended } = given.start();
      await until(async () => (await movedTo(given, 'orders')) === 600, { what: '600 orders' });
      await Promise.all(given.cluster.shards.map((shard) => givenEvents(shard, 'emails', 30)));
      await until(async () => (await movedTo(given, 'emails')) === 90, { what: '90 emails' });
      await mover.stop();
      await ended;
      expect(holds(await proofOf(given, 'orders'))).toBe(true);
      expect(holds(await proofOf(given, 'emails'))).toBe(true);
      expect(given.occurrences.filter(({ kind }) => kind.endsWith('trouble'))).toEqual([]);
    },
  );

  test('in transaction mode two movers under load, whose servers end connections again and again, move each event once', async () => {
    const port = await givenPgbouncer({ poolSize: 8 });
    const cluster = await givenCluster({ shards: 3 });
    const through = (database: (typeof cluster)['central']) => {
      const url = new URL(database.url);
      url.port = String(port);
      return { ...database, url: url.href };
    };
    const via = { central: through(cluster.central), shards: cluster.shards.map(through) };
    const forwarding = await givenForwarding({ cluster, via });
    const { config } = forwarding;
    expect([config.central, ...config.shards].map((database) => database.port)).toEqual(Array(4).fill(port));
    const movers = [forwarding.startMover(), forwarding.startMover()];
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random, bulk: 200 });
    let ended = 0;
    for (let round = 0; round < 8; round += 1) {
      const before = await forwarding.moved();
      await until(async () => (await forwarding.moved()) > before, {
        what: 'more moved events',
        timeoutMs: 40_000,
      });
      ended += await endSome(forwarding);
    }
    expect(ended).toBeGreaterThan(8);
    await load.stop();
    await forwarding.untilProven({ timeoutMs: 60_000 });
    for (const mover of movers) {
      mover.kill('SIGTERM');
      expect((await mover.exit).code).toBe(0);
    }
  });
});
