// What migrations and functions come to, as a file that can be read and whose changes are seen in a review.
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { filesIn } from '../../support/pages/source-tree.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { schemaText } from '../../support/server/schema-text.ts';

const HEAD = `The central schema as an installation of this version makes it: tables and views with columns, constraints and indexes;
sequences; functions with language, volatility and rights. Rights are those that others than the owner have.
Made by test/postgres/install/schema.test.ts; with \`-u\` it is written anew.
`;

test('the central schema is the one of sql/tributary/schema.txt', async () => {
  const central = await givenDatabase({ pgq: 'central' });
  const text = await schemaText(central, ['tributary', 'pgq_coop']);
  // Where a change is meant: npx vitest run --project postgres test/postgres/install/schema.test.ts -u
  await expect(`${HEAD}\n${text}`).toMatchFileSnapshot(packagePath('sql/tributary/schema.txt'));
});

test('headers say how many arguments a function takes', async () => {
  const central = await givenDatabase({ pgq: 'central' });
  const rows = await central.query<{ name: string }>(
    `select format('%s.%s(%s)', n.nspname, p.proname, p.pronargs) as name
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('tributary', 'pgq')`,
  );
  const there = new Set(rows.map(({ name }) => name));
  const isEngine = (await central.query("select from pg_extension where extname = 'pgq'")).length === 0;
  const said = [...(isEngine ? ['sql/pgq/functions'] : []), 'sql/tributary/functions']
    .flatMap((folder) => filesIn(folder, '.sql'))
    .flatMap(({ text }) => text.match(/(?<=^-- Function: )\S+/gm) ?? []);
  expect(said.length).toBeGreaterThan(100);
  expect(said.filter((name) => !there.has(name))).toEqual([]);
});
