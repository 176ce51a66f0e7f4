// What migrations and functions come to, as a file that can be read and whose changes are seen in a review.
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
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
