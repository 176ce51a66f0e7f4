// Sparklines: figures over time as paths.
import { describe, expect, test } from 'vitest';
import { areaPath, largest, linePath, xOf } from '../../../src/page/charts/spark-path.ts';

const box = { width: 100, height: 10, from: 0, to: 100, top: 20 };

describe('paths', () => {
  test('a line goes from figure to figure, zero below and the largest on top', () => {
    expect(linePath([0, 50, 100], [0, 20, 10], box)).toBe('M0 10L50 0L100 5');
  });

  test('where nothing was measured a line is interrupted, and an area goes down to zero', () => {
    expect(linePath([0, 25, 50, 100], [10, null, 10, 20], box)).toBe('M0 5M50 5L100 0');
    expect(areaPath([0, 25, 50, 100], [10, null, 10, 20], box)).toBe(
      'M0 10L0 5L0 10ZM50 10L50 5L100 0L100 10Z',
    );
  });

  test('nothing at all is no path', () => {
    expect([linePath([], [], box), areaPath([1, 2], [null, null], box)]).toEqual(['', '']);
    expect(linePath([0, 100], [0, 0], { ...box, top: 0 })).toBe('M0 10L100 10');
  });

  test('the largest of several columns ignores what was not measured', () => {
    expect(largest([null, 3], [7, null])).toBe(7);
    expect(largest([], [null])).toBe(0);
    expect(xOf(25, box)).toBe(25);
  });
});
