// Chaos: random faults on workers, hosts and central under load, and after every round the proof that each event was either
// handled exactly once, in the table that its handler writes to, or is dead exactly once. All the while `/readyz` of each host tells
// no lie.
import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { ReadinessWatch } from './readiness-watch.ts';
import { chaosOf, givenWorkField, say, workRounds } from './work-rounds.ts';

const { rounds, faults } = chaosOf({ rounds: 3, faults: 10 });
const QUEUE =
  '  orders: { create: true, workers: 3, handler: ./write.mjs, timeout: 5s, recycle: { after: 100 batches }, retry: { attempts: 2, first: 50ms, max: 50ms } }';
const FILLED_WITHIN_MS = 30_000;

describe('workers', () => {
  test(`${rounds} rounds of ${faults} random faults: each event is handled exactly once, or dead exactly once`, async () => {
    const field = await givenWorkField(QUEUE, { secondTryOf: 200 });
    const { central, crew } = field;
    const [events] = await central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'orders'",
    );
    const watch = new ReadinessWatch({
      central,
      shards: new Map(),
      hosts: () => crew.serving.map((host) => ({ ...host, shards: [] })),
      handledSql: `select (select count(*) from ${events?.name} where ev_owner is null) as wanted,
        (select count(*) from effect) + (select count(*) from tributary.dead_event) as handled`,
      looks: {
        'the pool': async (database) => {
          if (crew.hasWorker) return true;
          const [pool] = await database.query<{ wanted: number }>('select wanted from tributary.worker_pool');
          return pool?.wanted === 0;
        },
      },
    });
    await workRounds(field, {
      // A host that is frozen for good would keep its slots for a lease, and its batches a little longer.
      ...{ rounds, faults, settledWithinMs: 60_000, filledWithinMs: FILLED_WITHIN_MS },
      async prove() {
        await until(() => crew.workers.length === 3, { what: 'three workers', timeoutMs: FILLED_WITHIN_MS });
        await until(() => watch.isAllReady, {
          what: 'the hosts to be ready',
          timeoutMs: FILLED_WITHIN_MS,
        }).catch((error: unknown) => {
          throw new Error(`${error instanceof Error ? error.message : error} ${watch.unready}`);
        });
      },
    });
    await watch.stop();
    say(watch.summary);
    expect(watch.faults).toEqual([]);
  });
});
