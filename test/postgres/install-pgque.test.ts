import { describe, expect, test } from 'vitest';
import { check } from '../../src/install/check/check.ts';
import { install } from '../../src/install/install.ts';
import { configFor, givenCluster } from '../support/installation.ts';
import { givenPgque } from '../support/pgque.ts';

describe('install/provider', () => {
  test('a shard that says `schema: pgque` is installed and checked there', async () => {
    const { central } = await givenCluster({ shards: 0 });
    const shard = await givenPgque();
    const file = configFor(
      { central, shards: [shard] },
      { queues: '  orders: { workers: none, create: true, start: oldest }' },
    );
    const config = { ...file, shards: file.shards.map((one) => ({ ...one, schema: 'pgque' as const })) };

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(rows[1]).toMatchObject({ provider: 'pgque', outcome: 'installed', sources: 1 });
    expect(await shard.query('select sub_last_tick as tick from pgque.subscription')).toEqual([{ tick: 1 }]);
    expect(await shard.query("select to_regnamespace('pgq') is null as absent")).toEqual([{ absent: true }]);
    expect((await install(config))[1]?.outcome).toBe('unchanged');
    expect((await check(config)).problems).toEqual([]);
  });

  test('a shard with PgQue alone that does not say so is a mistake with what to say', async () => {
    const { central } = await givenCluster({ shards: 0 });
    const shard = await givenPgque();

    const rows = await install(
      configFor({ central, shards: [shard] }, { queues: '  orders: { workers: none }' }),
    );

    expect(rows[1]?.mistakes).toEqual([expect.stringMatching(/add `schema: pgque` to this shard/)]);
  });

  test('a shard that says `schema: pgque` and has none is a mistake', async () => {
    const cluster = await givenCluster();
    const file = configFor(cluster, { queues: '  orders: { workers: none }' });

    const rows = await install({
      ...file,
      shards: file.shards.map((one) => ({ ...one, schema: 'pgque' as const })),
    });

    expect(rows[1]?.mistakes).toEqual([expect.stringMatching(/says `schema: pgque` and has no such schema/)]);
  });
});
