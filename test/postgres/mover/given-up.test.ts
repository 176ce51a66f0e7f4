// What a call that was given up leaves behind in the server.
import { expect, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenMover } from '../../support/mover/mover.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

test('a statement whose caller has given up waiting is cancelled', async () => {
  const database = await givenDatabase();
  const connection = await Connection.open(database.database, { applicationName: 'tributary given up' });
  const waiting = async () =>
    (await database.query(`select 1 from pg_stat_activity where application_name = 'tributary given up'`))
      .length;
  const answer = connection.query('select pg_sleep(600)', [], { timeoutMs: 1_000 });
  await until(async () => (await waiting()) === 1, { what: 'the statement' });
  await expect(answer).rejects.toThrow('No answer within 1 s.');
  await until(async () => (await waiting()) === 0, { what: 'the end of its backend' });
});

test('commits that give up waiting for a lock leave no backend behind, and the events arrive once', async () => {
  const given = await givenMover({ shards: 1, queues: '  orders: { workers: none, create: true }' });
  const { central, shards } = given.cluster;
  const [shard] = shards as [(typeof shards)[0]];
  const { mover, ended } = given.start();
  const moved = async () =>
    (await central.query<{ n: number }>('select count(*) as n from pgq.event_1'))[0]?.n;
  await givenEvents(shard, 'orders', 1);
  await until(async () => (await moved()) === 1, { what: 'the first event', timeoutMs: 30_000 });
  const locking = await central.connect();
  await locking.script(
    'begin; lock table pgq.event_1, pgq.event_1_0, pgq.event_1_1, pgq.event_1_2 in share mode',
  );
  const refused = () =>
    given.occurrences.filter(({ kind }) => kind === 'central-trouble' || kind === 'source-trouble').length;
  const backends = async () =>
    (
      await central.query<{ n: number }>(
        `select count(*) as n from pg_stat_activity
         where datname = current_database() and application_name like 'tributary commit%' and wait_event_type = 'Lock'`,
      )
    )[0]?.n ?? 0;
  await givenEvents(shard, 'orders', 1);
  await until(() => refused() >= 2, { what: 'two commits that were given up', timeoutMs: 120_000 });
  expect(await backends()).toBeLessThanOrEqual(1);
  await locking.script('rollback');
  await until(async () => (await moved()) === 2, { what: 'the second event', timeoutMs: 60_000 });
  await mover.stop();
  await ended;
}, 240_000);
