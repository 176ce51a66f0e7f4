import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { GuardedClient } from '../../../src/workers/child/transaction/guarded-client.ts';
import { endWith } from '../../../src/workers/child/transaction/session.ts';
import { until } from '../../support/until.ts';
import { givenWorker } from '../../support/workers/child-worker.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

/** What one can leave in a session, read-only last: nothing else could be left after it. */
const LEFT_OVERS = [
  'set search_path = nowhere',
  "set timezone = 'Asia/Tokyo'",
  'set statement_timeout = 1234',
  "set tributary_test.of_a_handler = 'x'",
  'create temp table left_over (n int)',
  'prepare left_over as select 1',
  'declare left_over cursor with hold for select 1',
  'listen left_over',
  'select pg_advisory_lock(77), pg_advisory_lock_shared(78), pg_advisory_lock(77)',
  'set role pg_read_all_data',
  'set default_transaction_read_only = on',
];

const STATE = `select current_user::text, session_user::text,
  current_setting('search_path') as path, current_setting('timezone') as zone, current_setting('statement_timeout') as timeout,
  current_setting('default_transaction_read_only') as read_only, current_setting('application_name') as application,
  coalesce(current_setting('tributary_test.of_a_handler', true), '') as own,
  (select count(*) from pg_prepared_statements where from_sql) as prepared, (select count(*) from pg_cursors) as cursors,
  (select count(*) from pg_listening_channels()) as channels,
  (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
  (select count(*) from pg_class where relname = 'left_over') as tables`;

async function givenConnection({ database }: WorkerCentral): Promise<Connection> {
  const connection = await Connection.open(database, { applicationName: 'session', plainTypes: true });
  onTestFinished(() => connection.close());
  return connection;
}

const guarded = (connection: Connection) =>
  new GuardedClient(connection.client, { beforeStatement() {} } as ConstructorParameters<
    typeof GuardedClient
  >[1]);

/** The text of every statement that any connection of this process sends from now on. */
function givenTexts(): string[] {
  const texts: string[] = [];
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  pg.Client.prototype.query = function (this: unknown, ...args: unknown[]) {
    const [first] = args as [string | { text?: string; cursor?: { text?: string } }];
    texts.push(typeof first === 'string' ? first : (first?.text ?? first?.cursor?.text ?? ''));
    return query.apply(this, args);
  } as typeof pg.Client.prototype.query;
  onTestFinished(() => {
    pg.Client.prototype.query = query as typeof pg.Client.prototype.query;
  });
  return texts;
}

