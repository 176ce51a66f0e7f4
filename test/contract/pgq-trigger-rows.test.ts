// Change triggers over random rows: where the engine has a quick way for ordinary changes, it writes what the way for all
// changes writes.
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { scalar } from './pgq.ts';

const PIECES = [
  ...[
    '',
    ' ',
    ',',
    ',,',
    '"',
    '""',
    ',"",',
    '\\',
    "'",
    '(',
    ')',
    '{',
    '[',
    ':',
    '=',
    '&',
    '+',
    '/',
    '@',
    '?',
    '\n',
    '\t',
  ],
  ...[
    'x',
    '1',
    '-',
    'null',
    '%',
    '%2c',
    '%01',
    '\u0001',
    '\u0002',
    '\u0003',
    '\u0004',
    'é',
    'ß',
    '☃',
    '你',
    '好',
    '吗',
    '𝄞',
  ],
];
const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 9 }).map((pieces) => pieces.join(''));
const value = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('plain', 'two words', '', null) },
  { weight: 5, arbitrary: text },
);
const row = fc.tuple(value, value, fc.option(fc.integer()), fc.option(fc.boolean()));
const rows = fc.array(fc.tuple(row, row), { minLength: 20, maxLength: 40 });

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
  await db.query("select pgq.create_queue('quick'), pgq.create_queue('all')");
});

const eventsIn = (queue: string) =>
  scalar<string>(db, 'select queue_data_pfx from pgq.queue where queue_name = $1', [queue]).then((table) =>
    db.query(`select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3 from ${table} order by ev_id`),
  );

/** An option that is named twice is read for each row, and nothing is ordinary then. */
const WAY_FOR_ALL = (key: string) => [`pkey=${key}`, `pkey=${key}`];

describe('contract/pgq trigger rows', () => {
  test.each(
    ['logutriga', 'sqltriga', 'jsontriga'].flatMap((kind) =>
      [
        [],
        ['backup', 'pkey=id'],
        ['ignore=d', 'backup'],
        ['ignore=id,n,elsewhere', 'ev_extra1=d', "ev_type='T'"],
        ['ignore=a', 'when=coalesce(n > 0, true)', 'ev_extra3=upper(d)'],
      ].map((options) => ({ kind, options, named: options.join(' ') || 'none' })),
    ),
  )(
    '$kind writes the same in the fast way and in the general way; options: $named',
    async ({ kind, options }) => {
      for (const key of ['id', 'a,id']) {
        const args = (queue: string, more: readonly string[]) =>
          [queue, ...options, ...more].map((arg) => `'${arg.replaceAll("'", "''")}'`).join(', ');
        const named = options.find((option) => option.startsWith('pkey='))?.slice(5);
        await db.query(`drop table if exists t; create table t (a int, id int, "b c" text, d text, n int, "o'%2c" bool, primary key (${key}));
          create trigger quick after insert or update or delete on t for each row execute function pgq.${kind}(${args('quick', [])});
          create trigger way_for_all after insert or update or delete on t
            for each row execute function pgq.${kind}(${args('all', WAY_FOR_ALL(named ?? key))})`);
        await fc.assert(
          fc.asyncProperty(rows, async (pairs) => {
            await db.query(
              'truncate pgq.event_template, pgq.event_1, pgq.event_2, pgq.event_1_0, pgq.event_2_0',
            );
            const columns = (n: 0 | 1) =>
              [0, 1, 2, 3].map((column) => pairs.map((pair) => pair[n][column] ?? null));
            await db.query(
              'insert into t select 7, row_number() over (), * from unnest($1::text[], $2::text[], $3::int[], $4::bool[])',
              columns(0),
            );
            await db.query(
              `update t set ("b c", d, n, "o'%2c") = (select u.b, u.d, u.n, u.o
               from unnest($1::text[], $2::text[], $3::int[], $4::bool[]) with ordinality u (b, d, n, o, id) where u.id = t.id)`,
              columns(1),
            );
            await db.query('update t set d = d where id % 2 = 0');
            await db.query("update t set d = d || 'x' where id % 3 = 0");
            await db.query('delete from t');
            const [quick, all] = [await eventsIn('quick'), await eventsIn('all')];
            if (!options.some((option) => /^(ignore|when)/.test(option)))
              expect(quick).toHaveLength(
                pairs.length * 3 + Math.floor(pairs.length / 2) + Math.floor(pairs.length / 3),
              );
            expect(quick.length).toBeGreaterThan(0);
            expect(quick).toEqual(all);
          }),
          { numRuns: 4, endOnFailure: true },
        );
      }
    },
  );

  test('a key that changes is refused, whichever column it is', async () => {
    for (const [kind, options] of ['logutriga', 'sqltriga', 'jsontriga'].flatMap((name) =>
      ['', ", 'ignore=b'", ", 'pkey=a,c'"].map((more) => [name, more]),
    )) {
      await db.query(`drop table if exists t; create table t (a text, b text, c text, primary key (c, a));
        insert into t values ('x', 'y', 'z');
        create trigger quick after insert or update or delete on t for each row execute function pgq.${kind}('quick'${options})`);
      for (const change of ["a = 'w'", "c = 'w'", "c = 'x', a = 'z'", "a = ''"])
        await expect(db.query(`update t set ${change}`)).rejects.toThrow('primary key update not allowed');
      await db.query("update t set b = 'x'");
    }
  });
});
