import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { disorderedIn, firstTicks, type Ordered } from '../../../src/proof/order.ts';
import { compare, holds, type ProofRow } from '../../../src/proof/origins.ts';

const row = (id: number, { txid = id, tick }: { txid?: number; tick?: number } = {}): ProofRow => ({
  origin: `s1:orders:${id}`,
  id,
  txid,
  ...(tick === undefined ? {} : { tick }),
});
const event = (id: number, tick: number): Ordered => ({ origin: String(id), id, tick });

describe('proof/origins', () => {
  test('the same on both sides holds', () => {
    const shard = [row(1, { tick: 1 }), row(2, { tick: 1 }), row(3, { tick: 2 })];
    expect(holds(compare(shard, shard))).toBe(true);
  });

  test('events that are lost, invented, doubled or split are named', () => {
    const shard = [row(1), row(2, { txid: 7 }), row(3, { txid: 7 })];
    const central = [row(2, { txid: 50 }), row(2, { txid: 50 }), row(3, { txid: 51 }), row(9)];
    expect(compare(shard, central)).toMatchObject({
      lost: ['s1:orders:1'],
      invented: ['s1:orders:9'],
      twice: ['s1:orders:2'],
      split: ['s1:orders 7'],
    });
  });

  test('an event behind one of a later tick with a higher id is out of order, other sources do not count', () => {
    const shard = [row(1, { tick: 1 }), row(2, { tick: 2 })];
    const other = { origin: 's2:orders:9', id: 9, txid: 9, tick: 9 };
    expect(compare([...shard, other], [other, row(2), row(1)]).disordered).toEqual(['s1:orders:1']);
  });

  test('a late event with a low id may stand before or behind younger ones of an earlier tick', () => {
    const young = event(5, 1);
    const late = event(2, 2);
    expect(disorderedIn([young, late])).toEqual([]);
    expect(disorderedIn([late, young])).toEqual([]);
  });

  test('whatever windows the ticks were merged into, their order passes; two events of one window swapped do not', () => {
    const ticks = fc.array(fc.nat({ max: 6 }), { minLength: 2, maxLength: 60 });
    const ends = fc.uniqueArray(fc.nat({ max: 6 }), { minLength: 1 });
    fc.assert(
      fc.property(ticks, ends, fc.nat(), (tickOf, windowEnds, pick) => {
        const bounds = [...windowEnds.filter((end) => end < 6), 6].sort((a, b) => a - b);
        const windowOf = ({ tick }: Ordered) => bounds.findIndex((end) => tick <= end);
        const moved = tickOf
          .map((tick, id) => event(id, tick))
          .sort((a, b) => windowOf(a) - windowOf(b) || a.id - b.id);
        expect(disorderedIn(moved)).toEqual([]);
        const at = pick % (moved.length - 1);
        const [first, second] = moved.slice(at, at + 2) as [Ordered, Ordered];
        if (first.id > second.id || first.tick > second.tick) return;
        expect(disorderedIn(moved.toSpliced(at, 2, second, first))).toEqual([first.origin]);
      }),
    );
  });

  test('a transaction belongs to the first tick in which it is neither open nor still to come', () => {
    const ticks = [
      { id: 4, snapshot: '10:10:' },
      { id: 5, snapshot: '11:14:11,13' },
      { id: 7, snapshot: '13:15:13' },
      { id: 8, snapshot: '15:15:' },
    ];
    const found = firstTicks(ticks, [9, 10, 11, 12, 13, 14, 15]);
    expect([...found].sort((a, b) => a[0] - b[0])).toEqual([
      [9, 4],
      [10, 5],
      [11, 7],
      [12, 5],
      [13, 8],
      [14, 7],
    ]);
  });
});
