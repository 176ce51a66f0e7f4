import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { type Event, eventsOf, finish, givenQueue, nextBatch, scalar, tick } from './pgq.ts';

let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  session = await db.connect();
  await givenQueue(db, 'q', { consumers: ['c'] });
});

type Kind = 'jsontriga' | 'logutriga' | 'sqltriga';

interface GivenTable {
  readonly columns?: string;
  readonly when?: 'before' | 'after';
  readonly options?: readonly string[];
  readonly name?: string;
}

/** A table `t` whose changes, and truncations, go to queue `q` in the given way. */
async function givenTable(
  kind: Kind,
  { columns, when = 'after', options = [], name = 't' }: GivenTable = {},
) {
  const args = ["'q'", ...options.map((option) => `'${option.replaceAll("'", "''")}'`)].join(', ');
  await session.query(`drop table if exists ${name}`);
  await session.query(`create table ${name} (${columns ?? 'id int primary key, a text, b text'})`);
  await session.query(
    `create trigger change ${when} insert or update or delete on ${name} for each row execute function pgq.${kind}(${args})`,
  );
  if (options.length === 0) {
    await session.query(
      `create trigger emptied ${when} truncate on ${name} for each statement execute function pgq.${kind}(${args})`,
    );
  }
}

/** Runs the statements, each a transaction; what they put into the queue as [type, data, extra1, extra2]. */
async function logged(...statements: readonly string[]) {
  for (const statement of statements) await session.query(statement);
  await tick(db, 'q');
  const batch = await nextBatch(db, 'q', 'c');
  const events: Event[] = await eventsOf(db, batch);
  await finish(db, batch);
  return events.map((event) => [event.ev_type, event.ev_data, event.ev_extra1, event.ev_extra2]);
}

const LIFE = [
  "insert into t values (1, 'x y', null)",
  "update t set a = 'z' where id = 1",
  'update t set a = a',
  'delete from t',
  'truncate t',
];

