import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/postgres/connection.ts';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenQueue, insert, tick } from './pgq.ts';

let db: TestDatabase;
let session: Connection;

const PUBLIC = [
  'get_consumer_info()',
  'get_consumer_info(text)',
  'get_consumer_info(text, text)',
  'get_queue_info()',
  'get_queue_info(text)',
  'quote_fqname(text)',
  'seq_getval(text)',
  'version()',
];
const READER = [
  'batch_event_sql(bigint)',
  'batch_event_tables(bigint)',
  'batch_retry(bigint, integer)',
  'event_retry(bigint, bigint, integer)',
  'event_retry(bigint, bigint, timestamp with time zone)',
  'find_tick_helper(integer, bigint, timestamp with time zone, bigint, bigint, interval)',
  'finish_batch(bigint)',
  'force_tick(text)',
  'get_batch_cursor(bigint, text, integer)',
  'get_batch_cursor(bigint, text, integer, text)',
  'get_batch_events(bigint)',
  'get_batch_info(bigint)',
  'next_batch(text, text)',
  'next_batch_custom(text, text, interval, integer, interval)',
  'next_batch_info(text, text)',
  'register_consumer(text, text)',
  'register_consumer_at(text, text, bigint)',
  'unregister_consumer(text, text)',
];
const WRITER = [
  'current_event_table(text)',
  'insert_event(text, text, text)',
  'insert_event(text, text, text, text, text, text, text)',
  'jsontriga()',
  'logutriga()',
  'sqltriga()',
];
const ADMIN = [
  '_grant_perms_from(text, text, text, text)',
  'create_queue(text)',
  'drop_queue(text)',
  'drop_queue(text, boolean)',
  'event_retry_raw(text, text, timestamp with time zone, bigint, timestamp with time zone, integer, text, text, text, text, text, text)',
  'grant_perms(text)',
  'insert_event_raw(text, bigint, timestamp with time zone, integer, integer, text, text, text, text, text, text)',
  'maint_operations()',
  'maint_retry_events()',
  'maint_rotate_tables_step1(text)',
  'maint_rotate_tables_step2()',
  'maint_tables_to_vacuum()',
  'seq_setval(text, bigint)',
  'set_queue_config(text, text, text)',
  'ticker()',
  'ticker(text)',
  'ticker(text, bigint, timestamp with time zone, bigint)',
  'tune_storage(text)',
  'upgrade_schema()',
];

beforeAll(async () => {
  db = await givenDatabase();
  await givenQueue(db, 'q', { consumers: ['c'] });
  session = await db.connect();
});

/** Runs `act` as a role that is a member of the given ones and of nothing else. */
async function as(memberships: readonly string[], act: () => Promise<void>): Promise<void> {
  await session.query('begin');
  try {
    const role = `contract_${memberships.join('_') || 'nobody'}_${session.backendPid}`;
    await session.query(`create role ${role}`);
    for (const group of memberships) await session.query(`grant ${group} to ${role}`);
    await session.query(`set local role ${role}`);
    await act();
  } finally {
    await session.query('rollback');
  }
}

/** Which functions of the API the role may call; helpers of our engine, whose names the extension does not have, aside. */
async function callable(role: string): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `select p.proname || '(' || coalesce((select string_agg(format_type(t, null), ', ' order by n)
                                            from unnest(p.proargtypes::oid[]) with ordinality a (t, n)), '') || ')' as name
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'pgq' and has_function_privilege($1, p.oid, 'execute')
        and (p.proname not like '\\_%' or p.proname = '_grant_perms_from') and p.proname not in ('insert_events', 'insert_events_ids')
      order by 1`,
    [role],
  );
  return rows.map((row) => row.name).sort();
}

async function privileges(role: string, table: string): Promise<string[]> {
  const rows = await db.query<{ privilege: string }>(
    `select p as privilege from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
      where has_table_privilege($1, $2, p)`,
    [role, table],
  );
  return rows.map((row) => row.privilege);
}

