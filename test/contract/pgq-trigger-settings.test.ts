// Change triggers where something is unusual: settings, encodings, generated columns, keys with nulls, columns _pgq_ev_.
import { beforeAll, describe, expect, inject, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { scalar } from './pgq.ts';

type Kind = 'jsontriga' | 'logutriga' | 'sqltriga';

let db: TestDatabase;
let session: Connection;

beforeAll(async () => {
  db = await givenDatabase();
  session = await db.connect();
  await session.query("select pgq.create_queue('q')");
});

interface GivenTable {
  readonly kind: Kind;
  readonly columns: string;
  readonly when?: 'before' | 'after';
  /** Arguments behind the queue. */
  readonly options?: readonly string[];
  readonly on?: Connection;
}

/** A table `t` whose changes go to queue `q`. */
async function givenTable({ kind, columns, when = 'after', options = [], on = session }: GivenTable) {
  const args = ['q', ...options].map((arg) => `'${arg}'`).join(', ');
  await on.query(`drop table if exists t; create table t (${columns});
    create trigger change ${when} insert or update or delete on t for each row execute function pgq.${kind}(${args})`);
}

/** What the statement put into the queue as [type, data], or the message with which it failed. */
async function logged(statement: string, on = session): Promise<unknown> {
  await on.query('truncate pgq.event_template, pgq.event_1, pgq.event_1_0');
  try {
    await on.query(statement);
  } catch (error) {
    return (error as Error).message;
  }
  const rows = await on.query<{ ev_type: string; ev_data: string }>(
    'select ev_type, ev_data from pgq.event_1 order by ev_id',
  );
  return rows.map((row) => [row.ev_type, row.ev_data]);
}

const NULL_KEY = 'logtriga: Unexpected NULL key value';
const KEY_CHANGED = 'primary key update not allowed';

describe('contract/pgq trigger settings', () => {
  test('values are the same whatever standard_conforming_strings says', async () => {
    const row = "insert into t values (1, chr(97) || chr(92) || '/b')";
    for (const [kind, type, data] of [
      ['logutriga', 'I:id', 'id=1&x=a%5c%2fb'],
      ['sqltriga', 'I', "(id,x) values ('1',E'a\\\\/b')"],
      ['jsontriga', '{"op":"INSERT","table":["public","t"],"pkey":["id"]}', '{"id":1,"x":"a\\\\/b"}'],
    ] as const) {
      await givenTable({ kind, columns: 'id int primary key, x text' });
      const own = await db.connect(); // Functions are read anew.
      await own.query('set standard_conforming_strings = off; set escape_string_warning = off');
      expect(await logged(row, own)).toEqual([[type, data]]);
      await own.close();
    }
  });

  test.each([
    ['SQL_ASCII', '%e9+%2b+%c3%a9'],
    ['LATIN1', '%e9+%2b+%c3%a9'],
  ] as const)('a database in %s is logged byte by byte', async (encoding, expected) => {
    const other = await givenDatabase({ encoding });
    const on = await other.connect();
    await on.query("select pgq.create_queue('q')");
    await givenTable({ kind: 'logutriga', columns: 'id int primary key, x text', on });
    // Sent as bytes: the client knows no such encoding.
    const bytes =
      encoding === 'SQL_ASCII' ? "E'\\xe9 + \\xc3\\xa9'" : "chr(233) || ' + ' || chr(195) || chr(169)";
    expect(await logged(`insert into t values (1, ${bytes})`, on)).toEqual([['I:id', `id=1&x=${expected}`]]);
  });

  test('a key column that is null has no place in a condition', async () => {
    for (const options of [['pkey=a,b'], ['pkey=b']]) {
      await givenTable({ kind: 'sqltriga', columns: 'a int, b int, c int', options });
      expect(await logged('insert into t values (1, null, 0)')).toEqual([
        ['I', "(a,b,c) values ('1',null,'0')"],
      ]);
      expect(await logged('update t set c = 1')).toBe(NULL_KEY);
      expect(await logged('delete from t')).toBe(NULL_KEY);
      expect(await logged('update t set b = 2')).toBe(KEY_CHANGED);
    }
    await givenTable({ kind: 'logutriga', columns: 'a int, b int, c int', options: ['pkey=a,b'] });
    await session.query('insert into t values (1, null, 0)');
    expect(await logged('delete from t')).toEqual([['D:a,b', 'a=1&b&c=0']]);
  });

  test('columns _pgq_ev_ are ignored where any are, and are no key', async () => {
    const columns = 'id int primary key, a text, _pgq_ev_type text';
    const row = "insert into t values (1, 'a', 'T')";
    for (const [kind, data] of [
      ['jsontriga', '{"id":1,"a":"a"}'],
      ['logutriga', 'id=1&a=a'],
    ] as const) {
      await givenTable({ kind, columns });
      expect(await logged(row)).toEqual([['T', data]]);
      expect(await logged("update t set _pgq_ev_type = 'U'")).toEqual([['U', data]]);
      await givenTable({ kind, columns, options: ['ignore=id'] });
      await session.query(row);
      expect(await logged("update t set _pgq_ev_type = 'U'")).toEqual([]);
      await givenTable({ kind, columns, options: ['pkey=id,_pgq_ev_type'] });
      await session.query(row);
      expect(await logged("update t set _pgq_ev_type = 'U'")).toEqual([['U', data]]);
      expect(await logged('update t set id = 2')).toBe(KEY_CHANGED);
    }
    await givenTable({ kind: 'sqltriga', columns, options: ['pkey=id,_pgq_ev_type'] });
    await session.query(row);
    expect(await logged("update t set _pgq_ev_type = 'U'")).toEqual([]);
    expect(await logged("update t set a = 'b', _pgq_ev_type = 'V'")).toEqual([['V', "a='b' where id='1'"]]);
    expect(await logged('delete from t')).toEqual([['V', "id='1'"]]);
  });

  test('stored generated columns have the value that is stored', async () => {
    const columns = 'id int primary key, a int, g int generated always as (a * 2) stored, h text';
    const life = ['insert into t (id, a) values (1, 2)', 'update t set a = 3', "update t set h = 'x'"];
    // Before the operation the extension has no value, or the former one.
    for (const when of provider() === 'engine' ? (['after', 'before'] as const) : (['after'] as const)) {
      for (const [kind, expected] of [
        ['logutriga', ['id=1&a=2&g=4&h', 'id=1&a=3&g=6&h', 'id=1&a=3&g=6&h=x', 'id=1&a=3&g=6&h=x']],
        [
          'sqltriga',
          [
            "(id,a,g,h) values ('1','2','4',null)",
            "a='3',g='6' where id='1'",
            "h='x' where id='1'",
            "id='1'",
          ],
        ],
      ] as const) {
        await givenTable({ kind, columns, when });
        const data = [];
        for (const statement of [...life, 'delete from t']) data.push(await logged(statement));
        expect(data.map((rows) => (rows as string[][])[0]?.[1])).toEqual(expected);
      }
      await givenTable({
        kind: 'jsontriga',
        columns: "id int primary key, a int, g date generated always as ('2020-01-01'::date + a) stored",
        when,
      });
      expect(await logged('insert into t values (1, 2)')).toEqual([
        ['{"op":"INSERT","table":["public","t"],"pkey":["id"]}', '{"id":1,"a":2,"g":"2020-01-03"}'],
      ]);
    }
  });

  test.runIf(provider() === 'engine')('virtual generated columns are computed', async () => {
    if (inject('server').version < 18) return;
    const columns = 'id int primary key, a int, g int generated always as (a * 2) virtual';
    for (const when of ['after', 'before'] as const) {
      await givenTable({ kind: 'sqltriga', columns, when });
      expect(await logged('insert into t values (1, 2)')).toEqual([['I', "(id,a,g) values ('1','2','4')"]]);
      expect(await logged('update t set a = 3')).toEqual([['U', "a='3',g='6' where id='1'"]]);
      expect(await logged('delete from t')).toEqual([['D', "id='1'"]]);
    }
  });

  test('texts full of quotes, commas, parentheses and backslashes are logged as they are', async () => {
    await givenTable({ kind: 'sqltriga', columns: 'id int primary key, a text, b text[], c text, d text' });
    const values = [
      '',
      '"',
      '""',
      'a"b""c',
      ',',
      ',,',
      '(,)',
      '\\',
      '\\"\\',
      ' ',
      'x,y "z" \\ (w)',
      '{"k": [1, "v"]}',
      'null',
    ];
    for (const value of values) {
      await session.query('delete from t');
      await session.query('truncate pgq.event_template, pgq.event_1, pgq.event_1_0');
      await session.query('insert into t values (1, $1::text, array[$1::text, null], null, $1::text)', [
        value,
      ]);
      const [event] = await session.query<{ ev_data: string }>('select ev_data from pgq.event_1');
      await session.query('drop table if exists copy; create table copy (like t)');
      await session.query(`insert into copy ${event?.ev_data}`);
      expect(await scalar(session, 'select (select x from t x)::text = (select x from copy x)::text')).toBe(
        true,
      );
    }
  });

  test('columns that change their name, type or key are logged as they are from then on', async () => {
    await givenTable({ kind: 'jsontriga', columns: 'id int primary key, a int, n numeric' });
    const type = (key: string) => `{"op":"INSERT","table":["public","t"],"pkey":[${key}]}`;
    expect(await logged('insert into t values (1, 2, 3)')).toEqual([
      [type('"id"'), '{"id":1,"a":2,"n":"3"}'],
    ]);
    await session.query('begin');
    for (const [change, key, data] of [
      ['alter table t rename a to b', '"id"', '{"id":2,"b":2,"n":"3"}'],
      ['alter table t alter b type text', '"id"', '{"id":3,"b":"2","n":"3"}'],
      ['alter table t drop constraint t_pkey', '', '{"id":4,"b":"2","n":"3"}'],
      ['alter table t add primary key (b, id)', '"b","id"', '{"id":5,"b":"2","n":"3"}'],
      ['alter table t drop n, add n int', '"b","id"', '{"id":6,"b":"2","n":3}'],
    ] as const) {
      await session.query(change);
      const id = /\d+/.exec(data)?.[0];
      expect(await logged(`insert into t values (${id}, 2, 3)`)).toEqual([[type(key), data]]);
    }
    await session.query('rollback');
    expect(await logged('insert into t values (7, 2, 3)')).toEqual([
      [type('"id"'), '{"id":7,"a":2,"n":"3"}'],
    ]);
  });

  test('options that change are followed from the next row on', async () => {
    await givenTable({
      kind: 'logutriga',
      columns: 'id int primary key, a text, b text',
      options: ['ignore=a'],
    });
    await session.query('begin');
    expect(await logged("insert into t values (1, 'x', 'y')")).toEqual([['I:id', 'id=1&b=y']]);
    for (const [options, type, data] of [
      [['ignore=b'], 'I:id', 'id=2&a=x'],
      [[], 'I:id', 'id=3&a=x&b=y'],
      [['pkey=a'], 'I:a', 'id=4&a=x&b=y'],
      [['ev_type=b', 'ignore=a,b'], 'y', 'id=5'],
    ] as const) {
      const args = ['q', ...options].map((option) => `'${option}'`).join(', ');
      await session.query(
        `create or replace trigger change after insert on t for each row execute function pgq.logutriga(${args})`,
      );
      const id = /\d+/.exec(data)?.[0];
      expect(await logged(`insert into t values (${id}, 'x', 'y')`)).toEqual([[type, data]]);
    }
    await session.query('rollback');
    expect(await logged("insert into t values (6, 'x', 'y')")).toEqual([['I:id', 'id=6&b=y']]);
  });

  test('two triggers of one table have their own options, whatever letters these are of', async () => {
    await givenTable({ kind: 'logutriga', columns: 'id int primary key, a text' });
    await session.query(`create or replace trigger change after insert on t for each row
        execute function pgq.logutriga('q', 'ev_type=''é,{"}\\x''', 'when=a = ''\\000 é''');
      create trigger other after insert on t for each row execute function pgq.logutriga('q', 'ignore=a')`);
    expect(await logged("insert into t values (1, '\\000 é'), (2, 'x')")).toEqual([
      ['é,{"}\\x', 'id=1&a=%5c000+%c3%a9'],
      ['I:id', 'id=1'],
      ['I:id', 'id=2'],
    ]);
  });

  test('numbers are strings in JSON, but for whole ones, whatever is beside them', async () => {
    await givenTable({
      kind: 'jsontriga',
      columns: 'id int primary key, t text, n numeric, f float8, "q""n:" numeric',
    });
    const row = `insert into t values (1, ',"n":5,"f":6', 1.50, -1e300, 7), (2, '{"n":5', 'NaN', 'infinity', null)`;
    expect(((await logged(row)) as string[][]).map(([, data]) => data)).toEqual([
      '{"id":1,"t":",\\"n\\":5,\\"f\\":6","n":"1.50","f":"-1e+300","q\\"n:":"7"}',
      '{"id":2,"t":"{\\"n\\":5","n":"NaN","f":"Infinity","q\\"n:":null}',
    ]);
  });
});
