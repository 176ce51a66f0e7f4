import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Position } from '../../../../src/central/position.ts';
import { judgePosition } from '../../../../src/mover/shard/judge.ts';
import type { SeenQueue } from '../../../../src/shards/round.ts';
import type { Tick } from '../../../../src/shards/ticks.ts';

const tick = fc.record({
  id: fc.integer({ min: 1, max: 50 }),
  timeUs: fc.integer({ min: 1, max: 1_000_000 }),
  eventSeq: fc.nat({ max: 1_000 }),
  md5: fc.constantFrom('a', 'b', 'c'),
  snapshot: fc.constantFrom('10:12:11', '12:12:'),
});
const fingerprintOf = ({ id, timeUs, eventSeq, md5 }: Tick) => ({ id, timeUs, eventSeq, md5 });

/** What a healthy shard shows when its newest tick is `newest` and the window may reach `end`. */
const seen = (start: Tick | undefined, { newest, end }: { newest?: Tick; end?: Tick } = {}): SeenQueue => ({
  queue: 'orders',
  nowUs: 2_000_000,
  start,
  startSnapshot: start?.snapshot,
  newest: (newest ?? start) && { ...fingerprintOf((newest ?? start) as Tick), open: false },
  hasMore: false,
  end,
  oldestTickUs: undefined,
  lastSeq: 0,
  uncovered: undefined,
  missingXids: 0,
  external: false,
  tickerPaused: false,
  ticked: undefined,
});

const later = (one: Tick, by: number): Tick => ({ ...one, id: one.id + by, timeUs: one.timeUs + by });

describe('mover/shard/judge', () => {
  test('at the newest tick there is nothing to do', () => {
    fc.assert(
      fc.property(tick, (one) => {
        expect(judgePosition({ tick: fingerprintOf(one) }, seen(one))).toEqual({ kind: 'nothing' });
      }),
    );
  });

  test('a window always starts at the position, and ends where the shard says', () => {
    fc.assert(
      fc.property(tick, fc.integer({ min: 1, max: 9 }), (one, by) => {
        const end = later(one, by);
        const verdict = judgePosition({ tick: fingerprintOf(one) }, seen(one, { newest: end, end }));
        expect(verdict).toEqual({ kind: 'window', start: one, end, afterEventId: undefined });
      }),
    );
  });

  test('any difference in the fingerprint of the position’s tick halts the source', () => {
    const change = fc.constantFrom<Partial<Tick>>({ timeUs: 0 }, { eventSeq: 5_000 }, { md5: 'other' });
    fc.assert(
      fc.property(tick, change, (one, other) => {
        const end = later(one, 3);
        const verdict = judgePosition(
          { tick: fingerprintOf(one) },
          seen({ ...one, ...other }, { newest: end, end }),
        );
        expect(verdict.kind).toBe('diverged');
      }),
    );
  });

  test('a central that is older than the watermark is named where the shard has forgotten', () => {
    const one: Tick = { id: 7, timeUs: 1, eventSeq: 1, md5: 'a', snapshot: '10:12:11' };
    const gone = seen(undefined, { newest: later(one, 5) });
    const judged = (watermark?: number) => judgePosition({ tick: fingerprintOf(one) }, gone, watermark);
    expect(judged(9)).toMatchObject({
      code: 'diverged',
      reason: expect.stringMatching(
        /^central is older than what was moved into it \(tick 7, .* had 9\).*`keep:`/,
      ),
    });
    // A watermark that only follows says nothing.
    for (const watermark of [undefined, 7, 3])
      expect(judged(watermark)).toMatchObject({ reason: expect.stringMatching(/was rotated away, or/) });
  });

  test('a tick that is gone, or newer than all the shard has, halts the source with a reason that names it', () => {
    const one: Tick = { id: 7, timeUs: 5, eventSeq: 1, md5: 'a', snapshot: '1:1:' };
    const position: Position = { tick: fingerprintOf(one) };
    const gone = judgePosition(position, seen(undefined, { newest: later(one, 2), end: later(one, 2) }));
    expect(gone).toMatchObject({ kind: 'diverged', reason: expect.stringContaining('tick 7') });
    const older = judgePosition(position, seen(undefined, { newest: later(one, -2) }));
    expect(older).toMatchObject({ kind: 'diverged', reason: expect.stringContaining('as new as 7') });
    expect(judgePosition(position, seen(undefined))).toMatchObject({ kind: 'diverged' });
  });

  test('inside a window it goes on to the end that was chosen, after the last event, or halts where that end changed', () => {
    fc.assert(
      fc.property(tick, fc.integer({ min: 1, max: 9 }), fc.nat(), fc.boolean(), (one, by, id, isSame) => {
        const end = later(one, by);
        const position: Position = {
          tick: fingerprintOf(one),
          inside: { end: fingerprintOf(end), lastEventId: id },
        };
        const found = isSame ? end : { ...end, timeUs: end.timeUs + 1 };
        const verdict = judgePosition(position, seen(one, { newest: later(end, 1), end: found }));
        if (isSame) expect(verdict).toEqual({ kind: 'window', start: one, end, afterEventId: id });
        else expect(verdict.kind).toBe('diverged');
        expect(judgePosition(position, seen(one, { newest: later(end, 1) })).kind).toBe('diverged');
      }),
    );
  });
});
