import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSnapshot, type Snapshot, txidBounds } from '../../../src/shards/snapshot.ts';
import { chooseEnd, contains, type Tick, toTick } from '../../../src/shards/ticks.ts';

/** Whether a transaction has ended in a snapshot. */
const isDone = (xid: bigint, { xmax, xip }: Snapshot) => xid < xmax && !xip.includes(xid);

const textOf = ({ xmin, xmax, xip }: Snapshot) => `${xmin}:${xmax}:${xip.join(',')}`;

/**
 * A snapshot among small transaction ids, with gaps wide enough to leave some far behind. The last id below xmax is never open:
 * xmax is the one behind the newest that has ended.
 */
const snapshot = fc
  .record({
    xmax: fc.integer({ min: 200, max: 900 }),
    open: fc.uniqueArray(fc.integer({ min: 1, max: 899 }), { maxLength: 8 }),
  })
  .map(({ xmax, open }): Snapshot => {
    const xip = open
      .filter((xid) => xid < xmax - 1)
      .sort((a, b) => a - b)
      .map(BigInt);
    return { xmin: xip[0] ?? BigInt(xmax), xmax: BigInt(xmax), xip };
  });

/** A later one: some of the open transactions have ended, new ones have begun. */
const pair = fc
  .record({
    start: snapshot,
    more: fc.nat({ max: 300 }),
    ends: fc.func(fc.boolean()),
    opens: fc.func(fc.integer({ min: 0, max: 9 })),
  })
  .map(({ start, more, ends, opens }) => {
    const xmax = start.xmax + BigInt(more);
    const old = start.xip.filter((xid) => !ends(xid));
    const young: bigint[] = [];
    for (let xid = start.xmax; xid < xmax - 1n; xid += 1n) if (opens(xid) === 0) young.push(xid);
    const xip = [...old, ...young];
    return { start, end: { xmin: xip[0] ?? xmax, xmax, xip } };
  });

const tickOf = (id: number, one: Snapshot, eventSeq = id): Tick =>
  toTick({ id, timeUs: id, eventSeq, snapshot: textOf(one) });

describe('shards/snapshot', () => {
  test('a snapshot is read from its text', () => {
    fc.assert(
      fc.property(snapshot, (one) => {
        expect(parseSnapshot(textOf(one))).toEqual(one);
      }),
    );
    expect(parseSnapshot('10:20:')).toEqual({ xmin: 10n, xmax: 20n, xip: [] });
  });

  test('the bounds of a window hold every transaction that ended in it, none of them twice', () => {
    fc.assert(
      fc.property(pair, ({ start, end }) => {
        const { low, high, late } = txidBounds(start, end);
        for (let xid = 1n; xid <= end.xmax; xid += 1n) {
          const isInWindow = isDone(xid, end) && !isDone(xid, start);
          const times = (xid >= low && xid <= high ? 1 : 0) + late.filter((one) => one === xid).length;
          if (isInWindow) expect(times).toBe(1);
          else expect(times).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('one ancient transaction does not widen the range: it is looked up by itself', () => {
    const start = parseSnapshot('5:100000:5,99950');
    const end = parseSnapshot('100100:100100:');
    expect(txidBounds(start, end)).toEqual({ low: 99_950n, high: 100_099n, late: [5n] });
  });
});

describe('shards/ticks', () => {
  test('a snapshot contains another exactly when all that had ended there has ended here', () => {
    fc.assert(
      fc.property(snapshot, snapshot, (end, start) => {
        let isSubset = true;
        for (let xid = 1n; xid < start.xmax; xid += 1n)
          if (isDone(xid, start) && !isDone(xid, end)) isSubset = false;
        expect(contains(end, start)).toBe(isSubset);
      }),
    );
  });

  test('the end of a window is the newest usable tick within the limit, else the first usable one', () => {
    fc.assert(
      fc.property(pair, fc.nat({ max: 40 }), ({ start, end }, limit) => {
        const from = tickOf(1, start, 10);
        const older: Snapshot = { xmin: 1n, xmax: start.xmax - 1n, xip: [] };
        const later = [tickOf(2, older, 12), tickOf(3, end, 15), tickOf(4, end, 30), tickOf(5, older, 31)];
        expect(chooseEnd(from, later, limit)?.id).toBe(limit >= 20 ? 4 : 3);
      }),
    );
  });

  test('where every later tick is older in truth there is no end', () => {
    const from = tickOf(1, parseSnapshot('50:50:'));
    expect(chooseEnd(from, [tickOf(2, parseSnapshot('40:40:'))], 10)).toBeUndefined();
    expect(chooseEnd(from, [], 10)).toBeUndefined();
  });
});
