// The proof is tested as well: it sees what was done to the databases behind everybody's back.
import { expect, test } from 'vitest';
import { givenInstalledHosts, givenTransactions } from '../../support/installation/installed-hosts.ts';
import { until } from '../../support/until.ts';

test('with one event less in central, or one handled row more, the proof does not hold', async () => {
  const hosts = await givenInstalledHosts({ alpha: 2 }, { workers: 1 });
  const { central } = hosts;
  const host = await hosts.startHost('alpha');
  await givenTransactions(hosts.shards, 20);
  await until(async () => (await hosts.handled()) === 60, { what: '60 handled events' });
  host.kill('SIGTERM');
  expect((await host.exit).code).toBe(0);
  expect(await hosts.verdict()).toMatchObject({ holds: true, committed: 60, lost: 0, twice: 0 });

  await central.query('insert into handled (origin, txid) select origin, txid from handled where no = 7');
  expect(await hosts.verdict()).toMatchObject({ holds: false, handled: 61, twice: 1, lost: 0 });
  await central.query('delete from handled where no = (select max(no) from handled)');
  expect(await hosts.verdict()).toMatchObject({ holds: true });

  const [queue] = await central.query<{ table: string }>(
    "select queue_data_pfx as table from pgq.queue where queue_name = 'orders'",
  );
  const [gone] = await central.query<{ origin: string }>(
    `delete from ${queue?.table}_0 where ctid = (select min(ctid) from ${queue?.table}_0) returning ev_extra4 as origin`,
  );
  const verdict = await hosts.verdict();
  expect(verdict).toMatchObject({ holds: false, moved: 59, lost: 1, twice: 0 });
  expect(verdict.examples).toContain(`${gone?.origin} (lost in moving)`);
});