describe('the session that batches share', () => {
  test('nothing that a handler left in the session is there for the next batch, each kind alone and all together', async () => {
    const central = await givenWorkerCentral();
    const fresh = await (await givenConnection(central)).query(STATE);
    const connection = await givenConnection(central);
    for (const texts of [...LEFT_OVERS.map((text) => [text]), LEFT_OVERS]) {
      for (const text of texts) await guarded(connection).query(text);
      expect(await connection.query(STATE), texts.join('; ')).not.toEqual(fresh);
      await endWith('select', connection);
      expect(await connection.query(STATE), texts.join('; ')).toEqual(fresh);
    }
  });

  test('what saves time stays: prepared statements of the driver, and cached places of rows', async () => {
    const connection = await givenConnection(await givenWorkerCentral());
    await connection.query("select set_config('tributary.coop_memo', '1 2 3 (0,1) (0,2) 4', false)");
    const client = guarded(connection);
    for (const n of [1, 2]) {
      const { rows } = await client.query({ name: 'kept', text: 'select $1::int as n', values: [n] });
      expect(rows).toEqual([{ n }]);
      await endWith('select', connection);
    }
    const [row] = await connection.query("select current_setting('tributary.coop_memo') as memo");
    expect(row?.memo).toBe('1 2 3 (0,1) (0,2) 4');
  });

  test('where no handler has used the connection nothing is cleaned', async () => {
    const connection = await givenConnection(await givenWorkerCentral());
    await connection.query("set search_path = 'ours'");
    await endWith('select', connection);
    expect(await connection.query('select current_setting($1) as path', ['search_path'])).toEqual([
      { path: 'ours' },
    ]);
  });

  test('a worker cleans its session after each batch', async () => {
    const central = await givenWorkerCentral();
    givenWorker(central, {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        const { rows } = await client.query<{ state: string }>(
          `select current_setting('search_path') || current_setting('default_transaction_read_only') as state`,
        );
        await client.query('insert into public.effect (n, slot) values ($1, $2)', [n, rows[0]?.state]);
        await client.query('select pg_advisory_lock(77)');
        await client.query('set search_path = nowhere');
        await client.query('set default_transaction_read_only = on');
      },
    });
    for (const n of [1, 2, 3]) {
      await central.produce('orders', 1, { from: n });
      await central.tick('orders');
      await until(async () => (await central.effects()).length === n, { what: `batch ${n}` });
    }
    const states = await central.query<{ slot: string }>('select distinct slot from effect');
    expect(states).toHaveLength(1);
    expect(states[0]?.slot).toMatch(/off$/);
    await until(
      async () =>
        (await central.query("select 1 from pg_locks where locktype = 'advisory' and objid = 77")).length ===
        0,
      { what: 'the lock gone' },
    );
  });

  test('cleaning costs no message: it goes with the one that ends the transaction', async () => {
    const central = await givenWorkerCentral();
    const texts = givenTexts();
    const { messages } = givenWorker(central, {
      event: async (event, { client }) => {
        await client.query('insert into effect (n) values ($1)', [event.json<{ n: number }>().n]);
      },
    });
    await until(() => messages.some(({ type }) => type === 'idle'), { what: 'a worker without work' });
    await central.produce('orders', 1);
    await central.tick('orders');
    await until(() => messages.some(({ type }) => type === 'finished'), { what: 'the batch' });
    const begins = texts.findIndex((text) => /^begin/.test(text));
    const ends = texts.findIndex((text) => /; commit/.test(text));
    expect(texts.slice(begins, ends + 1)).toEqual([
      expect.stringMatching(/^begin/),
      expect.stringMatching(/^copy/),
      expect.stringMatching(/^savepoint/),
      expect.stringMatching(/^insert into effect/),
      expect.stringMatching(/coop_finish_batch.*; commit; close all.*reset all/s),
    ]);
    expect(texts.slice(ends + 1).filter((text) => !/coop_next_batch/.test(text))).toEqual([]);
  });

  test('after an error a worker goes on with a new session', async () => {
    const central = await givenWorkerCentral();
    const { messages } = givenWorker(central, {
      event: async (event, { client }) => {
        await client.query('insert into effect (n, slot) values ($1, pg_backend_pid()::text)', [
          event.json<{ n: number }>().n,
        ]);
      },
    });
    const one = async (n: number) => {
      await central.produce('orders', 1, { from: n });
      await central.tick('orders');
      await until(async () => (await central.effects()).length === n, { what: `event ${n}` });
    };
    await one(1);
    await central.query("select pgq.unregister_consumer('orders', $1)", [GROUP]);
    await until(() => messages.some(({ type }) => type === 'troubled'), { what: 'an error' });
    await central.query("select pgq.register_consumer('orders', $1)", [GROUP]);
    await one(2);
    const backends = await central.query('select distinct slot from effect');
    expect(backends).toHaveLength(2);
  });

  test('no statement of ours has the number of a batch in its text, so that the server counts it as one statement', async () => {
    const central = await givenWorkerCentral();
    const texts = givenTexts();
    givenWorker(central, {
      event: async (event, { client }) => {
        await client.query('insert into effect (n) values ($1)', [event.json<{ n: number }>().n]);
      },
    });
    for (const n of [1, 2, 3, 4, 5]) {
      await central.produce('orders', 1, { from: n });
      await central.tick('orders');
      await until(async () => (await central.effects()).length === n, { what: `batch ${n}` });
    }
    // Others are normalised.
    const counted = texts
      .flatMap((text) => text.split(';').map((one) => one.trim()))
      .filter((text) => /^(copy|fetch|set|declare)\b/i.test(text));
    expect([...new Set(counted.filter((text) => /^copy/i.test(text)))]).toHaveLength(1);
    expect(counted.filter((text) => /\d{10,}/.test(text))).toEqual([]);
  });
});