describe('contract/pgq triggers', () => {
  test('jsontriga writes rows as JSON', async () => {
    await givenTable('jsontriga');
    const type = (op: string) => `{"op":"${op}","table":["public","t"],"pkey":["id"]}`;
    expect(await logged(...LIFE)).toEqual([
      [type('INSERT'), '{"id":1,"a":"x y","b":null}', 'public.t', null],
      [type('UPDATE'), '{"id":1,"a":"z","b":null}', 'public.t', null],
      [type('UPDATE'), '{"id":1,"a":"z","b":null}', 'public.t', null],
      [type('DELETE'), '{"id":1,"a":"z","b":null}', 'public.t', null],
      [type('TRUNCATE'), '{}', 'public.t', null],
    ]);
  });

  test('logutriga writes rows urlencoded', async () => {
    await givenTable('logutriga');
    expect(await logged(...LIFE)).toEqual([
      ['I:id', 'id=1&a=x+y&b', 'public.t', null],
      ['U:id', 'id=1&a=z&b', 'public.t', null],
      ['U:id', 'id=1&a=z&b', 'public.t', null],
      ['D:id', 'id=1&a=z&b', 'public.t', null],
      ['R', '', 'public.t', null],
    ]);
  });

  test('sqltriga writes what follows the table in a statement', async () => {
    await givenTable('sqltriga');
    expect(await logged(...LIFE)).toEqual([
      ['I', "(id,a,b) values ('1','x y',null)", 'public.t', null],
      ['U', "a='z' where id='1'", 'public.t', null],
      ['U', "id='1' where id='1'", 'public.t', null],
      ['D', "id='1'", 'public.t', null],
      ['R', '', 'public.t', null],
    ]);
    expect(
      await logged("insert into t values (2, 'it''s', E'back\\\\slash')", 'update t set a = null, b = $$q$$'),
    ).toEqual([
      ['I', "(id,a,b) values ('2','it''s',E'back\\\\slash')", 'public.t', null],
      ['U', "a=NULL,b='q' where id='2'", 'public.t', null],
    ]);
  });

  test('values of all kinds are written as their types print them', async () => {
    const columns =
      'id int2, "Odd" int8, b bool, n numeric, f float8, s timestamp, z timestamptz, d date, j jsonb, a int[], y bytea, c char(3), t text, primary key ("Odd", id)';
    const row = `insert into t values (1, 2, true, 1.50, 0.5, '2020-01-02 03:04:05.6', '2020-01-02 03:04:05Z', '2020-01-02',
                 '{"k": 1}', '{1,2}', '\\x00ff', 'a', E'é\\t"\\\\/<\\u0001')`;
    await session.query("set timezone = 'UTC'; set datestyle = 'German'");
    await givenTable('jsontriga', { columns });
    expect((await logged(row))[0]?.slice(0, 2)).toEqual([
      '{"op":"INSERT","table":["public","t"],"pkey":["Odd","id"]}',
      '{"id":1,"Odd":2,"b":true,"n":"1.50","f":"0.5","s":"2020-01-02T03:04:05.6","z":"2020-01-02T03:04:05+00:00","d":"2020-01-02",' +
        '"j":"{\\"k\\": 1}","a":"{1,2}","y":"\\\\x00ff","c":"a  ","t":"é\\t\\"\\\\/<\\u0001"}',
    ]);
    await session.query('reset datestyle');
    await givenTable('logutriga', { columns });
    expect((await logged(row))[0]?.slice(0, 2)).toEqual([
      'I:Odd,id',
      'id=1&Odd=2&b=t&n=1.50&f=0.5&s=2020-01-02+03%3a04%3a05.6&z=2020-01-02+03%3a04%3a05%2b00&d=2020-01-02' +
        '&j=%7b%22k%22%3a+1%7d&a=%7b1%2c2%7d&y=%5cx00ff&c=a++&t=%c3%a9%09%22%5c%2f%3c%01',
    ]);
    await givenTable('sqltriga', { columns });
    expect(
      (await logged('insert into t (id, "Odd", b) values (1, 2, false)', 'update t set b = true'))[1]?.[1],
    ).toBe(`b='t' where id='1' and "Odd"='2'`);
    await session.query('reset timezone');
  });

  test('ignored columns are not written, and a change of theirs alone is none', async () => {
    for (const [kind, insert, noop] of [
      ['jsontriga', '{"id":1,"a":"x"}', '{"id":1,"a":"x"}'],
      ['logutriga', 'id=1&a=x', 'id=1&a=x'],
      ['sqltriga', "(id,a) values ('1','x')", "id='1' where id='1'"],
    ] as const) {
      await givenTable(kind, { options: ['ignore=b,c'] });
      const rows = await logged(
        "insert into t values (1, 'x', 'y')",
        "update t set b = 'z'",
        'update t set a = a',
      );
      expect(rows.map((row) => row[1])).toEqual([insert, noop]);
    }
  });

  test('the key is the primary key or the one that is named; without one only inserts are logged', async () => {
    await givenTable('sqltriga', { options: ['pkey=a,id'] });
    expect((await logged("insert into t values (1, 'x', 'y')", "update t set b = 'z'"))[1]?.[1]).toBe(
      "b='z' where id='1' and a='x'",
    );
    await expect(session.query("update t set a = 'other'")).rejects.toThrow('primary key update not allowed');

    await givenTable('jsontriga', { columns: 'id int' });
    expect(await logged('insert into t values (1)')).toEqual([
      ['{"op":"INSERT","table":["public","t"],"pkey":[]}', '{"id":1}', 'public.t', null],
    ]);
    for (const change of ['update t set id = 2', 'delete from t']) {
      await expect(session.query(change)).rejects.toThrow('Update/Delete on table without pkey');
    }
    await givenTable('jsontriga');
    await session.query('insert into t values (1)');
    await expect(session.query('update t set id = 2')).rejects.toThrow('primary key update not allowed');
    await logged();
  });

  test('backup adds the row as it was, to updates alone', async () => {
    await givenTable('jsontriga', { options: ['backup'] });
    const life = ["insert into t values (1, 'x', 'y')", "update t set a = 'z'", 'delete from t'];
    expect((await logged(...life)).map((row) => row[3])).toEqual([null, '{"id":1,"a":"x","b":"y"}', null]);
    for (const kind of ['logutriga', 'sqltriga'] as const) {
      await givenTable(kind, { options: ['backup'] });
      expect((await logged(...life)).map((row) => row[3])).toEqual([null, 'id=1&a=x&b=y', null]);
    }
  });

  test('SKIP logs the change and suppresses it', async () => {
    await givenTable('jsontriga', { options: ['SKIP'], when: 'before' });
    expect((await logged("insert into t values (1, 'x', 'y')")).length).toBe(1);
    expect(await scalar(db, 'select count(*) from t')).toBe(0);
    await givenTable('jsontriga', { options: ['SKIP'] });
    await expect(session.query('insert into t values (1)')).rejects.toThrow(
      'SKIP does not work in AFTER trigger.',
    );
    await givenTable('jsontriga', { when: 'before', options: ['when=true'] });
    expect((await logged('insert into t values (1)', "update t set a = 'x'", 'delete from t')).length).toBe(
      3,
    );
  });

  test('deny refuses every change', async () => {
    await givenTable('jsontriga', { options: ['deny'] });
    await expect(session.query('insert into t values (1)')).rejects.toThrow(
      "Table 'public.t' to queue 'q': change not allowed (INSERT)",
    );
  });

  test('when= chooses rows, and has to be a condition', async () => {
    await givenTable('jsontriga', { options: ["when=a = 'yes' and id > 1"] });
    const rows = await logged(
      "insert into t values (1, 'yes'), (2, 'no'), (3, 'yes')",
      "delete from t where a = 'yes'",
    );
    expect(rows.map((row) => row[1])).toEqual(['3', '3'].map((id) => `{"id":${id},"a":"yes","b":null}`));
    await givenTable('jsontriga', { options: ['when=id'] });
    await expect(session.query('insert into t values (1)')).rejects.toThrow(
      'when= query result must be boolean, got=23',
    );
    await givenTable('jsontriga', { options: ['when=b is null and null'] });
    await expect(session.query('insert into t values (1)')).rejects.toThrow('when= should not be NULL');
  });

  test('expressions and columns named _pgq_ev_ replace fields of the event', async () => {
    await givenTable('sqltriga', {
      options: ["ev_type='T' || id", 'ev_data=upper(a)', 'ev_extra1=null', 'ev_extra2=b is null'],
    });
    expect(await logged("insert into t values (1, 'x')")).toEqual([['T1', 'X', null, 't']]);

    await givenTable('logutriga', {
      columns: 'id int primary key, a text, _pgq_ev_type text, _pgq_ev_extra2 text',
    });
    expect(await logged("insert into t values (1, 'x', 'T', 'E')")).toEqual([
      ['T', 'id=1&a=x', 'public.t', 'E'],
    ]);
  });

  test('a trigger without a queue, with a queue that is not there, or with unknown options fails the change', async () => {
    await session.query('drop table if exists u; create table u (id int primary key)');
    await session.query('create trigger x after insert on u for each row execute function pgq.jsontriga()');
    await expect(session.query('insert into u values (1)')).rejects.toThrow(
      'pgq trigger must have destination queue as argument',
    );
    await session.query(
      `create or replace trigger x after insert on u for each row execute function pgq.jsontriga('nowhere')`,
    );
    await expect(session.query('insert into u values (1)')).rejects.toThrow('No such queue');
    for (const option of ['skip', 'what=ever', 'ev_extra5=1']) {
      await givenTable('logutriga', { options: [option] });
      await expect(session.query('insert into t values (1)')).rejects.toThrow('bad param to pgq trigger');
    }
    await session.query(
      `create or replace trigger x after insert on u for each statement execute function pgq.jsontriga('q')`,
    );
    await expect(session.query('insert into u values (1)')).rejects.toThrow(
      'pgq Ins/Upd/Del trigger must be fired FOR EACH ROW',
    );
  });

  test('options about rows make no sense for a truncation', async () => {
    for (const [option, message] of [
      ['ignore=a', 'Column ignore does not make sense'],
      ['pkey=a', 'Custom pkey_list does not make sense'],
      ['backup', 'Backup does not make sense'],
      ['when=true', 'Custom expressions do not make sense'],
      ['ev_type=1', 'Custom expressions do not make sense'],
      ['deny', "Table 'public.u' to queue 'q': change not allowed (TRUNCATE)"],
    ] as const) {
      await session.query('drop table if exists u; create table u (id int primary key)');
      await session.query(
        `create trigger x after truncate on u for each statement execute function pgq.jsontriga('q', '${option}')`,
      );
      await expect(session.query('truncate u')).rejects.toThrow(message);
    }
  });

  test('the session role local turns triggers off, deny included', async () => {
    await givenTable('jsontriga', { options: ['deny'] });
    await session.query('set session_replication_role = local');
    expect(await logged('insert into t values (1)')).toEqual([]);
    await session.query('reset session_replication_role');
  });

  test('columns that come and go within a transaction are written as they are at each row', async () => {
    await givenTable('jsontriga');
    const rows = await logged(
      'begin',
      "insert into t values (1, 'a')",
      'alter table t add c int default 7',
      'insert into t values (2)',
      'alter table t drop column a',
      'insert into t values (3)',
      'commit',
    );
    expect(rows.map((row) => row[1])).toEqual([
      '{"id":1,"a":"a","b":null}',
      '{"id":2,"a":null,"b":null,"c":7}',
      '{"id":3,"b":null,"c":7}',
    ]);
  });

  test('triggers put events by the name of pgq.insert_event, so that it can be replaced', async () => {
    const own = await givenDatabase();
    await givenQueue(own, 'q');
    await own.query(`create or replace function pgq.insert_event(queue_name text, ev_type text, ev_data text, ev_extra1 text,
        ev_extra2 text, ev_extra3 text, ev_extra4 text) returns int8 language plpgsql as
        $$ begin raise exception 'replaced: %', ev_data; end $$`);
    await own.query(`create table t (id int primary key);
        create trigger x after insert on t for each row execute function pgq.logutriga('q')`);
    await expect(own.query('insert into t values (5)')).rejects.toThrow('replaced: id=5');
  });
});