describe('contract/pgq roles', () => {
  test('each role may call its functions and no other', async () => {
    expect(await callable('pgq_reader')).toEqual([...PUBLIC, ...READER].sort());
    expect(await callable('pgq_writer')).toEqual([...PUBLIC, ...WRITER].sort());
    expect(await callable('pgq_admin')).toEqual([...PUBLIC, ...READER, ...WRITER, ...ADMIN].sort());
    expect(await callable('pg_monitor')).toEqual(PUBLIC);
  });

  test('each role has its rights on the tables', async () => {
    const change = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
    for (const table of ['queue', 'tick', 'consumer', 'subscription'].map((name) => `pgq.${name}`)) {
      expect(await privileges('pg_monitor', table)).toEqual(['SELECT']);
      expect(await privileges('pgq_reader', table)).toEqual(['SELECT']);
      expect(await privileges('pgq_admin', table)).toEqual(change);
    }
    const [queue] = await db.query(
      "select queue_data_pfx as parent, queue_event_seq as seq from pgq.queue where queue_name = 'q'",
    );
    for (const table of ['pgq.event_template', queue?.parent, `${queue?.parent}_0`, `${queue?.parent}_2`]) {
      expect(await privileges('pg_monitor', String(table))).toEqual([]);
      expect(await privileges('pgq_writer', String(table))).toEqual([]);
      expect(await privileges('pgq_reader', String(table))).toEqual(['SELECT']);
      expect(await privileges('pgq_admin', String(table))).toEqual(['SELECT', 'INSERT', 'TRUNCATE']);
    }
    expect(await privileges('pgq_reader', 'pgq.retry_queue')).toEqual([]);
    expect(await privileges('pgq_admin', 'pgq.retry_queue')).toEqual(change);
    const [sequence] = await db.query(
      "select has_sequence_privilege('pg_monitor', $1, 'select') as all, has_sequence_privilege('pgq_admin', $1, 'usage') as admin, has_sequence_privilege('pgq_writer', $1, 'usage') as writer",
      [queue?.seq],
    );
    expect(sequence).toEqual({ all: true, admin: true, writer: false });
  });

  test('a writer produces and reads nothing', async () => {
    await as(['pgq_writer'], async () => {
      await insert(session, 'q', 'by a writer');
      await session.query("select pgq.current_event_table('q')");
      if (provider() === 'engine') {
        await session.query("select pgq.insert_events('q', array['a'], array['b'])");
        await session.query(
          "select pgq.insert_events_ids('q', array['a'], array['b'], null, null, null, null)",
        );
      }
      await session.query('create temp table t (id int primary key)');
      for (const trigger of ['jsontriga', 'logutriga', 'sqltriga']) {
        await session.query(
          `create trigger ${trigger} after insert or update on t for each row execute function pgq.${trigger}('q')`,
        );
      }
      await session.query('insert into t values (1); update t set id = 1');
      await expect(session.query("select pgq.next_batch('q', 'c')")).rejects.toThrow('permission denied');
    });
  });

  test('a reader consumes, and puts events off', async () => {
    await insert(db, 'q', 'to be read');
    await tick(db, 'q');
    await as(['pgq_reader'], async () => {
      await session.query("select pgq.register_consumer('q', 'reader')");
      const [batch] = await session.query("select pgq.next_batch('q', 'c') as id");
      const events = await session.query('select * from pgq.get_batch_events($1)', [batch?.id]);
      expect(events.length).toBeGreaterThan(0);
      await session.query("select * from pgq.get_batch_cursor($1, 'r', 1, 'true')", [batch?.id]);
      await session.query('select pgq.event_retry($1, $2, 0)', [batch?.id, events[0]?.ev_id]);
      await session.query('select pgq.batch_retry($1, 0)', [batch?.id]);
      await session.query('select pgq.batch_event_tables($1)', [batch?.id]);
      await session.query('select pgq.finish_batch($1)', [batch?.id]);
      await session.query("select pgq.force_tick('q'), pgq.unregister_consumer('q', 'reader')");
      await expect(insert(session, 'q', 'x')).rejects.toThrow('permission denied');
    });
  });

  test('an admin creates, ticks, rotates and drops', async () => {
    await as(['pgq_admin'], async () => {
      await session.query("select pgq.create_queue('of an admin')");
      await session.query("select pgq.set_queue_config('of an admin', 'rotation_period', '0')");
      await session.query("update pgq.queue set queue_per_tx_limit = 5 where queue_name = 'of an admin'");
      await session.query('select pgq.ticker(), pgq.maint_operations()');
      await session.query(
        `select pgq.insert_event_raw('of an admin', 1, now(), null, null, 't', 'd', null, null, null, null)`,
      );
      await session.query("select pgq.register_consumer('of an admin', 'c')");
      await session.query(
        "select pgq.event_retry_raw('of an admin', 'c', now(), 1, now(), 0, 't', 'd', null, null, null, null)",
      );
      await session.query('select pgq.maint_retry_events()');
      await session.query("select pgq.unregister_consumer('of an admin', 'c')");
      await session.query("select pgq.drop_queue('of an admin')");
    });
    await as(['pgq_admin'], async () => {
      await session.query("select pgq.unregister_consumer('q', 'c')");
      await session.query("select pgq.set_queue_config('q', 'rotation_period', '0')");
      await session.query("select pgq.maint_rotate_tables_step1('q')");
      expect(await session.query("select queue_cur_table from pgq.queue where queue_name = 'q'")).toEqual([
        { queue_cur_table: 1 },
      ]);
    });
  });

  test('a role without rights sees queues and consumers, and can do nothing else', async () => {
    await as([], async () => {
      await session.query('select * from pgq.get_queue_info(), pgq.get_consumer_info(), pgq.version()');
      await session.query('select count(*) from pgq.queue, pgq.tick, pgq.subscription, pgq.consumer');
      await expect(session.query("select pgq.create_queue('x')")).rejects.toThrow('permission denied');
    });
  });

  test('functions that run as their owner do not trust the search path of the caller', async () => {
    if (provider() === 'extension') return; // D: it pins none
    const loose = await db.query(
      `select oid::regprocedure::text as name from pg_proc
        where pronamespace = 'pgq'::regnamespace and prosecdef
          and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)`,
    );
    expect(loose).toEqual([]);
  });
});
