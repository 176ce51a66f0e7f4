// Central restored into a server that has given out fewer transaction ids: no worker would ever get what is committed there, so
// nothing is, everybody says why, and once the ids are raised all goes on.
import { expect, test } from 'vitest';
import { givenInstalledHosts, givenTransactions } from '../../support/installation/installed-hosts.ts';
import { send } from '../../support/processes/freezer.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { nextXid, useXids } from '../../support/server/dump.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';

test('on a central whose transaction ids are behind its ticks nothing is committed or begun; once they are raised all is handled', async () => {
  // Of its own: others use transaction ids up as well, and would raise those of central while we work there.
  const server = await givenServer();
  const [own, shard] = await Promise.all([givenDatabase({ pgq: 'central', server }), givenDatabase()]);
  const cluster = { central: own, shards: [shard] };
  const hosts = await givenInstalledHosts({ h1: 1 }, { workers: 1, cluster });
  const { central, shards, file } = hosts;
  const first = await hosts.startHost('h1');
  await givenTransactions(shards, 5);
  await until(async () => (await hosts.handled()) === 15, { what: '15 handled events', timeoutMs: 60_000 });
  first.kill('SIGTERM');
  await first.exit;
  const next = (await nextXid(central)) + 20_000;
  await central.query(`update pgq.tick t set tick_snapshot = '${next - 5}:${next}:${next - 5}'
    where tick_id = (select max(n.tick_id) from pgq.tick n where n.tick_queue = t.tick_queue)`);
  await central.query(
    `select pgq.event_retry_raw('orders', 'workers_tributary', now(), 900001, now(), null, 'late', 'x', null, null, null, 's1:orders:0')`,
  );
  // Due from the beginning: moved now, nobody would ever get it.
  const second = await hosts.startHost('h1');
  await givenTransactions(shards, 4);

  await second.waitForLine(
    /Central cannot be worked with: its ticks know [\d,]+ transaction ids more .*pg_resetwal/,
    { timeoutMs: 60_000 },
  );
  await second.waitForLine(/ticks of queue orders know \d+ more transaction ids .*pg_resetwal/, {
    timeoutMs: 60_000,
  });
  const lag = await run(['-c', file, 'lag', '--max', '1h', '--json']);
  expect(lag.code).toBe(3);
  expect((JSON.parse(lag.stdout) as { central: object[] }).central[0]).toMatchObject({
    events_behind: null,
    reason: expect.stringMatching(/^Queue orders stands still: its ticks know/),
  });
  expect((await run(['-c', file, 'check'])).stdout).toMatch(/restored into a younger cluster/);
  expect((await hosts.proof()).moved).toBe(15);
  expect(await central.query('select ev_id from pgq.retry_queue')).toEqual([{ ev_id: 900001 }]);

  // As pg_resetwal, which wants a stopped server: nobody is inside a transaction whose id is one of those that are passed over.
  await until(
    async () => {
      send(-second.pid, 'SIGSTOP');
      const [row] = await central.query<{ n: number }>(
        `select count(*) as n from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
      );
      if (row?.n !== 0) send(-second.pid, 'SIGCONT');
      return row?.n === 0;
    },
    { what: 'a moment without a transaction', timeoutMs: 60_000 },
  );
  await useXids(central, next + 1);
  send(-second.pid, 'SIGCONT');
  await givenTransactions(shards, 1);
  await until(async () => (await hosts.handled()) === 31, { what: '31 handled events', timeoutMs: 60_000 });
  const proof = await hosts.proof();
  expect([proof.lost, proof.twice, proof.disordered, proof.moved]).toEqual([[], [], [], 30]);
  expect(await central.query('select origin, count(*) from handled group by 1 having count(*) > 1')).toEqual(
    [],
  );
  second.kill('SIGTERM');
  expect((await second.exit).code).toBe(0);
}, 240_000);
