// Several servers named in one URL: the one that takes writes is found, whatever the others do.
import { expect, test } from 'vitest';
import type { Database, Server } from '../../../src/config/config.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { ConnectionPool } from '../../../src/postgres/pool.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { givenStandby } from '../../support/server/standby.ts';
import { until } from '../../support/until.ts';

const options = { applicationName: 'tributary test' };

async function portOf(database: Database): Promise<number> {
  const connection = await Connection.open(database, options);
  const [row] = await connection.query<{ port: number }>("select current_setting('port')::int as port");
  await connection.close();
  return row?.port ?? 0;
}

test('the primary is found beside a standby, a black hole and a closed port, and again when the standby has become it', async () => {
  const primary = await givenServer();
  const { database } = await givenDatabase({ server: primary });
  const standby = await givenStandby(primary);
  const hole = await givenProxy(primary);
  hole.blackhole();
  const place = ({ host, port }: Server): Server => ({ host, port });
  const closed = { host: '127.0.0.1', port: 1 };
  // By a name with several addresses, of which the server listens on one.
  const named = { host: 'localhost', port: primary.port };
  const orders: Server[][] = [
    [place(standby), place(primary)],
    [place(hole), place(standby), place(primary)],
    [closed, place(standby), named],
  ];
  for (const servers of orders) expect(await portOf({ ...database, servers })).toBe(primary.port);

  const without = { ...database, displayUrl: 'postgresql://u@a,b/shop', servers: [closed, place(standby)] };
  await expect(Connection.open(without, options)).rejects.toMatchObject({
    code: 'no-primary',
    kind: 'retryable',
    message: expect.stringMatching(
      /^postgresql:\/\/u@a,b\/shop has no server that takes writes now: 127\.0\.0\.1:1 refuses connections: .*; 127\.0\.0\.1:\d+ is a standby\.$/,
    ),
  });

  const both = { ...database, servers: [place(primary), place(standby)] };
  const pool = new ConnectionPool(both, { ...options, owner: 'Central', most: 2 });
  const ask = () =>
    pool.use((connection) =>
      connection.query<{ port: number }>("select current_setting('port')::int as port"),
    );
  expect(await ask()).toEqual([{ port: primary.port }]);
  const held = await Connection.open(both, options);
  await standby.promote();
  await until(async () => (await ask())[0]?.port === standby.port, {
    what: 'the new primary',
    timeoutMs: 60_000,
  });
  expect(await portOf(both)).toBe(standby.port);
  expect(held.failed).toBe(true);
  await pool.close();
}, 180_000);

test('a connection whose server takes no writes any more is given up, and a server that is read-only is not taken', async () => {
  const { database, query } = await givenDatabase();
  const connection = await Connection.open(database, options);
  await connection.query('create table t (i int)');
  await connection.query('set default_transaction_read_only = on');
  await expect(connection.query('insert into t values (1)')).rejects.toMatchObject({ code: '25006' });
  expect(connection.failed).toBe(true);
  await query(`alter database "${database.database}" set default_transaction_read_only = on`);
  const servers = [{ host: database.host, port: database.port }];
  await expect(Connection.open({ ...database, servers }, { ...options, owner: 'Central' })).rejects.toThrow(
    `Central has no server that takes writes now: ${database.host}:${database.port} is read-only.`,
  );
});
