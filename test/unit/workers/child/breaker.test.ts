import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../../src/lifecycle/package-root.ts';
import { Breaker, OPENS_AFTER } from '../../../../src/workers/child/tries/breaker.ts';

/** One transaction: what its calls ended with, event by event, and whether it commits. */
const transactions = fc.array(
  fc.record({
    calls: fc.array(
      fc.record({ id: fc.nat(60), isBad: fc.boolean(), isAgain: fc.boolean(), afterMs: fc.nat(2_000) }),
      {
        maxLength: 40,
      },
    ),
    commits: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** Mostly failures, so that rows of them occur. */
const badTransactions = transactions.map((all) =>
  all.map((one) => ({ ...one, calls: one.calls.map((call) => ({ ...call, isBad: call.id % 30 !== 7 })) })),
);

describe('workers/child/tries/breaker', () => {
  test('a failure counts as a try unless 20 different events have failed at their first try since the last success', () => {
    fc.assert(
      fc.property(fc.oneof(transactions, badTransactions), (all) => {
        const breaker = new Breaker();
        let nowMs = 0;
        /** Different events that failed since the last success that is committed. */
        let failed = new Set<number>();
        for (const { calls, commits } of all) {
          let inside: Set<number> | undefined;
          for (const { id, isBad, isAgain, afterMs } of calls) {
            nowMs += afterMs;
            if (isBad) {
              const row = inside ?? failed;
              if (!isAgain) row.add(id);
              expect(breaker.failed({ id, isFirst: !isAgain, error: 'no' }, nowMs)).toBe(
                row.size < OPENS_AFTER,
              );
            } else {
              breaker.succeeded();
              inside = new Set();
              expect(breaker.isOpen).toBe(false);
            }
          }
          if (commits) {
            breaker.committed();
            failed = inside ?? failed;
          } else {
            breaker.undone();
            failed = new Set([...failed, ...(inside ?? [])]);
          }
        }
      }),
    );
  });

  test('fewer different events than that always count, however often they are tried', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(OPENS_AFTER - 2), { minLength: 100, maxLength: 500 }), (ids) => {
        const breaker = new Breaker();
        for (const [at, id] of ids.entries())
          expect(breaker.failed({ id, isFirst: true, error: 'no' }, at)).toBe(true);
        expect(breaker.waitMs(1_000)).toBe(0);
        expect(breaker.probe(1_000)).toBe(Number.POSITIVE_INFINITY);
      }),
    );
  });

  test('as many events lose a try before a worker holds back as docs/handlers.md says', () => {
    const breaker = new Breaker();
    const counted = Array.from({ length: 100 }, (_, id) =>
      breaker.failed({ id, isFirst: true, error: 'no' }, 0),
    );
    const lost = counted.filter((counts) => counts).length;
    const page = readFileSync(packagePath('docs/handlers.md'), 'utf8').replace(/\s+/g, ' ');
    expect(page).toContain(
      `up to ${lost} events become dead in a worker process before it holds its handler back`,
    );
  });

  test('while nothing succeeds a few events are tried now and then, and the wait has an end', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(3_000), (random, callMs) => {
        const breaker = new Breaker(() => random);
        const failed = { isFirst: true, error: 'no' };
        let nowMs = 0;
        let id = 0;
        while (!breaker.isOpen) breaker.failed({ ...failed, id: id++ }, nowMs);
        expect(id).toBe(OPENS_AFTER);
        expect(breaker.isTripped).toBe(true);
        const held = nowMs;
        let tried = 0;
        while (nowMs - held < 600_000) {
          const ms = breaker.waitMs(nowMs);
          expect(ms).toBeLessThanOrEqual(15_000);
          expect(ms).toBeGreaterThan(0);
          nowMs += ms;
          const events = breaker.probe(nowMs);
          expect(events).toBeLessThanOrEqual(50);
          expect(breaker.isTripped).toBe(false);
          for (let n = 0; n < events; n++) {
            nowMs += callMs;
            tried += 1;
            expect(breaker.failed({ ...failed, id: id++ }, nowMs)).toBe(false);
          }
        }
        // Ten minutes.
        expect(tried).toBeLessThan(5_000);
        expect(breaker.whileOpen(nowMs)).toMatchObject({ error: 'no', forMs: nowMs - held });
        breaker.succeeded();
        breaker.committed();
        expect([breaker.isOpen, breaker.waitMs(nowMs), breaker.whileOpen(nowMs)]).toEqual([
          false,
          0,
          undefined,
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test('events that failed before hold nothing back when they fail again, however many they are', () => {
    const breaker = new Breaker();
    for (let id = 1; id < 10_000; id++)
      expect(breaker.failed({ id, isFirst: false, error: 'bad' }, id)).toBe(true);
    expect(breaker.isOpen).toBe(false);
  });
});
