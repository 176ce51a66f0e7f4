import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { numbers } from '../../support/workers/child-worker.ts';
import { givenTicker, givenWorkerHosts } from '../../support/workers/worker-host.ts';

const EVENTS = 10_000;
/** One in a hundred fails, one in ten thousand kills; one more that is found in the same run. */
const fails = (n: number) => n % 100 === 37;
const KILLERS = [4_567, 7_770];

const HANDLER = `export default { async event(event, { client }) {
  const { n } = event.json();
  await client.query('insert into effect (n, slot) values ($1, $2)', [n, String(process.pid)]);
  if (${JSON.stringify(KILLERS)}.includes(n)) process.exit(1);
  if (n % 100 === 37) throw new Error('number ' + n + ' is bad');
} };`;
const QUEUE =
  '  orders: { create: true, workers: 2, handler: ./write.mjs, retry: { attempts: 3, first: 20ms, max: 50ms } }';

describe('goodput', () => {
  test('where 1 % of the events fail and some kill their worker, all others are handled once, and each bad one is dead once with its error', async () => {
    const hosts = await givenWorkerHosts(QUEUE, { 'write.mjs': HANDLER });
    const { central } = hosts;
    await central.produce('orders', EVENTS / 2);
    await central.tick('orders');
    await central.produce('orders', EVENTS / 2, { from: EVENTS / 2 + 1 });
    givenTicker(central, 'orders');
    const host = await hosts.startHost('h1');
    const bad = numbers(EVENTS).filter((n) => fails(n) || KILLERS.includes(n));
    const dead = await until(
      async () => {
        const rows = await central.query<{ n: number; kind: string; error: string; attempts: number }>(
          `select split_part(origin, ':', 3)::int as n, kind, error, attempts from tributary.dead_event order by 1`,
        );
        return rows.length >= bad.length && rows;
      },
      { what: 'all bad events dead', timeoutMs: 120_000, everyMs: 200 },
    );
    await until(async () => (await central.effects()).length >= EVENTS - bad.length, {
      what: 'all others handled',
      timeoutMs: 60_000,
      everyMs: 200,
    });
    expect(await central.effects()).toEqual(numbers(EVENTS).filter((n) => !bad.includes(n)));
    expect(dead.map(({ n }) => n)).toEqual(bad);
    for (const { n, kind, error, attempts } of dead) {
      if (KILLERS.includes(n))
        expect([kind, error]).toEqual([
          'killed',
          expect.stringMatching(/died while they handled this event alone/),
        ]);
      else
        expect({ n, kind, error, attempts }).toEqual({
          n,
          kind: 'handler',
          error: `number ${n} is bad`,
          attempts: 3,
        });
    }
    // Once in company, twice alone.
    expect(host.stderr.filter((line) => / died /.test(line))).toHaveLength(3 * KILLERS.length);
  });
});
