import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSameTerm, isTrusted, trustEndMs } from '../../../src/coordination/term.ts';

describe('coordination/term', () => {
  test('a term is trusted from the start of the heartbeat that renewed it, and ends a margin early', () => {
    const trust = { renewedAtMs: 1_000, ttlMs: 10_000, marginMs: 2_000 };
    expect(trustEndMs(trust)).toBe(9_000);
    expect([999, 1_000, 8_999, 9_000].map((now) => isTrusted(trust, now))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('no term is trusted before the first heartbeat, or with a margin as long as the lease', () => {
    expect(isTrusted({ renewedAtMs: Number.NEGATIVE_INFINITY, ttlMs: 10, marginMs: 0 }, 5)).toBe(false);
    expect(isTrusted({ renewedAtMs: 5, ttlMs: 10, marginMs: 10 }, 5)).toBe(false);
    expect(isTrusted({ renewedAtMs: 5, ttlMs: 10, marginMs: 99 }, 5)).toBe(false);
  });

  test('whatever the network’s delay, trust ends before the server gives the resource away', () => {
    fc.assert(
      fc.property(
        fc.record({
          sentAt: fc.integer({ min: 0, max: 1e6 }),
          delay: fc.integer({ min: 0, max: 1e5 }),
          ttlMs: fc.integer({ min: 1, max: 1e5 }),
          marginMs: fc.integer({ min: 0, max: 1e5 }),
          now: fc.integer({ min: 0, max: 2e6 }),
        }),
        ({ sentAt, delay, ttlMs, marginMs, now }) => {
          const serverUntil = sentAt + delay + ttlMs;
          if (isTrusted({ renewedAtMs: sentAt, ttlMs, marginMs }, now)) expect(now).toBeLessThan(serverUntil);
        },
      ),
    );
  });

  test('terms are the same only with resource, holder and epoch', () => {
    const term = { resource: 'shard:a', holder: 'x', epoch: 3 };
    expect(isSameTerm(term, { ...term })).toBe(true);
    for (const other of [
      { ...term, epoch: 4 },
      { ...term, holder: 'y' },
      { ...term, resource: 'shard:b' },
      undefined,
    ])
      expect(isSameTerm(term, other)).toBe(false);
    expect(isSameTerm(undefined, undefined)).toBe(false);
  });
});
