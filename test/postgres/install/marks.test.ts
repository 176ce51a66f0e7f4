// What install finds changed: the mark on an engine is of what is there, not of what was installed once.
import { describe, expect, test } from 'vitest';
import { installEngine } from '../../../src/install/install-engine.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { identifier, literal } from '../../../src/postgres/quote.ts';
import { givenDatabase, provider } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';

describe.runIf(provider() === 'engine')('postgres/install marks', () => {
  test('a function that was dropped is noticed and made again', async () => {
    const db = await givenDatabase({ pgq: false });
    const install = async () => (await installEngine(db.database)).changed;
    expect([await install(), await install()]).toEqual([true, false]);
    for (const gone of [
      'pgq.batch_retry(bigint, integer)',
      'pgq._urlencode(text)',
      'pgq_ext.get_last_tick(text)',
    ]) {
      await db.query(`drop function ${gone}`);
      expect([await install(), await install()]).toEqual([true, false]);
      expect(await db.query(`select ${literal(gone)}::regprocedure`)).toHaveLength(1);
    }
  });

  test("somebody else's pgq_ext is left alone", async () => {
    const db = await givenDatabase({ pgq: false });
    await db.query(
      "create schema pgq_ext; create function pgq_ext.version() returns text language sql as 'select ''theirs'''",
    );
    expect((await installEngine(db.database)).changed).toBe(true);
    expect(await db.query('select pgq_ext.version()')).toEqual([{ version: 'theirs' }]);
    expect(await db.query("select from pg_class where relnamespace = 'pgq_ext'::regnamespace")).toEqual([]);
  });

  test('roles that come after the install get their grants at the next one', async () => {
    const server = await givenServer();
    const empty = await givenDatabase({ server, pgq: false });
    await empty.query(`create role owner login password 'o';
      alter database ${identifier(empty.name)} owner to owner`);
    const database = { ...empty.database, user: 'owner', password: 'o' };
    expect((await installEngine(database)).changed).toBe(true);
    expect((await installEngine(database)).changed).toBe(false);
    await empty.query("select pgq.create_queue('q')");
    await empty.query('create role pgq_reader; create role pgq_writer; create role pgq_admin');
    expect((await installEngine(database)).changed).toBe(true);
    const [may] = await empty.query<Record<string, boolean>>(`select
      has_function_privilege('pgq_reader', 'pgq.next_batch(text, text)', 'execute') as reads,
      has_table_privilege('pgq_reader', 'pgq.event_1_0', 'select') as sees,
      has_function_privilege('pgq_writer', 'pgq.insert_event(text, text, text)', 'execute') as writes,
      has_function_privilege('pgq_admin', 'pgq.ticker()', 'execute') as ticks`);
    expect(may).toEqual({ reads: true, sees: true, writes: true, ticks: true });
    expect((await installEngine(database)).changed).toBe(false);
  });

  test('what an upgrade by a superuser adds belongs to the owner of the schema, which can go on using the engine', async () => {
    const server = await givenServer();
    const db = await givenDatabase({ server, pgq: false });
    await db.query(
      `create role owner login password 'o'; alter database ${identifier(db.name)} owner to owner`,
    );
    const owner = { ...db.database, user: 'owner', password: 'o' };
    await installEngine(owner);
    const connection = await Connection.open(owner, { applicationName: 'test' });
    await connection.query("select pgq.create_queue('before')");
    const own = `select p.oid::regprocedure::text as name from pg_proc p
      where p.pronamespace = 'pgq'::regnamespace and left(p.proname, 1) = '_' order by 1`;
    const functions = (await db.query<{ name: string }>(own)).map(({ name }) => name);
    for (const name of functions) await db.query(`drop function ${name}`);
    expect((await installEngine(db.database)).changed).toBe(true);
    expect((await db.query<{ name: string }>(own)).map(({ name }) => name)).toEqual(functions);
    await connection.script(`select pgq.create_queue('after'); update pgq.queue set queue_ticker_max_lag = '0';
      select pgq.insert_event(queue_name, 'a', 'b'), pgq.register_consumer(queue_name, 'c') from pgq.queue`);
    expect(await connection.query('select pgq.ticker() as ticked')).toEqual([{ ticked: 2 }]);
    await connection.close();
  });
});
