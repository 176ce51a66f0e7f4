// Unique keys with real processes: from shards and from handlers only the first event of a key goes in, whoever is killed.
import { describe, expect, test } from 'vitest';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

describe('unique keys', () => {
  test('two shards bring the same keys while movers are killed: each key is there once, and the others are counted and traced', async () => {
    const forwarding = await givenForwarding({
      shards: 2,
      queues: '  orders: { workers: none, create: true, unique: { key: "ev_data::int % 40", for: 1h } }',
    });
    const { central, file, shards } = forwarding;
    const insert = async (from: number) => {
      for (const shard of shards)
        await shard.query(
          "select count(pgq.insert_event('orders', 'made', n::text)) from generate_series($1::int, $2::int) n",
          [from, from + 199],
        );
    };
    for (const [at, point] of ['delayed:before', 'delayed:delivered'].entries()) {
      const dying = forwarding.startMover({ env: { TRIBUTARY_FAIL_POINT: `${point}=kill` } });
      await insert(at * 200);
      expect(await dying.exit, point).toEqual({ code: null, signal: 'SIGKILL' });
    }
    const last = forwarding.startMover();
    await insert(400);
    await until(
      async () => {
        const [row] = await central.query<{ n: number }>(
          'select count(*)::int as n from tributary.unique_left',
        );
        return (row?.n ?? 0) + (await forwarding.moved()) === 1_200;
      },
      { what: 'all of them', timeoutMs: 60_000 },
    );
    const [pfx] = await central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
    );
    const keys = await central.query<{ key: number }>(
      `select ev_data::int % 40 as key from ${pfx?.name} order by 1`,
    );
    expect(keys.map(({ key }) => key)).toEqual(Array.from({ length: 40 }, (_, at) => at));
    const proof = await forwarding.untilProven();
    expect(proof).toMatchObject({ committed: 1_200, moved: 1_200, twice: [], lost: [] });
    const lag = JSON.parse((await run(['-c', file, 'lag', '--json'])).stdout) as {
      central: { left_out: number }[];
    };
    expect(lag.central[0]?.left_out).toBe(1_160);
    const [left] = await central.query<{ origin: string }>(
      'select ev_extra4 as origin from tributary.unique_left limit 1',
    );
    const trace = await run(['-c', file, 'trace', left?.origin ?? '', '--json']);
    expect(JSON.parse(trace.stdout)).toMatchObject({
      state: 'left-out',
      summary: expect.stringMatching(
        /^It was left out at .*: another event with its unique key had gone into central queue orders/,
      ),
    });
    last.kill('SIGTERM');
    expect((await last.exit).code).toBe(0);
  });

  test('what handlers send has keys as well', async () => {
    const hosts = await givenWorkerHosts(
      [
        '  orders: { create: true, workers: 2, handler: ./pass.mjs }',
        '  emails: { from: [], workers: 1, handler: ./write.mjs, unique: { key: "ev_type", for: 1h } }',
      ].join('\n'),
      {
        'pass.mjs': `export default { event(event, { send }) {
          const { n } = event.json();
          send('emails', { type: 'to ' + n % 5, data: { n } });
        } };`,
        'write.mjs': `export default { async event(event, { client }) {
          await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, event.type]);
        } };`,
      },
    );
    const { central } = hosts;
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 3);
    await central.produce('orders', 30);
    await until(async () => (await central.query('select from tributary.unique_left')).length === 25, {
      what: 'the others',
      timeoutMs: 60_000,
    });
    await until(async () => (await central.effects()).length === 5, {
      what: 'one of each',
      timeoutMs: 60_000,
    });
    const types = await central.query<{ slot: string }>('select slot from effect order by 1');
    expect(types.map(({ slot }) => slot)).toEqual([0, 1, 2, 3, 4].map((n) => `to ${n}`));
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
  });
});
