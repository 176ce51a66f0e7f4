// Chaos: random faults on workers, hosts and central under load, and after every round the proof that each event was either
// handled exactly once, in the table that its handler writes to, or is dead exactly once.
import { describe, test } from 'vitest';
import { until } from '../support/until.ts';
import { chaosOf, givenWorkField, workRounds } from './work-rounds.ts';

const { rounds, faults } = chaosOf({ rounds: 3, faults: 10 });
const QUEUE =
  '  orders: { create: true, workers: 3, handler: ./write.mjs, timeout: 5s, recycle: { after: 100 batches }, retry: { attempts: 2, first: 50ms, max: 50ms } }';
const FILLED_WITHIN_MS = 30_000;

describe('workers', () => {
  test(`${rounds} rounds of ${faults} random faults: each event is handled exactly once, or dead exactly once`, async () => {
    const field = await givenWorkField(QUEUE, { secondTryOf: 200 });
    const { crew } = field;
    await workRounds(field, {
      // A host that is frozen for good would keep its slots for a lease, and its batches a little longer.
      ...{ rounds, faults, settledWithinMs: 60_000, filledWithinMs: FILLED_WITHIN_MS },
      async prove() {
        await until(() => crew.workers.length === 3, { what: 'three workers', timeoutMs: FILLED_WITHIN_MS });
      },
    });
  });
});
