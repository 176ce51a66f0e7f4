import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/config/config.ts';
import { install } from '../../../src/install/install.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { configFor, givenCluster, givenQueue, outcomes } from '../../support/installation/installation.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenRole, withRole } from '../../support/server/roles.ts';

const QUEUES = '  orders: { workers: none, create: true }';

async function withConnection<T>(
  database: Database,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await Connection.open(database, { applicationName: 'test' });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

describe('install/plan/roles', () => {
  test('the runtime role can do on shards and central what the mover and the workers do', async () => {
    const cluster = await givenCluster({ isBare: true });
    const role = await givenRole([cluster.central, ...cluster.shards]);
    const config = withRole(configFor(cluster, { queues: QUEUES }), role);

    expect(outcomes(await install(config))).toEqual({ central: 'installed', s1: 'installed' });

    const [shard] = config.shards;
    if (shard === undefined) throw new Error('one shard');
    await withConnection(shard, async (connection) => {
      await connection.script(`
        select pgq.insert_event('orders', 'test', 'data');
        select nextval(queue_event_seq::regclass) from pgq.queue;
        select pgq.ticker('orders');
        select count(*) from pgq.event_1;
        select pgq.register_consumer_at('orders', consumer_name, 1) from pgq.get_consumer_info();
        select pgq.maint_rotate_tables_step1('orders')`);
      await connection.query('select pgq.maint_rotate_tables_step2()');
      await connection.query('select pgq.maint_retry_events()');
    });
    await withConnection(config.central, async (connection) => {
      await connection.query('select tributary.sources_of($1)', [['s1']]);
      await connection.query(
        'insert into tributary.position_0 (source, n, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5, moved) values (1, 2, 1, 1, 1, $1, 0)',
        [''],
      );
      await connection.query("select pgq.current_event_table('orders')");
      await connection.query('copy pgq.event_1_0 (ev_time) to stdout').catch((error: Error) => {
        expect(error.message).not.toMatch(/denied/);
      });
      await connection.query("select tributary.tick('orders', null)");
    });
  });

  test('a second run by the runtime role itself finds nothing to do and needs no more rights', async () => {
    const cluster = await givenCluster({ isBare: true });
    const role = await givenRole([cluster.central, ...cluster.shards]);
    const config = configFor(cluster, { queues: QUEUES });
    await install(withRole(config, role));

    const rows = await install(withRole(config, role, { admin: false }));

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(outcomes(rows)).toEqual({ central: 'unchanged', s1: 'unchanged' });
  });

  test('for a role without rights install prints the SQL that an administrator should run, and that SQL is enough', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    const role = await givenRole([cluster.central, shard]);
    const file = configFor(cluster, { queues: QUEUES });
    // Central is another server as a rule; here its role would be one of the shard's server too.
    const config = { ...withRole(file, role, { admin: false }), central: file.central };

    const [, row] = await install(config);

    const [sentence] = row?.mistakes ?? [];
    const sql = /an administrator runs `([^`]+)`/.exec(sentence ?? '')?.[1];
    expect(sql).toBe(`grant pgq_admin to "${role.name}"`);
    await shard.query(sql ?? '');
    expect(outcomes(await install(config))).toMatchObject({ s1: 'installed' });
  });

  test('for a role that may not create schemas the error names that right, for central too', async () => {
    const cluster = await givenCluster({ isBare: true });
    const role = await givenRole([cluster.central]);
    await cluster.central.query(`grant pgq_admin to "${role.name}"`);

    const rows = await install(withRole(configFor(cluster, { queues: QUEUES }), role, { admin: false }));

    expect(rows[0]?.mistakes).toEqual([
      expect.stringContaining(`grant create on database "${cluster.central.name}" to "${role.name}"`),
    ]);
  });

  test('the owner of a database without pgq installs everything, the engine included, without an administrator', async () => {
    const [central, shard] = await Promise.all([
      givenDatabase({ pgq: false }),
      givenDatabase({ pgq: false }),
    ]);
    const role = await givenRole([central, shard]);
    for (const database of [central, shard]) {
      await database.query(`grant create on database "${database.name}" to "${role.name}"`);
    }
    const config = withRole(configFor({ central, shards: [shard] }, { queues: QUEUES }), role, {
      admin: false,
    });

    const rows = await install(config);

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
    expect(rows.map(({ provider }) => provider)).toEqual(['engine', 'engine']);
    expect(outcomes(await install(config))).toEqual({ central: 'unchanged', s1: 'unchanged' });
  });

  test('a runtime role that does not exist is a sentence with the SQL that makes it', async () => {
    const cluster = await givenCluster({ isBare: true });
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    const config = withRole(configFor(cluster, { queues: QUEUES }), { name: 'no_such_role', password: '' });

    const rows = await install(config);

    expect(rows[0]?.mistakes).toEqual([expect.stringContaining('create role "no_such_role" login')]);
  });

  test('many shards on one server get their roles at the same time without a conflict', async () => {
    const cluster = await givenCluster({ shards: 12, isBare: true });
    const role = await givenRole([cluster.central, ...cluster.shards]);

    const rows = await install(withRole(configFor(cluster, { queues: QUEUES }), role));

    expect(rows.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  });
});
