import { describe, expect, test } from 'vitest';
import { TIMING } from '../../../src/lifecycle/timing.ts';
import { until } from '../../support/until.ts';
import type { WorkerCentral } from '../../support/workers/worker-central.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

/** When each event started, in the transaction that handles it. */
const EVENT_HANDLER = `export default { async event(event, { client }) {
  await client.query('insert into effect (n) values ($1)', [event.json().n]);
} };`;
const BATCH_HANDLER = `export default { async batch(events, { client }) {
  await client.query('insert into effect (n, at) select unnest($1::int[]), now()', [events.map((event) => event.json().n)]);
} };`;

interface Pace {
  readonly seconds: number;
  /** Most that were granted in any ten seconds, by central's clock: starts come behind, sooner or later as busy as the machine is. */
  readonly most: number;
  /** Events that had started before they were granted. */
  readonly early: number;
}

/** Notes when central grants how many events. */
async function noteGrants(central: WorkerCentral): Promise<void> {
  await central.query('create table granted (at timestamptz default clock_timestamp(), events integer)');
  await central.query(
    `create function note_grant() returns trigger as 'begin insert into public.granted (events) values (new.events); return new; end'
      language plpgsql`,
  );
  await central.query(
    'create trigger note after insert on tributary.rate_grant for each row execute function note_grant()',
  );
}

async function paceOf(central: WorkerCentral): Promise<Pace> {
  const [pace] = await central.query<Pace>(
    `select extract(epoch from max(at) - min(at))::float8 as seconds,
            max((select sum(g.events) from granted g
                  where g.at between s.at and s.at + interval '10 seconds'))::int as most,
            (select count(*)::int
               from (select at, count(*) over (order by at) as started from effect) e
              where e.started > (select coalesce(sum(g.events), 0) from granted g where g.at <= e.at)) as early
       from granted s`,
  );
  return pace as Pace;
}

describe('a queue with a rate', () => {
  test('two hosts together start no more events than the rate allows', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 4, handler: ./write.mjs, rate: 20/s }',
      { 'write.mjs': EVENT_HANDLER },
    );
    const { central } = hosts;
    await noteGrants(central);
    // What one gathered commit brought is one batch of many times the rate; then come small ones.
    await central.produce('orders', 150);
    await central.tick('orders');
    const started = await Promise.all([hosts.startHost('h1'), hosts.startHost('h2')]);
    await untilWorkers(hosts, started, 4);
    givenTicker(central, 'orders');
    for (let n = 150; n < 400; n += 10) await central.produce('orders', 10, { from: n + 1 });
    await until(async () => (await central.effects()).length >= 400, {
      what: 'all events',
      timeoutMs: 60_000,
    });
    expect(await central.effects()).toEqual(numbers(400));
    const { most, early } = await paceOf(central);
    // How near it comes to the rate depends on how busy the machine is; quiet, it is 19 a second.
    expect(most).toBeLessThanOrEqual(200);
    expect(early).toBe(0);
  });

  test('a batch handler’s events count one by one, and no transaction is open while they wait', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 2, handler: ./write.mjs, rate: 20/s }',
      { 'write.mjs': BATCH_HANDLER },
    );
    const { central } = hosts;
    await noteGrants(central);
    await central.produce('orders', 250);
    await central.tick('orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    let longestMs = 0;
    await until(
      async () => {
        const [row] = await central.query<{ ms: number | null }>(
          `select max(extract(epoch from clock_timestamp() - xact_start)) * 1000 as ms from pg_stat_activity
            where datname = current_database() and application_name like 'tributary orders#%'`,
        );
        longestMs = Math.max(longestMs, Number(row?.ms ?? 0));
        return (await central.effects()).length >= 250;
      },
      { what: 'all events', timeoutMs: 60_000 },
    );
    expect(await central.effects()).toEqual(numbers(250));
    const { seconds, most, early } = await paceOf(central);
    expect(most).toBeLessThanOrEqual(200);
    expect(early).toBe(0);
    // A transaction that was open while they wait would be so nearly all of the time, however busy the machine is.
    expect(longestMs).toBeLessThan((seconds * 1_000) / 2);
  });

  test('scaling and draining end a wait of minutes at once; what waited is handled by another', async () => {
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 1, handler: ./write.mjs, rate: 2/h }',
      { 'write.mjs': EVENT_HANDLER },
    );
    const { central, tributary } = hosts;
    await central.produce('orders', 10);
    await central.tick('orders');
    const one = await hosts.startHost('h1');
    await until(async () => (await central.effects()).length === 1, { what: 'the first event' });
    await tributary('scale', 'orders', '0');
    await untilWorkers(hosts, [one], 0, { timeoutMs: TIMING.slots.lettingGo.drainMs / 2 });
    await tributary('scale', 'orders', '1');
    await untilWorkers(hosts, [one], 1);
    await until(
      async () =>
        (await central.query('select 1 from pgq.subscription where sub_batch is not null')).length === 1,
      { what: 'the batch with its next worker' },
    );
    const stoppedMs = performance.now();
    one.kill('SIGTERM');
    expect((await one.exit).code).toBe(0);
    // By itself: what does not drain is ended after this.
    expect(performance.now() - stoppedMs).toBeLessThan(TIMING.slots.stopping.drainMs);
    expect(await central.effects()).toEqual([1]);
    // As if the rest of the hours had passed.
    hosts.rewrite((text) => text.replace('rate: 2/h', 'rate: 1000/s'));
    await hosts.startHost('h2');
    await until(async () => (await central.effects()).length === 10, { what: 'the other events' });
    expect(await central.effects()).toEqual(numbers(10));
    await until(async () => (await central.query('select 1 from tributary.narrowing')).length === 0, {
      what: 'the end of the batch',
    });
  });
});
