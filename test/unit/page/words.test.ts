// Numbers, durations and states as the dashboard shows them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupedByCause } from '../../../src/page/words/causes.ts';
import {
  countOf,
  shortBytes,
  shortCount,
  shortRate,
  UNKNOWN,
  wholeCount,
} from '../../../src/page/words/numbers.ts';
import { cellLabel, cellsInWords, isUnseen, seenWords } from '../../../src/page/words/states.ts';
import {
  clockTime,
  preciseTime,
  secondsBetween,
  shortLatency,
  shortSeconds,
  shownTime,
} from '../../../src/page/words/times.ts';

describe('numbers', () => {
  test.each([
    [0, '0'],
    [0.02, '<0.1'],
    [0.44, '0.4'],
    [1, '1'],
    [9.96, '10'],
    [999.6, '1,000'],
    [1_234, '1,234'],
    [9_999, '9,999'],
    [9_999.6, '10.0 k'],
    [12_345, '12.3 k'],
    [999_499, '999 k'],
    [999_600, '1.0 M'],
    [4_560_000, '4.56 M'],
    [-1_234, '-1,234'],
    [null, UNKNOWN],
    [Number.NaN, UNKNOWN],
  ])('%s is %s', (value, text) => expect(shortCount(value)).toBe(text));

  test.each([
    [0.4, '0.4/s'],
    [480, '480/s'],
    [1_234, '1.23 k/s'],
    [12_345, '12.3 k/s'],
    [null, `${UNKNOWN}`],
  ])('%s a second is %s', (value, text) => expect(shortRate(value)).toBe(text));

  test.each([
    [512, '512 B'],
    [91_000_000, '91.0 MB'],
    [1_500, '1.5 kB'],
    [undefined, UNKNOWN],
  ])('%s bytes are %s', (value, text) => expect(shortBytes(value)).toBe(text));

  test('a word follows its number', () => {
    expect([countOf(1, 'event'), countOf(12_345, 'event'), wholeCount(1_234_567)]).toEqual([
      '1 event',
      '12,345 events',
      '1,234,567',
    ]);
  });

  test('no number needs more than six characters, whatever it is', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9e14, noNaN: true }), (value) => shortCount(value).length <= 6),
    );
  });
});

describe('durations', () => {
  test.each([
    [0, '0 s'],
    [0.27, '0.3 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 m'],
    [200, '3 m 20 s'],
    [3_600, '1 h'],
    [7_500, '2 h 5 m'],
    [3_599.7, '1 h'],
    [273_600, '3 d 4 h'],
    [-3, '0 s'],
    [null, UNKNOWN],
    [Number.POSITIVE_INFINITY, UNKNOWN],
  ])('%s seconds are %s', (value, text) => expect(shortSeconds(value)).toBe(text));

  test.each([
    [0.0042, '4.2 ms'],
    [0.18, '180 ms'],
    [1.24, '1.2 s'],
    [null, UNKNOWN],
  ])('%s seconds of latency are %s', (value, text) => expect(shortLatency(value)).toBe(text));

  test('a time of another day has its day', () => {
    const at = new Date(2026, 10, 30, 9, 5, 7);
    expect(clockTime(at)).toBe('09:05:07');
    expect(shownTime(at.toISOString(), new Date(2026, 10, 30, 23).toISOString())).toBe('09:05:07');
    expect(shownTime(at.toISOString(), new Date(2026, 11, 1).toISOString())).toBe('2026-11-30 09:05');
    const precise = new Date(2026, 10, 30, 9, 5, 7, 84).toISOString();
    expect(preciseTime(precise, at.toISOString())).toBe('09:05:07.084');
    expect(preciseTime(precise, new Date(2026, 11, 1).toISOString())).toBe('11-30 09:05:07.084');
    expect(shownTime('never', at.toISOString())).toBe(UNKNOWN);
    expect(secondsBetween(at.toISOString(), new Date(2026, 10, 30, 9, 5, 9).toISOString())).toBe(2);
    expect(secondsBetween('never', at.toISOString())).toBeNull();
  });
});

describe('states', () => {
  test('a cell says its state, its age and when it was not seen', () => {
    expect(cellLabel('app_017', ['moving', 0.4, 0.5], 'below 1 s')).toBe(
      'app_017: moving, oldest event below 1 s',
    );
    expect(cellLabel('app_017', ['unreachable', 90, 90], '30 s to 2 m')).toBe(
      'app_017: unreachable, oldest event 30 s to 2 m, not seen lately',
    );
    expect(cellLabel('app_017', ['unassigned', null, null], '')).toBe(
      'app_017: unassigned, age not known, never seen',
    );
  });

  test('a map says what stands out, the worst first', () => {
    expect(cellsInWords([])).toBe('age not known');
    expect(
      cellsInWords([
        ['moving', 0.2, 1],
        ['paused', 200, 1],
        ['halted', 4, 1],
        ['paused', null, 1],
      ]),
    ).toBe('oldest 3 m 20 s, 1 halted, 2 paused');
  });

  test('what was never seen was not seen lately', () => {
    expect([isUnseen(null), isUnseen(60), isUnseen(1)]).toEqual([true, true, false]);
    expect([seenWords(null), seenWords(60), seenWords(1)]).toEqual([
      'never seen',
      'seen 1 m ago',
      'seen now',
    ]);
  });
});

describe('causes', () => {
  const need = (cause: string, name: string, severity: 'broken' | 'risk' = 'broken') => ({
    ...{ cause, of: 'host' as const, names: [name], severity, sentence: name, evidence: [], remedy: '' },
  });

  test('what has the same cause and is as bad stands together, in the order of the worst', () => {
    const groups = groupedByCause([
      need('no-mover', 'a'),
      need('halted', 'b'),
      need('no-mover', 'c'),
      need('halted', 'd', 'risk'),
    ]);
    expect(groups.map((group) => group.map(({ sentence }) => sentence))).toEqual([['a', 'c'], ['b'], ['d']]);
  });
});
