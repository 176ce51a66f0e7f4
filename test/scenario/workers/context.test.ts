import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { finished, givenWorker } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral } from '../../support/workers/worker-central.ts';

type Line = Readonly<Record<string, unknown>>;

function givenLog() {
  const lines: Line[] = [];
  const logger = pino(
    { level: 'info', base: null },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { lines, logger };
}

const ONCE = { retry: { attempts: 1, firstMs: 10, maxMs: 50 } };

describe('workers/child context', () => {
  test.each([undefined, false])(
    'the log of an event handler knows queue, slot, batch, event and origin (transaction: %s)',
    async (transaction) => {
      const { lines, logger } = givenLog();
      const central = await givenWorkerCentral();
      await central.produce('orders', 2);
      const ids: number[] = [];
      const running = givenWorker(
        central,
        {
          ...(transaction === undefined ? {} : { transaction }),
          event(event, { attempt, log }) {
            ids.push(event.id);
            log.info({ attempt }, 'seen');
          },
        },
        { logger },
      );
      await central.tick('orders');
      await until(() => finished(running).length === 1, { what: 'the batch' });
      const batch = finished(running)[0]?.token;
      expect(
        lines.filter(({ msg }) => msg === 'seen').map(({ time: _time, level: _level, ...line }) => line),
      ).toEqual(
        ids.map((event, at) => ({
          ...{ queue: 'orders', slot: 'orders#1', batch, event, origin: `s:orders:${at + 1}` },
          ...{ attempt: 1, msg: 'seen' },
        })),
      );
    },
  );

  test('the log of a batch handler knows queue, slot and batch; a failure is logged with its event', async () => {
    const { lines, logger } = givenLog();
    const central = await givenWorkerCentral();
    await central.produce('orders', 2);
    const running = givenWorker(
      central,
      {
        batch(events, { log }) {
          log.info('seen');
          if (events.some(({ origin }) => origin.id === 2)) throw new Error('not two');
        },
      },
      { ...ONCE, logger },
    );
    await central.tick('orders');
    await until(() => finished(running).length === 1, { what: 'the batch' });
    const batch = finished(running)[0]?.token;
    expect(lines[0]).toMatchObject({ queue: 'orders', slot: 'orders#1', batch, msg: 'seen' });
    expect(lines[0]).not.toHaveProperty('event');
    expect(lines.at(-1)).toMatchObject({
      ...{ queue: 'orders', slot: 'orders#1', batch, origin: 's:orders:2', attempt: 1 },
      msg: 'the event failed for the last time and is dead now',
      err: { message: 'not two' },
    });
  });

  test('attempt is that of the event that was tried most often', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 3);
    const attempts: (readonly [number, number])[] = [];
    givenWorker(central, {
      batch(events, { attempt }) {
        attempts.push([events.length, attempt]);
        if (attempt < 3 && events.some(({ origin }) => origin.id === 2)) throw new Error('not yet');
      },
    });
    await until(
      async () => {
        await central.tick('orders');
        return attempts.some(([, attempt]) => attempt === 3);
      },
      { what: 'the third try' },
    );
    expect(attempts[0]).toEqual([3, 1]);
    expect(attempts.at(-1)).toEqual([1, 3]);
  });
});
