// The tests' own footing: a fresh database each, of the provider's kind.
import { describe, expect, inject, test } from 'vitest';
import { givenDatabase, provider } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';

describe('support/database', () => {
  test('a test gets a database of its own, empty when it wants no PgQ', async () => {
    const [one, two] = await Promise.all([givenDatabase({ pgq: false }), givenDatabase({ pgq: false })]);
    await one.query('create table t (n int8)');
    expect(await two.query(`select to_regclass('t') as t`)).toEqual([{ t: null }]);
    expect(await one.query('select $1::int8 as n', [7])).toEqual([{ n: 7 }]);
  });

  test('the server is the one that the provider names', async () => {
    const database = await givenDatabase();
    const [row] = await database.query<{ major: number }>(
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    expect(row?.major).toBe(inject('server').version);
    expect(inject('server').provider).toBe(provider());
  });

  test('a server of its own is of the same kind, and keeps what was committed through a crash', async () => {
    const server = await givenServer({ durable: true });
    const database = await givenDatabase({ server });
    const version = 'select pgq.version() as version';
    expect(await database.query(version)).toEqual(await (await givenDatabase()).query(version));
    await database.query(`select pgq.create_queue('kept')`);
    await server.kill('immediate');
    await server.restart();
    expect(await database.query('select queue_name from pgq.queue')).toEqual([{ queue_name: 'kept' }]);
  });

  test('copies of the template are made side by side', async () => {
    const databases = await Promise.all(Array.from({ length: 8 }, () => givenDatabase()));
    expect(new Set(databases.map(({ name }) => name)).size).toBe(8);
  });
});
