// Chaos: random faults on workers, hosts and central, and other lanes, under load on a queue whose keys pause, and now and then are
// limited or fair. After every round each event was handled exactly once, or is dead exactly once, and those with one key were
// handled in their order.
import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { chaosOf, givenWorkField, random, workRounds } from './work-rounds.ts';

const { rounds, faults } = chaosOf({ rounds: 1, faults: 20 });
/** All events belong to 20 keys. */
const KEY = "((ev_data::json ->> 'n')::integer % 20)::text";
const QUEUE = `  orders: { create: true, key: "${KEY}", lanes: 8, on_failure: pause, workers: 3, handler: ./write.mjs, timeout: 5s, retry: { attempts: 2, first: 50ms, max: 50ms } }`;

describe('lanes', () => {
  test(`${rounds} rounds of ${faults} random faults: each event is handled exactly once or dead, and each key in its order`, async () => {
    const field = await givenWorkField(QUEUE, { secondTryOf: 50 });
    const { central } = field;
    const change = async () => {
      const [count, isFair, perKey] = [1 + random.below(16), random.oneIn(2), random.oneIn(3) ? 20 : null];
      await central.query(
        `select tributary.lanes_set('orders', 'workers_' || name, $1, $2, true, $3, $4) from tributary.identity`,
        [KEY, count, isFair, perKey],
      );
      return `${count} lanes${isFair ? ', fair' : ''}${perKey === null ? '' : `, ${perKey}/s of each key`}`;
    };
    await workRounds(field, {
      ...{ rounds, faults, settledWithinMs: 120_000, filledWithinMs: 60_000 },
      strike: () => (random.oneIn(6) ? change() : undefined),
      async prove() {
        expect(
          await central.query(
            `select n, before from (select n, max(n) over (partition by n % 20 order by at, n rows between unbounded preceding and 1 preceding) as before from effect) e
            where before > n`,
          ),
        ).toEqual([]);
        await until(
          async () => {
            const [waiting] = await central.query<{ n: number }>(
              'select ((select count(*) from tributary.lane_waiting) + (select count(*) from tributary.paused_key))::int as n',
            );
            return waiting?.n === 0;
          },
          { what: 'nothing that waits' },
        );
      },
    });
  });
});
