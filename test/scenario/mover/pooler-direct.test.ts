import { describe, expect, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenPgbouncer, hasPgbouncer } from '../../support/network/pgbouncer.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { provider } from '../../support/server/provider.ts';

describe.skipIf(!hasPgbouncer && provider() === 'engine')('postgres/connection behind pgbouncer', () => {
  test('knows that it is not direct, so that nothing is prepared on it', async () => {
    const port = await givenPgbouncer();
    const { database } = await givenDatabase();
    const options = { applicationName: 'tributary test' };
    const direct = await Connection.open(database, options);
    const pooled = await Connection.open({ ...database, port }, options);
    expect([await direct.isDirect(), await pooled.isDirect()]).toEqual([true, false]);
    await Promise.all([direct.close(), pooled.close()]);
  });
});
