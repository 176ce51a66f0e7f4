// The heat maps: where a cell is, where keys lead, and which colour an age has.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { looksOf } from '../../../src/page/maps/looks.ts';
import { ageStep, STEP_NAMES, STEP_STARTS } from '../../../src/page/maps/scale.ts';
import { cellAfterKey, shapeOf } from '../../../src/page/maps/shape.ts';

const hostsOf = (...numbers: readonly number[]) =>
  numbers.map((shards, host) => ({
    name: `db${host}`,
    shards: Array.from({ length: shards }, (_, shard) => `app_${host}_${shard}`),
  }));

describe('the shape of a map', () => {
  test('a host with few shards is one line, and one with many has several of nearly equal length', () => {
    expect(shapeOf(hostsOf(16, 16)).columns).toBe(16);
    expect(shapeOf(hostsOf(8)).columns).toBe(8);
    expect(shapeOf(hostsOf(256)).columns).toBe(16);
    expect(shapeOf(hostsOf(100)).columns).toBe(20);
    expect(shapeOf(hostsOf(39)).columns).toBe(13);
    expect(shapeOf([]).columns).toBe(1);
  });

  test('many hosts with few shards stand beside each other', () => {
    expect(shapeOf(hostsOf(...Array<number>(64).fill(2))).isNarrow).toBe(true);
    expect(shapeOf(hostsOf(...Array<number>(64).fill(16))).isNarrow).toBe(false);
    expect(shapeOf(hostsOf(2, 2)).isNarrow).toBe(false);
  });

  test('cells are counted over all hosts', () => {
    expect(shapeOf(hostsOf(3, 2, 4))).toMatchObject({
      cells: 9,
      hosts: [{ first: 0 }, { first: 3 }, { first: 5 }],
    });
  });
});

describe('keys', () => {
  const shape = shapeOf(hostsOf(4, 2, 4));
  const from = (cell: number, key: string, isWhole = false) => cellAfterKey(shape, cell, key, isWhole);

  test('left and right go from shard to shard, up and down from host to host', () => {
    expect([from(0, 'ArrowRight'), from(3, 'ArrowRight'), from(9, 'ArrowRight')]).toEqual([1, 4, 9]);
    expect([from(1, 'ArrowLeft'), from(0, 'ArrowLeft')]).toEqual([0, 0]);
    // The second host has no fourth shard: its last one is next.
    expect([from(3, 'ArrowDown'), from(5, 'ArrowDown'), from(8, 'ArrowDown')]).toEqual([5, 7, 8]);
    expect([from(7, 'ArrowUp'), from(4, 'ArrowUp'), from(2, 'ArrowUp')]).toEqual([5, 0, 2]);
  });

  test('Home and End stay on the host, and with Ctrl go to the ends of the map', () => {
    expect([from(5, 'Home'), from(4, 'End'), from(5, 'Home', true), from(0, 'End', true)]).toEqual([
      4, 5, 0, 9,
    ]);
    expect(from(0, 'a')).toBeUndefined();
  });

  test('every cell of any map is reached from any other, and no key leads out of it', () => {
    const keys = ['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp', 'Home', 'End'];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }), (numbers) => {
        const any = shapeOf(hostsOf(...numbers));
        for (let cell = 0; cell < any.cells; cell += 1) {
          const places = keys.map((key) => cellAfterKey(any, cell, key, false) ?? -1);
          expect(places.every((place) => place >= 0 && place < any.cells)).toBe(true);
        }
        let [cell, steps] = [0, 0];
        for (; cell < any.cells - 1; steps += 1) cell = cellAfterKey(any, cell, 'ArrowRight', false) ?? -1;
        expect(steps).toBe(any.cells - 1);
        // Down all the way ends on the last host.
        for (let i = 0; i < any.cells; i += 1)
          cell = cellAfterKey(any, i === 0 ? 0 : cell, 'ArrowDown', false) ?? -1;
        expect(cell).toBeGreaterThanOrEqual(any.hosts.at(-1)?.first ?? 0);
      }),
    );
  });
});

describe('the scale of ages', () => {
  test('has a name and a beginning for each of its eight steps', () => {
    expect([STEP_NAMES.length, STEP_STARTS.length]).toEqual([8, 8]);
    expect([0, 0.99, 1, 29, 30, 599, 3_599, 3_600, 1e9].map(ageStep)).toEqual([0, 0, 1, 3, 4, 5, 6, 7, 7]);
  });

  test('older is never a lower step', () => {
    const ages = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(fc.property(ages, ages, (a, b) => ageStep(Math.min(a, b)) <= ageStep(Math.max(a, b))));
  });

  test('a cell looks like its step, its state, and whether it was seen', () => {
    expect(looksOf(['moving', 0.2, 1])).toBe('a0 moving');
    expect(looksOf(['halted', 812, 60])).toBe('a6 halted unseen');
    expect(looksOf(['unassigned', null, null])).toBe('unknown unassigned unseen never');
  });
});
