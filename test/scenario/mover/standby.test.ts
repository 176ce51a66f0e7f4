// A shard fails over to a standby that is a few ticks behind: it gives the same ids out again, for other events.
import { describe, expect, test } from 'vitest';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenEvents } from '../../support/installation/installation.ts';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { givenStandby } from '../../support/server/standby.ts';
import { databaseOn } from '../../support/server/template.ts';
import { until } from '../../support/until.ts';

const QUEUES = '  orders: { workers: none, create: true }\n  emails: { workers: none, create: true }';

describe('mover', () => {
  test('a standby promoted a few ticks behind halts what had been moved further, and repair moves what it has instead', async () => {
    const primary = await givenServer();
    const old = await givenDatabase({ server: primary });
    const other = await givenDatabase();
    const central = await givenDatabase();
    // What the shard's address leads to.
    const leads = { host: primary.host, port: primary.port };
    const address = await givenProxy(leads);
    const url = new URL(old.url);
    url.port = String(address.port);
    const forwarding = await givenForwarding({
      queues: QUEUES,
      cluster: { central, shards: [old, other] },
      via: { central, shards: [{ ...old, url: url.href }, other] },
    });
    const mover = forwarding.startMover();
    const arrived = async (queue: string) =>
      (
        await central.query<{ data: string }>(
          `select ev_data as data from ${await tableOf(central, queue)} where ev_extra4 like 's1:%' order by ev_id`,
        )
      ).map(({ data }) => data);
    const untilArrived = (queue: string, events: number) =>
      until(async () => (await arrived(queue)).length >= events, {
        what: `${events} ${queue}`,
        timeoutMs: 60_000,
      });
    for (let n = 1; n <= 3; n += 1) {
      await insert(old, 'orders', `before ${n}`);
      await insert(old, 'emails', `before ${n}`);
      await untilArrived('orders', n);
      await untilArrived('emails', n);
    }
    const standby = await givenStandby(primary);
    await insert(old, 'orders', 'common');
    await untilArrived('orders', 4);
    await standby.cutOff();
    const [common] = await old.query<Newest>(NEWEST_TICK, ['orders']);
    // The standby goes on 32 numbers further than it knows of: only beyond them ids come again.
    const lost = Array.from({ length: 40 }, (_, n) => `lost ${n}`);
    for (const data of lost) {
      await insert(old, 'orders', data);
      await old.query(`select pgq.ticker('orders')`);
    }
    await untilArrived('orders', 44);
    const [last] = await old.query<Newest>(NEWEST_TICK, ['orders']);
    expect(last?.id).toBeGreaterThan(common?.id as number);
    address.drop();
    await standby.promote();
    const promoted = await Connection.open(
      databaseOn({ ...primary, host: standby.host, port: standby.port }, old.name),
      { applicationName: 'tributary test' },
    );
    // The same ids again, before anybody looks.
    const anew: string[] = [];
    const newest = async () => (await promoted.query<Newest>(NEWEST_TICK, ['orders']))[0] as Newest;
    while ((await newest()).id < (last?.id as number) || (await newest()).events < (last?.events as number)) {
      anew.push(`anew ${anew.length}`);
      await promoted.query(`select pgq.insert_event('orders', 'test', $1)`, [anew.at(-1)]);
      await promoted.query(`select pgq.ticker('orders')`);
    }
    const ids = `select tick_id from pgq.tick join pgq.queue on queue_id = tick_queue where queue_name = 'orders' and tick_id = $1`;
    expect(await promoted.query(ids, [last?.id])).toHaveLength(1);
    leads.port = standby.port;
    address.heal();
    const [halted] = await until(
      async () => {
        const rows = await central.query<{ queue: string; reason: string }>(
          `select queue, halt_reason as reason from tributary.source where state = 'halted'`,
        );
        return rows.length > 0 ? rows : undefined;
      },
      { what: 'orders of the shard to be halted', timeoutMs: 60_000 },
    );
    expect(halted).toEqual({
      queue: 'orders',
      reason: expect.stringContaining(`tick ${last?.id} on the shard is not`),
    });
    // Nothing else stops: the shard's other queue, which had not been moved further, and the other shard.
    await promoted.query(`select pgq.insert_event('emails', 'test', 'after')`);
    await untilArrived('emails', 4);
    await givenEvents(other, 'orders', 3);
    const repaired = await run(['-c', forwarding.file, 'repair', 's1:orders', '--rewind']);
    expect(repaired).toMatchObject({ code: 0 });
    await promoted.query(`select pgq.insert_event('orders', 'test', 'last')`);
    await untilArrived('orders', 45 + anew.length);
    expect(await arrived('orders')).toEqual([
      ...['before 1', 'before 2', 'before 3', 'common'],
      ...lost,
      ...anew,
      'last',
    ]);
    expect(await arrived('emails')).toEqual(['before 1', 'before 2', 'before 3', 'after']);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });
});

interface Queryable {
  query<R>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

async function insert(shard: TestDatabase, queue: string, data: string): Promise<void> {
  await shard.query('select pgq.insert_event($1, $2, $3)', [queue, 'test', data]);
}

interface Newest {
  readonly id: number;
  readonly events: number;
}

const NEWEST_TICK = `select tick_id as id, tick_event_seq as events from pgq.tick join pgq.queue on queue_id = tick_queue
  where queue_name = $1 order by tick_id desc limit 1`;

async function tableOf(database: Queryable, queue: string): Promise<string> {
  const [row] = await database.query<{ name: string }>(
    'select queue_data_pfx as name from pgq.queue where queue_name = $1',
    [queue],
  );
  return row?.name as string;
}
