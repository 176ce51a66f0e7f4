// Rows of a query become shards as entries of the file do, and nothing of a URL is ever said.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { type ShardRow, shardsOfRows, wrongColumns } from '../../../src/config/sections/queried-shards.ts';
import { completed, keyOf } from '../../../src/fleet/completed.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const FILE = `
central: postgresql://boss@central/events
shards:
  - postgresql://db1/app
  - { query: "select name, url from tenants;", every: 5s, user: mover, password: geheim, start: oldest }
defaults: { host: any }
queues: { orders: { workers: none } }
`;
const config = (text = FILE): Config => givenConfig(text);
const ENV = { PGUSER: 'ann' };

function complete(
  rows: readonly ShardRow[],
  { file = config(), before }: { file?: Config; before?: Config } = {},
) {
  const [query] = file.shardQueries;
  if (query === undefined) throw new Error('no query');
  const answers = new Map([[keyOf(query), rows]]);
  return completed(file, answers, { env: ENV, ...(before !== undefined && { before }) });
}
const names = ({ shards }: Config) => shards.map(({ name }) => name);

describe('shards from a query', () => {
  test('an entry with a query is no shard of its own, and asks central unless it says otherwise', () => {
    const { shards, shardQueries, central } = config();
    expect(shards.map(({ name }) => name)).toEqual(['app']);
    expect(shardQueries).toMatchObject([
      { place: '`shards[1]`', sql: 'select name, url from tenants', everyMs: 5_000, on: central },
    ]);
    const other = config(FILE.replace('every: 5s', 'on: postgresql://other/tenants'));
    expect(other.shardQueries).toMatchObject([
      { everyMs: 30_000, on: { host: 'other', database: 'tenants', user: 'ann' } },
    ]);
  });

  test('a row has what its entry says, and its own host before that', () => {
    const { config: whole, mistakes } = complete([
      { name: 't1', url: 'postgresql://db2:6432/tenant_1', host: null },
      { name: 't2', url: 'postgresql://db2/tenant_2', host: 'db07' },
    ]);
    expect(mistakes).toEqual([]);
    expect(whole.shards.slice(1)).toMatchObject([
      {
        ...{ name: 't1', host: 'db2', port: 6432, database: 'tenant_1', user: 'mover', password: 'geheim' },
        ...{ moverHost: 'any', schema: 'pgq', start: { at: 'oldest' } },
      },
      { name: 't2', moverHost: 'db07' },
    ]);
    expect(Object.isFrozen(whole.shards[1])).toBe(true);
  });

  test('a wrong row is left out with a sentence, or its shard stays as it was', () => {
    const good = { name: 't1', url: 'postgresql://db2/t1' };
    const before = complete([good, { name: 't2', url: 'postgresql://db2/t2' }]).config;
    const { config: whole, mistakes } = complete(
      [
        good,
        { name: 't2', url: 'postgresql://db2' },
        { name: 't3', url: 'postgresql://db2/t1' },
        { name: 'app', url: 'postgresql://db2/t4' },
        { name: 'a:b', url: 'postgresql://db2/t5' },
        { name: null, url: 'postgresql://db2/t6' },
        { name: 't7', url: '' },
        { name: 't8', url: 'postgresql://db{1,2}/t8' },
      ],
      { before },
    );
    expect(names(whole)).toEqual(['app', 't1', 't2']);
    expect(whole.shards[2]).toEqual(before.shards[2]);
    expect(mistakes).toEqual([
      expect.stringMatching(/^`shards\[1\]`, row `t2`, names no database/),
      expect.stringMatching(/the name `a:b` of a row must not contain a colon/),
      expect.stringMatching(/row without a name, needs one/),
      expect.stringMatching(/row `t7`, has no url\.$/),
      expect.stringMatching(/row `t8`, names 2 databases: a row is one\.$/),
      expect.stringMatching(/row `t3`: the shard `t1` is the same database, db2:5432\/t1/),
      expect.stringMatching(/row `app`: there is another shard of this name/),
    ]);
  });

  test('of two rows with one name, or one database, the one that counted before does, else neither; a row twice counts once', () => {
    const [one, two] = [
      { name: 't1', url: 'postgresql://db2/t1' },
      { name: 't1', url: 'postgresql://db2/other' },
    ];
    const before = complete([one]).config;
    const places = ({ shards }: Config) => shards.map(({ name, database }) => `${name} ${database}`);
    for (const rows of [
      [one, two],
      [two, one],
      [two, two, one],
    ]) {
      const first = complete(rows);
      expect(places(first.config)).toEqual(['app app']);
      expect(first.mistakes).toEqual([
        expect.stringMatching(/row `t1`: there is another shard of this name/),
      ]);
      expect(places(complete(rows, { before }).config)).toEqual(['app app', 't1 t1']);
      // It moved meanwhile, and then there were two: what counted before is neither of them, and stays.
      const moved = complete([{ ...one, url: 'postgresql://db2/third' }]).config;
      expect(places(complete(rows, { before: moved }).config)).toEqual(['app app', 't1 third']);
    }
    expect(complete([one, one])).toMatchObject({ mistakes: [], config: { shards: [{}, { name: 't1' }] } });
    const alias = { name: 't2', url: 'postgresql://db9,db2/t1' };
    for (const rows of [
      [one, alias],
      [alias, one],
    ]) {
      expect(places(complete(rows).config)).toEqual(['app app']);
      expect(complete(rows).mistakes).toHaveLength(2);
      const { config: whole, mistakes } = complete(rows, { before });
      expect([places(whole), mistakes]).toEqual([
        ['app app', 't1 t1'],
        [expect.stringMatching(/row `t2`: the shard `t1` is the same database/)],
      ]);
    }
  });

  test('ten thousand rows of one name are one sentence', () => {
    const rows = Array.from({ length: 10_000 }, (_, n) => ({ name: 't', url: `postgresql://db2/t${n}` }));
    expect(complete(rows).mistakes).toHaveLength(1);
  });

  test('no sentence has anything of a password in a URL', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 4, unit: 'grapheme-ascii' }).filter((text) => /^[^\s`]{4,}$/.test(text)),
        fc.constantFrom('', '/', '/db?options=x', '/db?port=x', ':x:y/db', '/d{b', '/db?sslmode=odd', '/a b'),
        (secret, rest) => {
          const url = `postgresql://u:S3cr3t${secret}@h${rest}`;
          const [query] = config().shardQueries;
          const { mistakes } = shardsOfRows(query as never, [{ name: 't', url }], ENV);
          expect(mistakes.join()).not.toContain('S3cr3t');
        },
      ),
    );
  });

  test('columns that are missing or mean nothing are said', () => {
    const [query] = config().shardQueries;
    expect(wrongColumns(query as never, ['name', 'url', 'host', 'schema'])).toBeUndefined();
    expect(wrongColumns(query as never, ['name'])).toMatch(/gives no column url/);
    expect(wrongColumns(query as never, ['name', 'url', 'hots'])).toMatch(
      /a column hots, which means nothing/,
    );
  });

  test('a key that belongs to an entry with a URL is a mistake beside a query, and the other way round', () => {
    expect(mistakesIn(FILE.replace('every: 5s', 'url: postgresql://x/y'))).toEqual([
      expect.stringMatching(/^5:\d+ Unknown key `url` in `shards\[1\]`/),
    ]);
    expect(
      mistakesIn(FILE.replace('postgresql://db1/app', '{ url: "postgresql://db1/app", every: 5s }')),
    ).toEqual([expect.stringMatching(/Unknown key `every` in `shards\[0\]`/)]);
    expect(mistakesIn(FILE.replace('every: 5s', 'on: "postgresql://o/{a,b}"'))).toEqual([
      expect.stringMatching(/`shards\[1\]\.on` names 2 databases, and one is asked/),
    ]);
  });
});
