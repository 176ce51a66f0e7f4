import { beforeAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenServer, type TestServer } from '../support/server/server.ts';
import { givenQueue } from './pgq.ts';

let server: TestServer;
let db: TestDatabase;

beforeAll(async () => {
  // Of our own: a transaction that is open anywhere on a server holds its rotations up.
  server = await givenServer();
  db = await givenDatabase({ server });
});

describe('contract/pgq maintenance', () => {
  test('what is due is listed in its order: rotations by name, step 2, then what queues ask for', async () => {
    const own = await givenDatabase({ server });
    const operations = async () =>
      (await own.query('select * from pgq.maint_operations()')).map((row) => [row.func_name, row.func_arg]);
    for (const queue of ['b', 'a', 'c']) await givenQueue(own, queue);
    expect(await operations()).toEqual([]);
    await own.query("update pgq.queue set queue_rotation_period = '0' where queue_name in ('a', 'b')");
    await own.query(
      "update pgq.queue set queue_extra_maint = array['public.f', 'public.g'] where queue_name = 'c'",
    );
    const extra = [
      ['public.f', 'c'],
      ['public.g', 'c'],
    ];
    expect(await operations()).toEqual([
      ['pgq.maint_rotate_tables_step1', 'a'],
      ['pgq.maint_rotate_tables_step1', 'b'],
      ['pgq.maint_rotate_tables_step2', null],
      ...extra,
    ]);
    await own.query("select pgq.maint_rotate_tables_step1('a')");
    await own.query("update pgq.queue set queue_rotation_period = '1 day'");
    expect(await operations()).toEqual([['pgq.maint_rotate_tables_step2', null], ...extra]);
    await own.query('select pgq.maint_rotate_tables_step2()');
    expect(await operations()).toEqual(extra);

    await own.query("update pgq.queue set queue_extra_maint = '{}' where queue_name = 'c'");
    // D: on the extension an empty list stops all maintenance of the database.
    if (provider() === 'engine') expect(await operations()).toEqual([]);
    else await expect(operations()).rejects.toThrow('lower bound of FOR loop cannot be null');
  });

  test('with autovacuum on no table is to be vacuumed', async () => {
    expect(await db.query('select * from pgq.maint_tables_to_vacuum()')).toEqual([]);
  });

  test('what pgq_node and Londiste need done is listed last, where they are', async () => {
    const own = await givenDatabase({ server });
    const operations = async () =>
      (await own.query('select * from pgq.maint_operations()')).map((row) => [row.func_name, row.func_arg]);
    await own.query(`create schema pgq_node; create schema londiste;
      create table pgq_node.node_info (queue_name text, node_type text);
      create table londiste.seq_info (queue_name text, local boolean);
      insert into pgq_node.node_info values ('a', 'root'), ('b', 'leaf'), ('c', 'branch'), ('d', 'root');
      insert into londiste.seq_info values ('a', true), ('a', true), ('b', true), ('d', false)`);
    expect(await operations()).toEqual([]);
    await own.query(`create function pgq_node.maint_watermark(text) returns int4 language sql as 'select 0'`);
    const watermarks = [
      ['pgq_node.maint_watermark', 'a'],
      ['pgq_node.maint_watermark', 'd'],
    ];
    expect(await operations()).toEqual(watermarks);
    await own.query(`create function londiste.root_check_seqs(text) returns int4 language sql as 'select 0';
      create function londiste.periodic_maintenance() returns int4 language sql as 'select 0'`);
    expect(await operations()).toEqual([
      ...watermarks,
      ['londiste.root_check_seqs', 'a'],
      ['londiste.periodic_maintenance', null],
    ]);
  });
});
