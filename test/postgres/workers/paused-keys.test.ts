// Keys that pause when one of their events fails, with workers in this process: order by key through failures, lost connections,
// retries, deaths of events and changes of the number of lanes.
import { describe, expect, test } from 'vitest';
import type { Event, Handler } from '../../../src/handler/contract.ts';

import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { givenWorker } from '../../support/workers/child-worker.ts';
import { GROUP, givenWorkerCentral, type WorkerCentral } from '../../support/workers/worker-central.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const COUNT = 300;
const TRIES = 4;

interface Payload {
  readonly n: number;
  readonly key: string;
  /** How many of its tries fail. */
  readonly fails: number;
}

/** What a handler has seen and done, and whether two of one key were ever at work at once. */
class Seen {
  readonly #atWork = new Map<string, number>();
  readonly together: string[] = [];

  async during<T>(key: string, n: number, work: () => Promise<T>): Promise<T> {
    const other = this.#atWork.get(key);
    if (other !== undefined) this.together.push(`${other} and ${n} of ${key}`);
    this.#atWork.set(key, n);
    try {
      return await work();
    } finally {
      this.#atWork.delete(key);
    }
  }
}

const INSERT =
  'insert into done (n, key) select n, k from unnest($1::int[], $2::text[]) with ordinality d (n, k, at) order by at';

function handlerOf(kind: 'event' | 'batch' | 'free', central: WorkerCentral, seen: Seen): Handler {
  const payloadOf = (event: Event) => event.json() as unknown as Payload;
  const isFailing = (event: Event) => payloadOf(event).fails > event.retry;
  if (kind === 'batch')
    return {
      async batch(events, { client }) {
        const all = events.map(payloadOf);
        await client.query(INSERT, [all.map(({ n }) => n), all.map(({ key }) => key)]);
        if (events.some(isFailing)) throw new Error('Not yet.');
      },
    };
  if (kind === 'free')
    return {
      transaction: false,
      concurrency: 4,
      async event(event) {
        const { n, key } = payloadOf(event);
        await seen.during(key, n, async () => {
          if (isFailing(event)) throw new Error('Not yet.');
          await central.query(INSERT, [[n], [key]]);
        });
      },
    };
  return {
    async event(event, { client }) {
      const { n, key } = payloadOf(event);
      await seen.during(key, n, async () => {
        if (n % 3 !== 0) await client.query(INSERT, [[n], [key]]);
        if (isFailing(event)) throw new Error('Not yet.');
        if (n % 3 === 0) await client.query(INSERT, [[n], [key]]);
      });
    },
  };
}

describe('keys that pause', () => {
  test.each([
    ['event', 1],
    ['event', 2],
    ['batch', 3],
    ['free', 4],
  ] as const)(
    'the order by key holds through failures, retries and kills: followers wait, other keys go on (%s, seed %i)',
    async (kind, seed) => {
      const random = randomFrom(seed);
      const central = await givenWorkerCentral();
      await central.query(
        'create table done (id bigint generated always as identity, n int not null, key text)',
      );
      const lanes = (count: number) =>
        central.query('select tributary.lanes_set($1, $2, $3, $4, true, $5, $6)', [
          ...['orders', GROUP, 'ev_extra1', count],
          ...[random.oneIn(2), random.pick([null, 100])],
        ]);
      await lanes(4);
      const seen = new Seen();
      const handler = handlerOf(kind, central, seen);
      for (const at of [1, 2, 3])
        givenWorker(central, handler, {
          slot: `orders#${at}`,
          retry: { attempts: TRIES, firstMs: 1, maxMs: 20 },
        });
      const made: Payload[] = [];
      const settled = async () => {
        const [row] = await central.query<{ n: number }>(
          'select ((select count(*) from done) + (select count(*) from tributary.dead_event))::int as n',
        );
        return row?.n ?? 0;
      };
      while (made.length < COUNT) {
        const some = Array.from({ length: 1 + random.below(20) }, (_, at): Payload => {
          const n = made.length + at + 1;
          const fails = random.oneIn(12) ? (random.oneIn(5) ? TRIES : 1 + random.below(2)) : 0;
          return { n, key: random.pick(KEYS), fails };
        });
        made.push(...some);
        await central.query(
          "select pgq.insert_event('orders', 'made', e.data, e.key, null, null, 's:orders:' || e.n) from unnest($1::text[], $2::text[], $3::int[]) with ordinality e (data, key, n, at) order by at",
          [some.map((one) => JSON.stringify(one)), some.map(({ key }) => key), some.map(({ n }) => n)],
        );
        await central.tick('orders');
        if (random.oneIn(4)) await lanes(random.pick([2, 3, 6]));
        if (kind !== 'free' && random.oneIn(3))
          await central.query(
            'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = $1',
            [`tributary orders#${1 + random.below(3)}`],
          );
      }
      await until(
        async () => {
          await central.tick('orders');
          return (await settled()) >= made.length;
        },
        { what: `${made.length} events done or dead`, timeoutMs: 100_000 },
      );

      const dead = made.filter(({ fails }) => fails >= TRIES).map(({ n }) => n);
      const done = await central.query<{ n: number; key: string }>('select n, key from done order by id');
      for (const key of KEYS)
        expect(done.filter((one) => one.key === key).map(({ n }) => n)).toEqual(
          made.filter((one) => one.key === key && !dead.includes(one.n)).map(({ n }) => n),
        );
      expect(seen.together).toEqual([]);
      expect(
        await central.query("select (ev_data::json ->> 'n')::int as n from tributary.dead_event order by 1"),
      ).toEqual(dead.map((n) => ({ n })));
      await until(
        async () => {
          const [left] = await central.query<{ n: number }>(
            'select ((select count(*) from tributary.lane_waiting) + (select count(*) from tributary.paused_key) + (select count(*) from tributary.attempt))::int as n',
          );
          return left?.n === 0;
        },
        { what: 'nothing that waits', timeoutMs: 30_000 },
      );
    },
  );
});
