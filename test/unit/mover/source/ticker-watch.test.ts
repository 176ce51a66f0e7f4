import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredSource } from '../../../../src/central/positions.ts';
import { Source } from '../../../../src/mover/source/source.ts';
import { TickerWatch } from '../../../../src/mover/source/ticker-watch.ts';
import type { SeenQueue } from '../../../../src/shards/round.ts';

const foreign = (newestId: number) => ({ newestId, tickedId: undefined, waitingMs: 0 });
const own = (newestId: number) => ({ newestId, tickedId: newestId, waitingMs: 0 });

describe('mover/source/ticker-watch', () => {
  test('two foreign ticks in a short time mean another ticker, and we stop ticking', () => {
    const watch = new TickerWatch('auto');
    expect(watch.saw(own(1), 0)).toBe(false);
    expect(watch.saw(foreign(2), 1_000)).toBe(false);
    expect(watch.mayTick(1_000)).toBe(true);
    expect(watch.saw(foreign(3), 3_000)).toBe(true);
    expect(watch.mayTick(3_001)).toBe(false);
    expect(watch.saw(foreign(4), 3_001)).toBe(false);
    expect(watch.isForeign(3_001)).toBe(true);
    expect(watch.mayTick(603_001)).toBe(true);
  });

  test('while the other one ticks we do not, however long that is', () => {
    const watch = new TickerWatch('auto');
    watch.saw(own(1), 0);
    watch.saw(foreign(2), 1_000);
    for (let minute = 0; minute < 60; minute += 1) {
      watch.saw(foreign(minute + 3), minute * 60_000 + 3_000);
      expect(watch.mayTick(minute * 60_000 + 62_999)).toBe(false);
    }
    expect(watch.mayTick(59 * 60_000 + 603_000)).toBe(true);
  });

  test('a mover of ours that has just lost the source, or had it meanwhile, is no other ticker', () => {
    const watch = new TickerWatch('auto');
    watch.handedOver(0);
    watch.saw(own(1), 0);
    for (let id = 2; id < 14; id += 1) watch.saw(foreign(id), id * 1_000);
    expect(watch.mayTick(14_000)).toBe(true);
    // Its ticks are seen before what it moved is.
    watch.saw(foreign(14), 20_000);
    watch.saw(foreign(15), 21_000);
    expect(watch.mayTick(21_001)).toBe(false);
    watch.handedOver(21_500);
    expect(watch.mayTick(21_501)).toBe(true);
    watch.saw(foreign(16), 37_000);
    watch.saw(foreign(17), 38_000);
    expect(watch.mayTick(38_001)).toBe(false);
    watch.handedOver(100_000);
    expect(watch.mayTick(100_001)).toBe(false);
  });

  test('two ticks at once, of a mover that was frozen and wakes up, are no ticker', () => {
    const watch = new TickerWatch('auto');
    watch.saw(own(1), 0);
    watch.saw(foreign(2), 1_000);
    watch.saw(foreign(3), 1_050);
    expect(watch.mayTick(1_051)).toBe(true);
  });

  test('one tick by hand now and then is no ticker', () => {
    const watch = new TickerWatch('auto');
    watch.saw(own(1), 0);
    for (let at = 1; at < 10; at += 1) watch.saw(foreign(at + 1), at * 11_000);
    expect(watch.mayTick(100_000)).toBe(true);
  });

  test('ticks that are there at the first look are not taken for another ticker', () => {
    const watch = new TickerWatch('auto');
    watch.saw(foreign(7), 0);
    watch.saw(foreign(8), 100);
    expect(watch.mayTick(200)).toBe(true);
  });

  test('an event that waits too long means that the other ticker is gone', () => {
    const watch = new TickerWatch('auto');
    for (const id of [1, 2, 3]) watch.saw(foreign(id), id * 1_000);
    watch.saw({ newestId: 3, tickedId: undefined, waitingMs: 4_000 }, 7_000);
    expect(watch.mayTick(7_000)).toBe(false);
    watch.saw({ newestId: 3, tickedId: undefined, waitingMs: 5_001 }, 8_001);
    expect(watch.mayTick(8_001)).toBe(true);
  });

  test('`always` and `never` do not look', () => {
    const ticks = fc.array(fc.record({ newestId: fc.nat(), isOwn: fc.boolean(), waitingMs: fc.nat() }));
    fc.assert(
      fc.property(ticks, (seen) => {
        const [always, never] = [new TickerWatch('always'), new TickerWatch('never')];
        for (const [at, { newestId, isOwn, waitingMs }] of seen.entries()) {
          for (const watch of [always, never])
            watch.saw({ newestId, tickedId: isOwn ? newestId : undefined, waitingMs }, at * 100);
          expect(always.mayTick(at * 100)).toBe(true);
          expect(never.mayTick(at * 100)).toBe(false);
        }
      }),
    );
  });

  test('a late commit counts as waiting too, although its numbers are older than the tick', () => {
    const tick = { id: 3, timeUs: 1_000_000, eventSeq: 50, md5: 'm' };
    const stored: StoredSource = {
      id: 1,
      shard: 's1',
      queue: 'orders',
      centralQueue: 'orders',
      state: 'active',
      haltReason: undefined,
      paused: false,
      pauseReason: undefined,
      position: { tick },
      n: 1,
      moved: 0,
    };
    const source = new Source(stored, {
      reading: { shard: 's1', queue: 'orders', where: undefined, columns: {}, origin: 'extra4' },
      tickerMode: 'auto',
    });
    const later = Date.now() + 60_000;
    for (const id of [1, 2, 3]) source.ticker.saw(foreign(id), later + id * 1_000);
    expect(source.ticker.mayTick(later + 4_000)).toBe(false);
    const seen: SeenQueue = {
      queue: 'orders',
      nowUs: tick.timeUs + 6_000_000,
      start: tick,
      startSnapshot: '10:12:11',
      newest: { ...tick, open: true },
      hasMore: false,
      end: undefined,
      oldestTickUs: undefined,
      lastSeq: 50,
      uncovered: true,
      missingXids: 0,
      external: false,
      tickerPaused: false,
      ticked: undefined,
    };
    source.saw(seen, later + 4_000);
    expect(source.ticker.mayTick(later + 4_000)).toBe(true);
  });
});
