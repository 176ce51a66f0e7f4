// Connections that are kept for those who ask now and then.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../../src/config/config.ts';
import { ConnectionPool } from '../../../src/postgres/pool.ts';
import { givenConfig } from '../../support/installation/config-file.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

async function given(changes: Partial<Database> = {}) {
  const database = await givenDatabase();
  const { central } = givenConfig(
    `central: '${database.url}'\nshards: ['${database.url}']\nqueues: { all: { from: orders } }\n`,
  );
  const options = { applicationName: 'pool of a test', owner: 'Central', most: 2 };
  const pool = new ConnectionPool({ ...central, ...changes }, options);
  onTestFinished(() => pool.close());
  const connections = async () => {
    const [row] = await database.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where application_name = 'pool of a test' and datname = current_database()",
    );
    return row?.n ?? -1;
  };
  const pid = () =>
    pool.use(async (connection) => {
      const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
      return row?.pid;
    });
  return { database, pool, connections, pid };
}

describe('postgres/pool', () => {
  test('many calls at once share the connections that are allowed', async () => {
    const { connections, pid } = await given();
    const pids = new Set(await Promise.all(Array.from({ length: 20 }, pid)));
    expect(pids.size).toBe(2);
    expect(await connections()).toBe(2);
  });

  test('a connection that failed is not used again, and its error names the database', async () => {
    const { database, pid, pool } = await given();
    const first = await pid();
    await expect(
      pool.use(async (connection) => {
        await database.query('select pg_terminate_backend($1)', [first]);
        await connection.query('select 1');
      }),
    ).rejects.toThrow();
    expect(await pid()).not.toBe(first);
  });

  test('a connection that is cut while it is idle is replaced without an error', async () => {
    const { connections, database, pid } = await given();
    const first = await pid();
    await database.query('select pg_terminate_backend($1)', [first]);
    await until(async () => (await connections()) === 0, { what: 'the end of the connection' });
    expect(await pid()).not.toBe(first);
  });

  test('a call that waits too long for an answer gives up the connection, and the server cancels the statement', async () => {
    const { database, pid, pool } = await given();
    await expect(
      pool.use((connection) => connection.query('select pg_sleep(600)', [], { timeoutMs: 200 })),
    ).rejects.toMatchObject({ code: 'timeout' });
    await until(
      async () =>
        (
          await database.query(
            "select from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%' and state = 'active'",
          )
        ).length === 0,
      { what: 'the end of the statement' },
    );
    expect(await pid()).toBeDefined();
  });

  test('where TLS is only preferred, a server without it is reached all the same', async () => {
    const { pid } = await given({ tls: { mode: 'prefer' } });
    expect((await Promise.all([pid(), pid()])).every((one) => one !== undefined)).toBe(true);
    const strict = await given({ tls: { mode: 'require' } });
    await expect(strict.pid()).rejects.toThrow(/SSL/);
  });
});
