import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';
import { consume, givenQueue, insert, isWaiting, scalar, tick } from './pgq.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await givenDatabase();
});

const create = (name: string | null) => scalar<number>(db, 'select pgq.create_queue($1)', [name]);

describe('contract/pgq queues', () => {
  test('creating a queue returns 1, creating it again 0, and it needs a name', async () => {
    expect(await create('twice')).toBe(1);
    expect(await create('twice')).toBe(0);
    await expect(create(null)).rejects.toThrow('Invalid NULL value');
  });

  test.each(['', 'with.dots', `it's "quoted"`, 'Ü ß', 'x'.repeat(2_000)])(
    'a queue named %j works from end to end',
    async (name) => {
      await givenQueue(db, name, { consumers: [`c of ${name}`] });
      await insert(db, name, 'first');
      await tick(db, name);
      expect(await consume(db, name, `c of ${name}`)).toEqual(['first']);
    },
  );

  test('a new queue has its row, its first tick, a parent and three tables', async () => {
    await create('fresh');
    const [queue] = await db.query(`
      select queue_ntables, queue_cur_table, queue_rotation_period::text, queue_switch_step1 = queue_switch_step2 as settled,
             queue_external_ticker, queue_disable_insert, queue_ticker_paused, queue_ticker_max_count,
             queue_ticker_max_lag::text, queue_ticker_idle_period::text, queue_per_tx_limit, queue_extra_maint,
             queue_data_pfx = 'pgq.event_' || queue_id as prefix, queue_event_seq = queue_data_pfx || '_id_seq' as events,
             queue_tick_seq = queue_data_pfx || '_tick_seq' as ticks
        from pgq.queue where queue_name = 'fresh'`);
    expect(queue).toEqual({
      queue_ntables: 3,
      queue_cur_table: 0,
      queue_rotation_period: '02:00:00',
      settled: true,
      queue_external_ticker: false,
      queue_disable_insert: false,
      queue_ticker_paused: false,
      queue_ticker_max_count: 500,
      queue_ticker_max_lag: '00:00:03',
      queue_ticker_idle_period: '00:01:00',
      queue_per_tx_limit: null,
      queue_extra_maint: null,
      prefix: true,
      events: true,
      ticks: true,
    });

    const ticks = await db.query(
      "select tick_id, tick_event_seq from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'fresh'",
    );
    // D: the extension's sequence reads 1 before and after the first event, ours 0 before it (see the ticker's test).
    expect(ticks).toEqual([{ tick_id: 1, tick_event_seq: provider() === 'engine' ? 0 : 1 }]);
  });

  test('event tables have the columns, defaults, index and storage that clients rely on', async () => {
    await create('tables');
    const id = await scalar<number>(db, "select queue_id from pgq.queue where queue_name = 'tables'");
    const columns = await db.query(
      `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as strict,
              pg_get_expr(d.adbin, d.adrelid) as default
         from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
      [`pgq.event_${id}_1`],
    );
    const column = (name: string, type: string, strict = false, def: string | null = null) => ({
      name,
      type,
      strict,
      default: def,
    });
    expect(columns).toEqual([
      column('ev_id', 'bigint', true, `nextval('pgq.event_${id}_id_seq'::regclass)`),
      column('ev_time', 'timestamp with time zone', true),
      column('ev_txid', 'bigint', true, 'txid_current()'),
      column('ev_owner', 'integer'),
      column('ev_retry', 'integer'),
      ...['type', 'data', 'extra1', 'extra2', 'extra3', 'extra4'].map((name) => column(`ev_${name}`, 'text')),
    ]);

    const parents = await db.query(
      `select inhparent::regclass::text as parent, inhrelid::regclass::text as child
         from pg_inherits where inhparent in ('pgq.event_template'::regclass, $1::regclass)
          and (inhparent = $1::regclass or inhrelid = $1::regclass) order by 2`,
      [`pgq.event_${id}`],
    );
    expect(parents).toEqual([
      { parent: 'pgq.event_template', child: `pgq.event_${id}` },
      ...[0, 1, 2].map((n) => ({ parent: `pgq.event_${id}`, child: `pgq.event_${id}_${n}` })),
    ]);

    expect(
      await scalar(db, 'select reloptions::text from pg_class where oid = $1::regclass', [
        `pgq.event_${id}_2`,
      ]),
    ).toBe('{fillfactor=100,autovacuum_enabled=off}');
    expect(
      await scalar(
        db,
        `select t.reloptions::text from pg_class c join pg_class t on t.oid = c.reltoastrelid where c.oid = $1::regclass`,
        [`pgq.event_${id}_2`],
      ),
    ).toBe('{autovacuum_enabled=off}');
    expect(
      await scalar(db, "select indexdef from pg_indexes where schemaname = 'pgq' and indexname = $1", [
        `event_${id}_0_txid_idx`,
      ]),
    ).toBe(`CREATE INDEX event_${id}_0_txid_idx ON pgq.event_${id}_0 USING btree (ev_txid)`);
  });

  test('a queue is created, used and registered at in one transaction, or not at all', async () => {
    const connection = await db.connect();
    await connection.query('begin');
    await connection.query(`select pgq.create_queue('one'), pgq.register_consumer('one', 'c')`);
    await insert(connection, 'one', 'x');
    await connection.query('rollback');
    expect(await scalar(db, `select count(*) from pgq.queue where queue_name = 'one'`)).toBe(0);
    expect(await create('one')).toBe(1);
  });

  test('of two sessions that create a queue one gets 1, and the other does not get a queue of its own', async () => {
    const [first, second] = [await db.connect(), await db.connect()];
    await first.query('begin');
    await first.query(`select pgq.create_queue('raced')`);
    const late = scalar<number>(second, `select pgq.create_queue('raced')`);
    late.catch(() => {});
    await until(() => isWaiting(db, second), { what: 'the second creation to wait for the first' });
    await first.query('commit');
    // D: the extension fails with a unique violation.
    if (provider() === 'engine') expect(await late).toBe(0);
    else await expect(late).rejects.toThrow('queue_name_uq');
  });

  test('dropping a queue takes tables, sequences and ticks with it', async () => {
    await create('gone');
    const id = await scalar<number>(db, "select queue_id from pgq.queue where queue_name = 'gone'");
    expect(await scalar(db, "select pgq.drop_queue('gone')")).toBe(1);
    expect(await scalar(db, 'select count(*) from pg_class where relname like $1', [`event\\_${id}%`])).toBe(
      0,
    );
    expect(await scalar(db, 'select count(*) from pgq.tick where tick_queue = $1', [id])).toBe(0);
    await expect(db.query("select pgq.drop_queue('gone')")).rejects.toThrow('No such event queue');
    expect(await scalar(db, 'select pgq.drop_queue(null)')).toBe(null);
  });

  test('a queue with consumers is dropped only by force, which unregisters them', async () => {
    await givenQueue(db, 'attached', { consumers: ['stays', 'goes'] });
    await givenQueue(db, 'elsewhere', { consumers: ['stays'] });
    for (const force of ['false', 'null']) {
      await expect(db.query(`select pgq.drop_queue('attached', ${force})`)).rejects.toThrow(
        'cannot drop queue, consumers still attached',
      );
    }
    await expect(db.query("select pgq.drop_queue('attached')")).rejects.toThrow('consumers still attached');
    expect(await scalar(db, "select pgq.drop_queue('attached', true)")).toBe(1);
    const names = await db.query("select co_name from pgq.consumer where co_name in ('stays', 'goes')");
    expect(names).toEqual([{ co_name: 'stays' }]);
  });

  test('six settings can be changed by name, and nothing else', async () => {
    await create('configured');
    const set = (name: string | null, value: string | null, queue: string | null = 'configured') =>
      scalar<number>(db, 'select pgq.set_queue_config($1, $2, $3)', [queue, name, value]);

    expect(await set('ticker_max_count', '7')).toBe(1);
    expect(await set('ticker_max_lag', '7 seconds')).toBe(1);
    expect(await set('ticker_idle_period', '7 minutes')).toBe(1);
    expect(await set('rotation_period', '7 hours')).toBe(1);
    expect(await set('ticker_paused', 'true')).toBe(1);
    expect(await set('external_ticker', 'true')).toBe(1);
    const [row] = await db.query(
      `select queue_ticker_max_count, queue_ticker_max_lag::text, queue_ticker_idle_period::text,
              queue_rotation_period::text, queue_ticker_paused, queue_external_ticker
         from pgq.queue where queue_name = 'configured'`,
    );
    expect(Object.values(row ?? {})).toEqual([7, '00:00:07', '00:07:00', '07:00:00', true, true]);

    await expect(set('disable_insert', 'true')).rejects.toThrow('cannot change parameter "disable_inserts"');
    await expect(set(`x' or true`, '1')).rejects.toThrow('cannot change parameter');
    await expect(set('ticker_max_count', 'many')).rejects.toThrow('invalid input syntax for type integer');
    await expect(set('ticker_max_count', null)).rejects.toThrow('query string argument of EXECUTE is null');
    await expect(set(null, '1')).rejects.toThrow('Invalid NULL value');
    await expect(set('ticker_max_count', '1', null)).rejects.toThrow('Invalid NULL value');
    await expect(set('ticker_max_count', '1', 'nowhere')).rejects.toThrow('No such event queue');
  });

  test('sequences are read and raised, never lowered, and names are quoted', async () => {
    await db.query('create sequence public."Odd.Name"; create sequence plain_seq');
    expect(await scalar(db, "select pgq.seq_getval('plain_seq')")).toBe(1);
    expect(await scalar(db, "select pgq.seq_getval('public.Odd.Name')")).toBe(1);
    expect(await scalar(db, "select pgq.seq_setval('plain_seq', 10)")).toBe(10);
    expect(await scalar(db, "select pgq.seq_setval('plain_seq', 5)")).toBe(10);
    expect(await scalar(db, "select pgq.seq_getval('plain_seq')")).toBe(10);
    expect(await scalar(db, 'select pgq.seq_getval(null)')).toBe(null);
    expect(await scalar(db, "select pgq.quote_fqname('a b')")).toBe('public."a b"');
    expect(await scalar(db, "select pgq.quote_fqname('Schema.tab.le')")).toBe('"Schema"."tab.le"');
    expect(await scalar(db, 'select pgq.quote_fqname(null)')).toBe(null);
  });

  test('small functions of the API answer as they should', async () => {
    await create('small');
    // pgqd serves a database only if this begins with 3 or a greater digit.
    expect((await scalar<string>(db, 'select pgq.version()')) >= '3').toBe(true);
    expect(await scalar(db, 'select pgq.upgrade_schema()')).toBe(0);
    expect(await scalar(db, "select pgq.grant_perms('small')")).toBe(1);
    await expect(db.query("select pgq.grant_perms('nowhere')")).rejects.toThrow('Queue not found');
    expect(await scalar(db, "select pgq.tune_storage('small')")).toBe(1);
    expect(await scalar(db, "select pgq.tune_storage('nowhere')")).toBe(0);
  });
});
