import { describe, expect, test } from 'vitest';
import { holds } from '../../src/proof/origins.ts';
import { givenEvents } from '../support/installation.ts';
import { givenMover, proofOf } from '../support/mover.ts';
import { givenPgbouncer, hasPgbouncer } from '../support/pgbouncer.ts';
import { provider } from '../support/provider.ts';
import { until } from '../support/until.ts';

describe.skipIf(!hasPgbouncer && provider() === 'engine')('behind pgbouncer in transaction mode', () => {
  test('shards and central are installed and moved as without it', async () => {
    const port = await givenPgbouncer();
    const given = await givenMover({ port, shards: 3 });
    await Promise.all(given.cluster.shards.map((shard) => givenEvents(shard, 'orders', 200)));
    const { mover, ended } = given.start();
    await until(async () => (await proofOf(given, 'orders')).moved === 600, { what: '600 orders' });
    await Promise.all(given.cluster.shards.map((shard) => givenEvents(shard, 'emails', 30)));
    await until(async () => (await proofOf(given, 'emails')).moved === 90, { what: '90 emails' });
    await mover.stop();
    await ended;
    expect(holds(await proofOf(given, 'orders'))).toBe(true);
    expect(holds(await proofOf(given, 'emails'))).toBe(true);
    expect(given.occurrences.filter(({ kind }) => kind.endsWith('trouble'))).toEqual([]);
  });
});
