// Each cause that keeps sources from moving, staged on a running installation: doctor names it, and nothing once it is over.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, fileFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenProxy, type Proxy as TestProxy } from '../../support/network/proxy.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { givenServer, type TestServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { EVERY_MS, untilHealthy, untilNamed } from './doctor.ts';

const MOVER = {
  env: {
    TRIBUTARY_TIMING:
      'shard.maintainEveryMs=500 shard.watermarkEveryMs=300 shard.seenEveryMs=500 reports.shardsEveryMs=500 reports.renewMs=2000',
  },
};

interface Moving extends Cluster {
  readonly file: string;
  readonly proxies: readonly TestProxy[];
  readonly server: TestServer;
  mover(): Promise<TestProcess>;
}

/** Three shards behind proxies and a mover. */
async function givenMoving(
  queues = '  orders: { workers: none, create: true }',
  { more = '', tables = '' } = {},
): Promise<Moving> {
  // Sessions of other tests on a shared server would be found as well.
  const server = await givenServer();
  const cluster = await givenCluster({ shards: 3, server });
  if (tables !== '') for (const shard of cluster.shards) await shard.query(tables);
  const proxies = await Promise.all(cluster.shards.map(() => givenProxy(server)));
  const behind = cluster.shards.map((shard, at) => {
    const url = new URL(shard.url);
    url.host = `127.0.0.1:${proxies[at]?.port}`;
    return { ...shard, url: url.href, schema: shard.schema };
  });
  const text = fileFor({ ...cluster, shards: behind as readonly TestDatabase[] }, { queues, more });
  const file = givenFile(text, { others: { 'handle.mjs': 'export default { async event() {} };\n' } });
  const installed = await run(['-c', file, 'install']);
  if (installed.code !== 0) throw new Error(installed.stderr + installed.stdout);
  const mover = async () => {
    const process = startTributary(['-c', file, 'mover', '--host', '127.0.0.1'], MOVER);
    await process.waitForLine(/shard s3 is connected/);
    return process;
  };
  return { ...cluster, file, proxies, server, mover };
}

async function moved(one: Moving, events: number): Promise<void> {
  await until(
    async () => {
      const [row] = await one.central.query<{ n: number }>(
        'select sum(moved)::int as n from tributary.lag_sources()',
      );
      return (row?.n ?? 0) >= events;
    },
    { what: `${events} moved events`, timeoutMs: 60_000 },
  );
}

