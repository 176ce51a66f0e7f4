// How results look: tables, figures, JSON.
import { describe, expect, test } from 'vitest';
import { count, json, seconds, table, widthOf } from '../../../src/cli/terminal/output.ts';

interface Row {
  readonly name: string;
  readonly events?: number;
  readonly reason?: string;
}

const COLUMNS = [
  { title: 'shard', value: ({ name }: Row) => name },
  { title: 'events', value: ({ events }: Row) => events },
  { title: 'reason', value: ({ reason }: Row) => reason },
];

describe('cli/terminal/output', () => {
  test('columns are aligned, numbers to the right with separators, absent values a dash', () => {
    expect(
      table(COLUMNS, [
        { name: 'app_01', events: 1_234_567 },
        { name: 'a', events: 5, reason: 'no ticker' },
      ]),
    ).toBe(
      ['shard      events  reason', 'app_01  1,234,567  -', 'a               5  no ticker', ''].join('\n'),
    );
  });

  test('no line is longer than the width, and what is cut says so', () => {
    const lines = table(COLUMNS, [{ name: 'app_01', events: 7, reason: 'x'.repeat(100) }], {
      width: 40,
    }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(40);
    expect(lines[1]).toMatch(/x…$/);
  });

  test('what comes from a database cannot steer the terminal or break the line', () => {
    const text = table(COLUMNS, [{ name: '\u001b[31mred\u001b[0m', reason: 'one\ntwo\u0007' }]);
    expect(text).not.toMatch(/[^\n\P{Cc}]/u);
    expect(text).toContain('red');
    expect(text).toContain('one two');
  });

  test('a table is cut on a terminal only', () => {
    const write = () => {};
    expect(widthOf({ write, isTTY: true, columns: 80 })).toBe(80);
    expect(widthOf({ write, columns: 80 })).toBeUndefined();
  });

  test('figures are rounded for people', () => {
    expect([0, 0.26, 9.94, 12, 59.6, 200, 3_600, 7_500, 90_000, 345_600].map(seconds)).toEqual([
      '0 s',
      '0.3 s',
      '9.9 s',
      '12 s',
      '1 m',
      '3 m 20 s',
      '1 h',
      '2 h 5 m',
      '1 d 1 h',
      '4 d',
    ]);
    expect(count(1_234)).toBe('1,234');
    expect(json({ a: 1 })).toBe('{\n  "a": 1\n}\n');
  });
});
