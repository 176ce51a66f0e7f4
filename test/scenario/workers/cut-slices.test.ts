// A slice in which so much fails that a part of it is committed, and whose rest then fails at its commit.
import { expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { finished, givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

const EVENTS = 64;
/** Of earlier events: so many fail that each one is handled under a savepoint of its own. */
const FIRST = 1_000;
const isBad = (n: number) => (n > FIRST ? n % 5 !== 0 : n === 2 || n === 4);

test('what a slice has committed before it fails is not handled again', async () => {
  const central = await givenWorkerCentral();
  let passes = 0;
  const late = new Set<number>();
  const running = givenWorker(
    central,
    {
      async event(event, { client }) {
        const { n } = event.json<{ n: number }>();
        if (n === 1) passes += 1;
        await client.query('insert into effect (n) values ($1)', [n]);
        if (isBad(n)) throw new Error('always');
        // The whole batch fails at its first commit; the slice only at its last one.
        const isTwin = (passes === 1 && (n === 3 || n === 5)) || (passes === 2 && n > 60 && !late.has(n));
        if (passes === 2 && n > 60) late.add(n);
        if (n < FIRST) await client.query('insert into bill values ($1)', [isTwin ? 0 : n]);
      },
    },
    { retry: { attempts: 2, firstMs: 600_000, maxMs: 600_000 } },
  );
  // The worker looks for deferred constraints before the one below is there.
  await central.produce('orders', 200, { from: FIRST + 1 });
  await central.tick('orders');
  await until(() => finished(running).some(({ events }) => events > 0), { what: 'the first batch' });
  await central.query('create table bill (key int, unique (key) deferrable initially deferred)');
  await central.produce('orders', EVENTS);
  await central.tick('orders');
  await until(() => finished(running).some(({ events }) => events === EVENTS), {
    what: 'the batch',
    timeoutMs: 60_000,
  });
  expect(passes).toBe(2);
  const good = numbers(EVENTS).filter((n) => !isBad(n));
  expect((await central.effects()).filter((n) => n < FIRST)).toEqual(good);
});