describe('doctor on sources', () => {
  test('no mover, paused by whom, halted, another ticker, a shard that is away, a lock, transactions', async () => {
    const all = await givenMoving();
    const { file, central, shards, proxies } = all;
    const [s1, s2, s3] = shards as readonly TestDatabase[] as [TestDatabase, TestDatabase, TestDatabase];

    const nobody = await untilNamed(file, 'no-mover');
    expect(nobody).toMatchObject({
      names: ['s1:orders', 's2:orders', 's3:orders'],
      severity: 'broken',
      sentence: '3 sources of 3 shards are not moved: no mover runs for host 127.0.0.1.',
      command: 'tributary mover --host 127.0.0.1',
    });
    await all.mover();
    for (const shard of shards) await givenEvents(shard, 'orders', 20);
    await moved(all, 60);
    await untilHealthy(file);

    await run(['-c', file, 'pause', '--shard', 's2', '--reason', 'moving house']);
    const paused = await untilNamed(file, 'paused');
    expect(paused.sentence).toMatch(/^Source s2:orders is paused for \d+ s by \S+@\S+: moving house\.$/);
    await run(['-c', file, ...(paused.command ?? '').split(' ').slice(1)]);

    await s1.query("update pgq.queue set queue_ticker_paused = true where queue_name = 'orders'");
    await givenEvents(s1, 'orders', 1);
    const tickless = await untilNamed(file, 'no-ticker');
    expect(tickless.sentence).toContain("the queue's ticker is paused");
    await s1.query(
      "update pgq.queue set queue_ticker_paused = false, queue_external_ticker = true where queue_name = 'orders'",
    );
    await until(async () => (await untilNamed(file, 'no-ticker')).sentence.includes('external ticker'), {
      what: 'the external ticker to be named',
      timeoutMs: 60_000,
      everyMs: EVERY_MS,
    });
    await s1.query("update pgq.queue set queue_external_ticker = false where queue_name = 'orders'");
    await untilHealthy(file);

    proxies[2]?.drop();
    const away = await untilNamed(file, 'shard-away');
    expect(away).toMatchObject({ names: ['s3:orders'], severity: 'broken' });
    proxies[2]?.heal();
    await untilHealthy(file);
    // The server's process hangs for the mover alone.
    const [hanging] = await s3.query<{ pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and application_name like 'tributary mover shop %'",
    );
    process.kill(hanging?.pid as number, 'SIGSTOP');
    try {
      const silent = await untilNamed(file, 'shard-silent', { name: 's3:orders' });
      expect(silent.sentence).toContain('has not answered');
    } finally {
      process.kill(hanging?.pid as number, 'SIGCONT');
    }
    await untilHealthy(file);

    const holder = await s2.connect();
    await holder.script('begin; lock table pgq.tick in access exclusive mode');
    const locked = await untilNamed(file, 'lock-held', { name: 's2' });
    expect(locked.sentence).toMatch(
      /shard s2.*: pid \d+, user \w+, application tributary test, from \S+, database \w+\.$/,
    );
    expect(locked.evidence.join()).toMatch(
      /its transaction is open for \d+ s,idle in transaction, its last statement/,
    );
    await holder.script('rollback');
    await untilHealthy(file);

    await holder.script("begin; select txid_current(), 'secret' as word");
    const long = await untilNamed(file, 'long-transaction', { name: 's2' });
    expect(long.sentence).toMatch(
      /has been open for \d+ s: pid \d+, user .*, application tributary test, .*database /,
    );
    expect(long.names.toSorted()).toEqual(['central', 's1', 's2', 's3']);
    expect(JSON.stringify(long)).not.toContain('secret');
    await holder.script('rollback');
    await holder.script("begin; select txid_current(); prepare transaction 'left over'");
    const prepared = await untilNamed(file, 'prepared-transaction');
    expect(prepared.sentence).toContain('left over, of ');
    await holder.script("rollback prepared 'left over'");
    await holder.close();
    await untilHealthy(file);

    await s3.query("select pgq.drop_queue('orders', true)");
    const gone = await untilNamed(file, 'source-fails', { name: 's3:orders' });
    expect(gone.sentence).toContain('does not exist on shard s3');
    await s3.query("select pgq.create_queue('orders')");
    const halted = await untilNamed(file, 'halted');
    expect(halted).toMatchObject({ names: ['s3:orders'], command: 'tributary repair s3:orders --dry-run' });
    await until(
      async () => (await central.query("select from tributary.source where state = 'halted'")).length === 1,
      { what: 'the mover to halt it as well' },
    );
  }, 240_000);

  test('a mover that says nothing, names that do not fit, a source of its own trouble, central that refuses or is away', async () => {
    const all = await givenMoving();
    const { file, central, shards } = all;
    const text = readFileSync(file, 'utf8');
    const fewer = givenFile(text.replace(/ {2}- \{ name: s3,.*\n/, ''));
    expect(await untilNamed(fewer, 'not-in-file')).toMatchObject({ names: ['s3:orders'] });
    const more = givenFile(text.replace('queues:\n', 'queues:\n  emails: { workers: none, create: true }\n'));
    expect(await untilNamed(more, 'not-installed')).toMatchObject({
      names: ['s1:emails', 's2:emails', 's3:emails'],
      sentence: '3 sources of 3 shards: Source s1:emails is not installed.',
      command: 'tributary install',
    });
    await run(['-c', file, 'shard', 'rename', 's3', 's9', '--yes']);
    expect(await untilNamed(file, 'renamed', { name: 's3:orders' })).toMatchObject({
      sentence: 'Shard s3 was renamed to s9.',
    });
    await run([
      '-c',
      givenFile(text.replace('name: s3', 'name: s9')),
      'shard',
      'rename',
      's9',
      's3',
      '--yes',
    ]);
    const mover = await all.mover();
    await untilHealthy(file);
    await run(['-c', file, 'shard', 'retire', 's3', '--yes']);
    const retired = await untilNamed(file, 'retired');
    expect(retired).toMatchObject({ names: ['s3:orders'], severity: 'risk' });
    expect(retired.sentence).toMatch(/^Source s3:orders was retired at \S+ by \S+@\S+\.$/);
    expect(retired.remedy).toMatch(
      /^Take its shard out of .*; to begin it anew, say `start: now` in its entry\.$/,
    );
    writeFileSync(file, text.replace(/( {2}- \{ name: s3,)/, '$1 start: now,'));
    await run(['-c', file, 'install']);
    await untilHealthy(file);

    const holder = await central.connect();
    await holder.script('begin; lock table tributary.source_lag in exclusive mode');
    const silent = await untilNamed(file, 'mover-silent');
    expect(silent.sentence).toBe(
      '3 sources of 3 shards are not moved: the mover on host 127.0.0.1 holds them and does not report.',
    );
    await holder.script('rollback');
    await holder.close();
    await untilHealthy(file);

    const [insert] = await central.query<{ name: string }>(
      "select 'tributary.insert_positions'::regproc::oid::regprocedure::text as name",
    );
    await central.query(`alter function ${insert?.name} rename to inserted_elsewhere`);
    for (const shard of shards) await givenEvents(shard, 'orders', 1);
    expect((await untilNamed(file, 'central-refuses')).sentence).toContain('takes no events');
    await central.query(
      `alter function ${insert?.name.replace('insert_positions', 'inserted_elsewhere')} rename to insert_positions`,
    );
    await untilHealthy(file);

    const nowhere = await givenProxy(all.server);
    const url = new URL(central.url);
    url.host = `127.0.0.1:${nowhere.port}`;
    nowhere.drop();
    const without = givenFile(text.replace(central.url, url.href));
    expect(await untilNamed(without, 'central-away')).toMatchObject({ of: 'central', severity: 'broken' });
    mover.kill('SIGTERM');
  }, 240_000);

  test('a central queue that is full, central that is slow, sources that are late, and memory that does not suffice', async () => {
    const all = await givenMoving(
      '  orders: { workers: 1, create: true, handler: ./handle.mjs, waiting: 10 }\n  bulk: { workers: none, create: true }',
      { more: 'mover: { memory: 256MB, whole: 1MB }' },
    );
    const { file, central, shards } = all;
    await central.query(
      "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(1.2); return null; end'",
    );
    const tables = await central.query<{ child: string }>(
      "select inhrelid::regclass::text as child from pg_inherits where inhparent = (select queue_data_pfx from pgq.queue where queue_name = 'bulk')::regclass",
    );
    for (const { child } of tables)
      await central.query(
        `create trigger slow before insert on ${child} for each statement execute function slow()`,
      );
    const fill = async () => {
      for (const shard of shards) {
        await givenEvents(shard, 'orders', 40);
        for (let n = 0; n < 20; n += 1)
          await shard.query(
            "select pgq.insert_event('bulk', 'large', repeat(md5(random()::text), 12000)) from generate_series(1, 4)",
          );
      }
    };
    await fill();
    const first = await all.mover();
    const late = await untilNamed(file, 'moving-late');
    expect(late.sentence).toMatch(/moved and late: the oldest event has waited for \d+ s\.$/);
    const slow = await untilNamed(file, 'central-slow');
    expect(slow.sentence).toMatch(/^Central is slow: a commit into .*bulk takes \d+(\.\d)? s\.$/);
    for (const shard of shards) await givenEvents(shard, 'orders', 5);
    const full = await untilNamed(file, 'backlog-limit');
    expect(full.sentence).toContain('events wait, of the 10 of its `waiting`');
    const triggers = async (what: 'disable' | 'enable') => {
      for (const { child } of tables) await central.query(`alter table ${child} ${what} trigger slow`);
    };
    await triggers('disable');
    first.kill('SIGTERM');
    await first.exit;
    await triggers('enable');

    await fill();
    writeFileSync(file, readFileSync(file, 'utf8').replace('memory: 256MB', 'memory: 4MB'));
    await all.mover();
    const memory = await untilNamed(file, 'memory-budget');
    expect(memory.sentence).toMatch(/waits for memory of its mover|has read as much as its memory holds/);
  }, 240_000);

  test('rotation that a foreign consumer pins, and rotation that a transaction holds back', async () => {
    const all = await givenMoving();
    const { file, shards } = all;
    const [s1] = shards as readonly TestDatabase[] as [TestDatabase];
    await s1.query("update pgq.queue set queue_rotation_period = '2 seconds' where queue_name = 'orders'");
    await s1.query("select pgq.register_consumer('orders', 'audit')");
    await all.mover();
    const writing = setInterval(() => void givenEvents(s1, 'orders', 5).catch(() => {}), 200);
    try {
      const pinned = await untilNamed(file, 'rotation-pinned', { name: 's1:orders' });
      expect(pinned.sentence).toMatch(/queue s1:orders cannot rotate: consumer audit stands \d+ s back\.$/);
      expect(pinned.evidence.join()).toMatch(/\d+ kB held, about [\d.]+ [kM]B more an hour/);
      await s1.query("select pgq.unregister_consumer('orders', 'audit')");
      await untilHealthy(file);
      const holder = await s1.connect();
      await holder.script('begin; select txid_current()');
      await until(
        async () =>
          (await untilNamed(file, 'long-transaction')).evidence.includes(
            'holds back the rotation of s1:orders',
          ),
        { what: 'the transaction to hold back rotation', timeoutMs: 60_000, everyMs: EVERY_MS },
      );
      await holder.script('rollback');
      await holder.close();
      await untilHealthy(file);
    } finally {
      clearInterval(writing);
    }
  }, 240_000);

  test('a captured table whose trigger is disabled on one shard; of the others a mover says that all is captured', async () => {
    const all = await givenMoving(undefined, {
      tables: 'create table account (id int primary key)',
      more: 'capture: { accounts: { tables: [public.account], queue: orders } }',
    });
    const { central, file, shards } = all;
    const seen = async () =>
      (
        await central.query<{ shard: string }>(
          'select shard from tributary.shard_report where captured is not null order by 1',
        )
      ).map(({ shard }) => shard);
    await all.mover();
    await until(async () => (await seen()).length === 3, { what: 'three reports', timeoutMs: 60_000 });
    await untilHealthy(file);
    const [, second] = shards as readonly TestDatabase[] as [TestDatabase, TestDatabase];
    await second.query('alter table account disable trigger "tributary:shop:accounts"');
    const found = await untilNamed(file, 'not-captured', { name: 's2' });
    expect(found).toMatchObject({
      ...{ names: ['s2'], severity: 'broken', command: 'tributary capture install' },
      sentence: 'Capture accounts: changes of public.account are not captured.',
    });
    expect(await seen()).toEqual(['s1', 's3']);
    await second.query('alter table account enable trigger "tributary:shop:accounts"');
    await untilHealthy(file);
  }, 240_000);
});
