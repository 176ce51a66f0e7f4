import { describe, expect, test } from 'vitest';
import { BeatPace } from '../../../src/coordination/beat-pace.ts';
import { TIMING } from '../../../src/lifecycle/timing.ts';

const { beatMs, leaseMs, movingMs, workerBeatMs } = TIMING.leases;

describe('coordination/beat-pace', () => {
  test('is close while leases change hands and for a while after, and once a second then', () => {
    const pace = new BeatPace({ beatMs: workerBeatMs, ttlMs: leaseMs }, 0);
    expect(pace.everyMs(movingMs)).toBe(workerBeatMs);
    expect(pace.everyMs(movingMs + 1)).toBe(beatMs);
    pace.moves(100_000);
    expect(pace.everyMs(100_000 + movingMs)).toBe(workerBeatMs);
    expect(pace.everyMs(100_001 + movingMs)).toBe(beatMs);
  });

  test('never lets a short lease run out: five beats fit into it', () => {
    expect(new BeatPace({ beatMs: 100, ttlMs: 1_500 }, 0).everyMs(1e6)).toBe(300);
    expect(new BeatPace({ beatMs: 700, ttlMs: 1_500 }, 0).everyMs(1e6)).toBe(700);
  });
});
