import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBehind, parsePosition, positionText } from '../../../src/channels/position.ts';
import { type ReadMessage, RecentMessages } from '../../../src/channels/recent.ts';

const AT = '2026-11-30T18:00:00.000Z';
const message = (tick: number, id: number, channel: string, data = '1'): ReadMessage => ({
  ...{ tick, id, channel, data, at: AT },
  type: undefined,
});
const given = (bytes = 1_000_000, keptMs = 1_000_000) => {
  const recent = new RecentMessages({ bytes, keptMs });
  recent.beginAt({ tick: 10, at: 1_010 });
  return recent;
};
const ids = (found: readonly { id: number }[]) => found.map(({ id }) => id);
const behindAll = { tick: 10, at: 1_010, id: Number.POSITIVE_INFINITY };

describe('channels/position', () => {
  test('a position is read from its text again, and nothing else is one', () => {
    for (const position of [behindAll, { tick: 3, at: 1_764_526_000_123_456, id: 17 }])
      expect(parsePosition(positionText(position))).toEqual(position);
    for (const text of [
      '',
      '1',
      '1.',
      '1.a.',
      '1.a.b',
      '-1.a',
      '1.A',
      '1.a.1.1',
      ' 1.a',
      `${'9'.repeat(16)}.a`,
    ])
      expect([text, parsePosition(text)]).toEqual([text, undefined]);
  });
});

describe('channels/recent', () => {
  test('a message is one server-sent event: its place, its type, one line of JSON', () => {
    const recent = given();
    const [sent] = recent.add({ tick: 11, at: 36 }, [
      { ...message(11, 5, 'a"b'), type: 'paid', data: '{\n "x": 1\r\n}' },
    ]);
    expect(sent?.text).toBe(
      `id: 11.10.5\nevent: paid\ndata: {"channel":"a\\"b","at":"${AT}","data":{  "x": 1 }}\n\n`,
    );
  });

  test('of several channels what is behind a place comes in one order', () => {
    const recent = given();
    recent.add({ tick: 11, at: 1 }, [message(11, 7, 'a'), message(11, 8, 'b'), message(11, 9, 'a')]);
    // It committed late: its number is below those that were read before it.
    recent.add({ tick: 12, at: 2 }, [message(12, 3, 'b'), message(12, 10, 'a'), message(12, 11, 'c')]);
    expect(ids(recent.behind(behindAll, ['a', 'b'], 1e6))).toEqual([7, 8, 9, 3, 10]);
    expect(ids(recent.behind({ tick: 11, id: 8 }, ['a', 'b'], 1e6))).toEqual([9, 3, 10]);
    expect(ids(recent.behind({ tick: 12, id: 10 }, ['a', 'b'], 1e6))).toEqual([]);
    expect(ids(recent.behind(behindAll, ['a', 'b'], 1))).toEqual([7]);
    expect(ids(recent.behind(behindAll, ['none'], 1e6))).toEqual([]);
  });

  test('a place is covered where nothing behind it is gone, and where it is one of ours', () => {
    const recent = given();
    expect(recent.covers(behindAll)).toBe(true);
    expect(recent.covers({ ...behindAll, at: 1 })).toBe(false);
    expect(recent.covers({ ...behindAll, tick: 9 })).toBe(false);
    expect(recent.covers({ ...behindAll, tick: 11 })).toBe(false);
    recent.add({ tick: 11, at: 5 }, [message(11, 1, 'a')]);
    expect(recent.covers({ tick: 11, at: 5, id: 1 })).toBe(true);
    expect(recent.covers(behindAll)).toBe(true);
    recent.clear();
    expect(recent.covers(behindAll)).toBe(false);
  });

  test('what grows too old is forgotten, and a place from before it is not covered', () => {
    const recent = given(1_000_000, -1);
    recent.add({ tick: 11, at: 5 }, [message(11, 1, 'a')]);
    recent.add({ tick: 12, at: 6 }, [message(12, 2, 'a')]);
    expect(ids(recent.behind(behindAll, ['a'], 1e6))).toEqual([]);
    expect(recent.covers(behindAll)).toBe(false);
    expect(recent.covers({ tick: 12, at: 6, id: Number.POSITIVE_INFINITY })).toBe(true);
  });

  test('whatever comes, memory is bounded, and from each place that is covered nothing is missing', () => {
    const ticks = fc.array(
      fc.array(fc.record({ channel: fc.constantFrom('a', 'b', 'c'), size: fc.nat(300) }), { maxLength: 6 }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(ticks, fc.integer({ min: 300, max: 4_000 }), (all, bytes) => {
        const recent = given(bytes);
        const read: ReadMessage[] = [];
        let id = 100;
        for (const [at, inTick] of all.entries()) {
          const tick = 11 + at;
          const messages = inTick.map(({ channel, size }) => {
            id += 1;
            return message(tick, id, channel, `"${'x'.repeat(size)}"`);
          });
          read.push(...messages);
          recent.add({ tick, at: tick }, messages);
          const kept = recent.behind({ tick: 0, id: 0 }, ['a', 'b', 'c'], 1e9);
          expect(kept.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(bytes);
          const places = [behindAll, ...read.map((one) => ({ tick: one.tick, at: one.tick, id: one.id }))];
          for (const place of places.filter((one) => recent.covers(one)))
            expect(ids(recent.behind(place, ['a', 'c'], 1e9))).toEqual(
              ids(read.filter((one) => one.channel !== 'b' && isBehind(one, place))),
            );
          // The newest place always is.
          expect(recent.covers({ tick, at: tick, id: Number.POSITIVE_INFINITY })).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});
