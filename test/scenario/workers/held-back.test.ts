import { describe, expect, test } from 'vitest';
import type { Handler } from '../../../src/handler/contract.ts';
import type { ToPrimary } from '../../../src/workers/protocol.ts';
import { until } from '../../support/until.ts';
import { givenWorker, numbers } from '../../support/workers/child-worker.ts';
import { givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';
import { givenTicker } from '../../support/workers/worker-host.ts';

const EVENTS = 400;
/** Two tries: without the breaker every event would be dead after two. */
const TWICE = { retry: { attempts: 2, firstMs: 10, maxMs: 20 } };

interface World {
  readonly central: WorkerCentral;
  isDown: boolean;
  /** Different events that the handler was called with. */
  readonly tried: Set<number>;
}

const nOf = (event: { json<T>(): T }) => event.json<{ n: number }>().n;

const HANDLERS: Readonly<Record<string, (world: World) => Handler>> = {
  'an event handler': (world) => ({
    async event(event, { client }) {
      world.tried.add(nOf(event));
      await client.query('insert into effect (n) values ($1)', [nOf(event)]);
      if (world.isDown) throw new Error('the service is down');
    },
  }),
  'a handler that writes nothing while it fails': (world) => ({
    async event(event, { client }) {
      world.tried.add(nOf(event));
      if (world.isDown) throw new Error('the service is down');
      await client.query('insert into effect (n) values ($1)', [nOf(event)]);
    },
  }),
  'a batch handler': (world) => ({
    async batch(events, { client }) {
      if (events.length === 1) world.tried.add(nOf(events[0] as (typeof events)[0]));
      await client.query('insert into effect (n) select unnest($1::int[])', [events.map(nOf)]);
      if (world.isDown) throw new Error('the service is down');
    },
  }),
  'a handler whose transaction fails': (world) => ({
    async event(event, { client }) {
      world.tried.add(nOf(event));
      await client.query('insert into effect (n) values ($1)', [nOf(event)]);
      if (world.isDown) await client.query('insert into late values (1)');
    },
  }),
  'a free handler that calls many at once': (world) => ({
    transaction: false,
    concurrency: 8,
    async event(event) {
      world.tried.add(nOf(event));
      if (world.isDown) throw new Error('the service is down');
      await world.central.query('insert into effect (n) values ($1)', [nOf(event)]);
    },
  }),
  'a free batch handler': (world) => ({
    transaction: false,
    async batch(events) {
      if (events.length === 1) world.tried.add(nOf(events[0] as (typeof events)[0]));
      if (world.isDown) throw new Error('the service is down');
      await world.central.query('insert into effect (n) select unnest($1::int[])', [events.map(nOf)]);
    },
  }),
};

const dead = (central: WorkerCentral) =>
  central.query<{ n: number; attempts: number }>(
    "select split_part(origin, ':', 3)::int as n, attempts from tributary.dead_event order by 1",
  );

const gaveUps = (messages: readonly ToPrimary[]) => messages.filter(({ type }) => type === 'gaveUp');

describe('workers/child where nothing succeeds', () => {
  test.each(Object.keys(HANDLERS))(
    '%s that fails for everything is held back, and no event dies of it',
    async (name) => {
      const central = await givenWorkerCentral();
      await central.query(`
        create table late (n int);
        create function refuse() returns trigger language plpgsql as $$ begin raise 'the service is down'; end $$;
        create constraint trigger refuse after insert on late deferrable initially deferred
          for each row execute function refuse()`);
      const world: World = { central, isDown: true, tried: new Set() };
      await central.produce('orders', EVENTS);
      const running = givenWorker(central, (HANDLERS[name] as (typeof HANDLERS)[string])(world), TWICE);
      givenTicker(central, 'orders');
      await until(() => /^nothing has succeeded for /.test(running.worker.record.figures.heldBack ?? ''), {
        what: 'the worker to be held back',
        timeoutMs: 60_000,
      });
      // Two probes later every event would long be dead.
      const since = world.tried.size;
      await until(() => world.tried.size > since + 6, { what: 'two probes', timeoutMs: 60_000 });
      expect(world.tried.size).toBeLessThan(EVENTS / 2);
      expect(running.worker.record.figures.heldBack).toMatch(
        /the service is down\. No event loses a try by it; the next \d+ events are tried in \d+s\.$/,
      );
      expect(await dead(central)).toEqual([]);
      world.isDown = false;
      await until(async () => (await central.effects()).length >= EVENTS, {
        what: 'all events',
        timeoutMs: 90_000,
      });
      expect(await central.effects()).toEqual(numbers(EVENTS));
      expect(running.worker.record.figures.heldBack).toBeUndefined();
      expect(await dead(central)).toEqual([]);
      expect(gaveUps(running.messages).length).toBeLessThan(5);
    },
  );

  test('a few bad events that are alone in their queue are dead after their tries', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', 5);
    givenWorker(
      central,
      {
        async event() {
          throw new Error('bad');
        },
      },
      TWICE,
    );
    givenTicker(central, 'orders');
    await until(async () => (await dead(central)).length === 5, { what: 'five dead events' });
    expect(await dead(central)).toEqual(numbers(5).map((n) => ({ n, attempts: 2 })));
  });

  test('many bad events that come at once delay the good ones behind them by seconds, and become dead after their own tries', async () => {
    const central = await givenWorkerCentral();
    const BAD = 100;
    await central.produce('orders', BAD + 50);
    givenWorker(
      central,
      {
        async event(event, { client }) {
          if (nOf(event) <= BAD) throw new Error('bad');
          await client.query('insert into effect (n) values ($1)', [nOf(event)]);
        },
      },
      TWICE,
    );
    givenTicker(central, 'orders');
    await until(async () => (await central.effects()).length === 50, {
      what: 'the good ones',
      timeoutMs: 90_000,
    });
    // As long as something succeeds, what fails counts.
    let next = 1_000;
    await until(
      async () => {
        await central.produce('orders', 1, { from: next++ });
        return (await dead(central)).length === BAD;
      },
      { what: 'all bad ones to die', timeoutMs: 120_000, everyMs: 100 },
    );
    expect((await dead(central)).map(({ n }) => n)).toEqual(numbers(BAD));
  });

  test('a worker that is stopped while nothing succeeds ends at once', async () => {
    const central = await givenWorkerCentral();
    await central.produce('orders', EVENTS);
    const running = givenWorker(
      central,
      {
        async event() {
          throw new Error('no');
        },
      },
      TWICE,
    );
    await central.tick('orders');
    await until(() => running.worker.record.figures.heldBack !== undefined, {
      what: 'the worker to be held back',
      timeoutMs: 60_000,
    });
    await running.stop();
    expect(await central.query('select openings from tributary.coop_opening')).toEqual([{ openings: 1 }]);
  });
});
