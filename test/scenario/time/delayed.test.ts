// Delayed events with real movers and workers: from shards by `deliver_at`, from handlers by `send`, and what operators do.
import { describe, expect, test } from 'vitest';
import { givenForwarding } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { run } from '../../support/processes/run-cli.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

/** Two of three events wait, up to a second and a half; those of type far for an hour. */
const DELIVER_AT =
  "case when ev_type = 'far' then ev_time + interval '1 hour' when ev_id % 3 > 0 then ev_time + ev_id % 4 * interval '500 milliseconds' end";

describe('delayed events', () => {
  test('killed at both points of delivery under load, movers put each event into its queue once, none before its time', async () => {
    const random = randomFrom();
    const forwarding = await givenForwarding({
      shards: 2,
      queues: [
        `  orders: { workers: none, create: true, deliver_at: "${DELIVER_AT}" }`,
        '  emails: { workers: none, create: true }',
      ].join('\n'),
    });
    const { central } = forwarding;
    const load = startLoad(forwarding.shards, { queues: ['orders', 'emails'], random, bulk: 50 });
    for (const point of ['delayed:before', 'delayed:delivered'])
      for (let kills = 0; kills < 2; kills += 1) {
        const dying = forwarding.startMover({
          env: { TRIBUTARY_FAIL_POINT: `${point}=kill*${1 + random.below(3)}` },
        });
        expect(await dying.exit, point).toEqual({ code: null, signal: 'SIGKILL' });
      }
    const last = forwarding.startMover();
    await load.stop();
    const [shard] = forwarding.shards;
    const [far] =
      (await shard?.query<{ id: number }>("select pgq.insert_event('orders', 'far', '1') as id")) ?? [];
    // What waits is in central's hands: the proof holds at any moment.
    await forwarding.untilProven();
    await until(
      async () => (await central.query("select from tributary.delayed_waiting('orders')")).length === 1,
      { what: 'nothing else waits', timeoutMs: 60_000 },
    );
    const proof = await forwarding.untilProven();
    expect(proof.moved).toBe((await forwarding.moved()) + 1);
    const trace = async (id: number | undefined) =>
      JSON.parse((await run(['-c', forwarding.file, 'trace', `s1:orders:${id}`, '--json'])).stdout);
    expect(await trace(far?.id)).toMatchObject({
      state: 'delayed',
      summary: expect.stringMatching(/^It waits until .*, as delayed event \d+ of central queue orders\./),
      move: { mover: expect.any(String) },
    });
    const [gone] = await central.query<{ origin: string }>(
      "select ev_extra4 as origin from tributary.delayed where ev_type <> 'far' and due_at is not null and ev_extra4 like 's1:%' order by id desc limit 1",
    );
    expect(await trace(Number(gone?.origin.split(':')[2]))).toMatchObject({
      state: 'forwarded',
      central: { queue: 'orders' },
    });
    // By central's clock, also where its transaction began before.
    const [pfx] = await central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
    );
    const [early] = await central.query<{ n: number; delayed: number }>(
      `select count(*) filter (where r.at < d.due_at)::int as n, count(*)::int as delayed
       from tributary.delayed d join ${pfx?.name} e on e.ev_extra4 = d.ev_extra4
       join tributary.delayed_run r on r.xid = e.ev_txid and r.central_queue = 'orders' where d.due_at is not null`,
    );
    expect(early?.n, `seed ${random.seed}`).toBe(0);
    expect(early?.delayed, `seed ${random.seed}`).toBeGreaterThan(50);
    last.kill('SIGTERM');
    expect((await last.exit).code).toBe(0);
  });

  test('what handlers send for later waits, is shown, traced, cancelled and advanced; a queue without sources is fed by it alone', async () => {
    const hosts = await givenWorkerHosts(
      [
        '  orders: { create: true, workers: 1, handler: ./later.mjs }',
        '  emails: { from: [], workers: 1, handler: ./write.mjs }',
      ].join('\n'),
      {
        'later.mjs': `export default { event(event, { send }) {
          const { n } = event.json();
          send('emails', { type: 'mail', data: event.data }, n < 3 ? { after: '300ms' } : { at: new Date(Date.now() + 3_600_000) });
        } };`,
        'write.mjs': `export default { async event(event, { client }) {
          await client.query('insert into effect (n, slot) values ($1, $2)', [event.json().n, String(event.origin)]);
        } };`,
      },
    );
    const { central, tributary } = hosts;
    const one = await hosts.startHost('h1');
    await untilWorkers(hosts, [one], 2);
    await central.produce('orders', 6);
    await until(async () => (await central.effects()).length === 2, {
      what: 'the two that wait shortly',
      timeoutMs: 60_000,
    });
    const listed = await until(
      async () => {
        const { stdout } = await tributary('delayed', 'list', '--json');
        const found = JSON.parse(stdout) as {
          total: number;
          events: { id: number; origin: string; due: string }[];
        };
        return found.total === 4 && found;
      },
      { what: 'four that wait' },
    );
    expect(listed.events.map(({ origin }) => origin)).toEqual([3, 4, 5, 6].map((n) => `s:orders:${n}>`));
    const [third, fourth] = listed.events;
    const lag = JSON.parse((await tributary('lag', '--json')).stdout) as {
      central: Record<string, unknown>[];
    };
    expect(lag.central.find(({ queue }) => queue === 'emails')).toMatchObject({
      delayed: 4,
      next_delayed: third?.due,
    });
    expect((await tributary('lag')).stdout).toMatch(/ delayed\n.*\n.*emails .* 4\n/);
    expect((await tributary('delayed', 'show', String(third?.id))).stdout).toContain('type:    mail');

    expect((await tributary('delayed', 'cancel', '--queue', 'emails')).code).toBe(2);
    expect((await tributary('delayed', 'cancel', '--queue', 'emails', '--dry-run')).stdout).toMatch(
      /^4 delayed events: 4 of emails, due from /,
    );
    expect((await tributary('delayed', 'cancel', String(third?.id))).stdout).toMatch(
      /1 delayed event cancelled\./,
    );
    expect((await tributary('delayed', 'show', String(third?.id))).code).toBe(1);
    expect((await tributary('delayed', 'now', String(fourth?.id))).stdout).toMatch(
      /1 delayed event made due\./,
    );
    await until(async () => (await central.effects()).includes(4), { what: 'the one made due' });

    const traced = async (n: number) => {
      // Where ticks take numbers of the same sequence, as the extension's do, ids are not places.
      const [row] = await central.query<{ id: number }>(
        'select ev_id as id from pgq.event_template where ev_extra4 = $1',
        [`s:orders:${n}`],
      );
      return JSON.parse((await tributary('trace', `orders:${row?.id}`, '--json')).stdout);
    };
    const sentFor = async (n: number) => (await traced(n)).sent as { state: string; summary: string }[];
    expect(await sentFor(3)).toMatchObject([
      { state: 'cancelled', summary: expect.stringMatching(/^It was cancelled at .* by .*@/) },
    ]);
    expect(await sentFor(4)).toMatchObject([{ state: 'handled' }]);
    expect(await sentFor(5)).toMatchObject([
      {
        state: 'delayed',
        summary: expect.stringMatching(/^It waits until .*, as delayed event \d+ of central queue emails/),
      },
    ]);

    one.kill('SIGKILL');
    const two = await hosts.startHost('h2');
    await tributary('delayed', 'now', '--all', '--yes');
    await until(async () => (await central.effects()).length === 5, { what: 'the rest', timeoutMs: 60_000 });
    expect(await central.effects()).toEqual([1, 2, 4, 5, 6]);
    two.kill('SIGTERM');
    await two.exit;
  });
});
