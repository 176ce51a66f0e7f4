import { describe, expect, test } from 'vitest';
import { check } from '../../../src/install/check/check.ts';
import { install } from '../../../src/install/install.ts';
import { configFor, givenCluster } from '../../support/installation/installation.ts';
import { givenPgque } from '../../support/server/pgque.ts';
import { givenRole, withRole } from '../../support/server/roles.ts';

describe('install/plan/provider', () => {
  test('a shard that says `schema: pgque` is installed and checked there', async () => {
    const { central } = await givenCluster({ shards: 0 });
    const shard = await givenPgque();
    const config = configFor(
      { central, shards: [shard] },
      { queues: '  orders: { workers: none, create: true, start: oldest }' },
    );

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(rows[1]).toMatchObject({ provider: 'pgque', outcome: 'installed', sources: 1 });
    expect(await shard.query('select sub_last_tick as tick from pgque.subscription')).toEqual([{ tick: 1 }]);
    expect(await shard.query("select to_regnamespace('pgq') is null as absent")).toEqual([{ absent: true }]);
    expect((await install(config))[1]?.outcome).toBe('unchanged');
    expect((await check(config)).problems).toEqual([]);
  });

  test('the runtime role becomes a member of the admin role of PgQue, and check asks for nothing else', async () => {
    const { central } = await givenCluster({ shards: 0 });
    const shard = await givenPgque();
    const role = await givenRole([central, shard]);
    const file = configFor(
      { central, shards: [shard] },
      { queues: '  orders: { workers: none, create: true }' },
    );
    const config = withRole(file, role);

    const withoutRights = await install({
      ...withRole(file, role, { admin: false }),
      central: file.central,
    });
    const problems = withoutRights.flatMap(({ mistakes }) => mistakes).join('\n');
    expect(problems).toContain(`grant pgque_admin to "${role.name}"`);

    expect((await install(config)).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect((await check(config)).problems).toEqual([]);
    await shard.query(`revoke pgque_admin from "${role.name}"`);
    expect((await check(config)).problems.join('\n')).toContain(`\`grant pgque_admin to "${role.name}"\``);
  });

  test('a shard with PgQue alone that does not say so is a mistake with what to say', async () => {
    const { central } = await givenCluster({ shards: 0 });
    const shard = { ...(await givenPgque()), schema: 'pgq' as const };

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
