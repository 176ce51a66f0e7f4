// What install makes is what programs of this version look for.
import { expect, test } from 'vitest';
import { assertSchema } from '../../../src/central/fit/schema-version.ts';
import { givenDatabase } from '../../support/server/database.ts';

test('a central of this version has all that this version calls, and one that lacks a function is waited for', async () => {
  const central = await givenDatabase({ pgq: 'central' });
  await assertSchema(central);
  await central.query('drop function tributary.sources_of(text[])');
  await expect(assertSchema(central)).rejects.toMatchObject({ code: 'outdated-install', kind: 'retryable' });
});
