import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredSource } from '../../src/central/positions.ts';
import { takeFigures } from '../../src/mover/figures.ts';
import { Source } from '../../src/mover/source.ts';
import { TickerWatch } from '../../src/mover/ticker-watch.ts';
import type { SeenQueue } from '../../src/shards/round.ts';

const foreign = (newestId: number) => ({ newestId, tickedId: undefined, waitingMs: 0 });
const own = (newestId: number) => ({ newestId, tickedId: newestId, waitingMs: 0 });

describe('mover/ticker-watch', () => {
  test('two ticks of somebody else in a short time mean another ticker, which we leave alone', () => {
    const watch = new TickerWatch('auto');
    watch.saw(own(1), 0);
    watch.saw(foreign(2), 1_000);
    expect(watch.mayTick(1_000)).toBe(true);
    watch.saw(foreign(3), 3_000);
    expect(watch.mayTick(3_001)).toBe(false);
    expect(watch.isForeign(3_001)).toBe(true);
    expect(watch.mayTick(603_000)).toBe(true);
  });

  test('one tick by hand now and then is no ticker', () => {
    const watch = new TickerWatch('auto');
    watch.saw(own(1), 0);
    for (let at = 1; at < 10; at += 1) watch.saw(foreign(at + 1), at * 11_000);
    expect(watch.mayTick(100_000)).toBe(true);
  });

  test('what is there at the first look was made by whoever was here before', () => {
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

  test('who commits late waits too, although his numbers are older than the tick', () => {
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
    for (const id of [1, 2, 3]) source.ticker.saw(foreign(id), id);
    expect(source.ticker.mayTick(10)).toBe(false);
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
      external: false,
      tickerPaused: false,
      ticked: undefined,
    };
    takeFigures(source, seen, 20);
    expect(source.ticker.mayTick(20)).toBe(true);
  });
});
