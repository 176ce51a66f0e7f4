// The history as the page draws it, and the name of who acts.
import { describe, expect, test } from 'vitest';
import type { Happening } from '../../../../src/central/logbook/read.ts';
import { historyOf } from '../../../../src/http/dashboard/history.ts';
import { operatorOf } from '../../../../src/http/dashboard/operator.ts';

const happening = (at: number, kind: string, changes: Partial<Happening> = {}): Happening => ({
  at,
  kind,
  who: undefined,
  what: `${kind} at ${at}.`,
  ...changes,
});

describe('dashboard/history', () => {
  test('steps become columns of equal length, and what is not known stays so', () => {
    const { marks, ...columns } = historyOf(
      [
        { at: 10, in_rate: 1, out_rate: null, waiting: 5, age: 0.5 },
        { at: 20, in_rate: 2, out_rate: 3, waiting: null, age: null },
      ],
      [],
      10,
    );
    expect(columns).toEqual({
      at: [10, 20],
      inRate: [1, 2],
      outRate: [null, 3],
      waiting: [5, null],
      age: [0.5, null],
    });
    expect(marks).toEqual([]);
  });

  test('where nobody measured for a while a line ends, and not for a single step', () => {
    const step = (at: number) => ({ at, in_rate: 1, out_rate: 1, waiting: 1, age: 1 });
    const { at, inRate } = historyOf([step(10), step(30), step(60), step(100)], [], 10);
    expect(at).toEqual([10, 30, 60, 70, 100]);
    expect(inRate).toEqual([1, 1, 1, null, 1]);
  });

  test('marks of one kind within a minute are one, that counts the others; what charts do not show is none', () => {
    const { marks } = historyOf(
      [],
      [
        happening(100, 'halt'),
        happening(110, 'pause', { who: 'ann', what: 'paused 2 sources.' }),
        happening(120, 'dead-discard'),
        happening(130, 'halt'),
        happening(159, 'halt'),
        happening(160, 'halt'),
      ],
      10,
    );
    expect(marks).toEqual([
      { at: 100, kind: 'halt', text: 'halt at 100. And 2 more within a minute.' },
      { at: 110, kind: 'pause', text: 'ann paused 2 sources.' },
      { at: 160, kind: 'halt', text: 'halt at 160.' },
    ]);
  });
});

describe('dashboard/operator', () => {
  const from = (headers: Record<string, string | string[]>) => ({ headers, ip: '10.0.0.9' });

  test('a header is believed only where the file names it', () => {
    const headers = { 'x-forwarded-user': 'ann' };
    expect(operatorOf(from(headers), undefined).who).toBe('somebody at 10.0.0.9');
    expect(operatorOf(from(headers), 'x-forwarded-user').who).toBe('ann');
  });

  test('where it is missing, empty or double, nobody acts', () => {
    for (const headers of [{}, { 'x-user': '' }, { 'x-user': ' \t' }, { 'x-user': ['ann', 'bob'] }])
      expect(() => operatorOf(from(headers), 'x-user')).toThrow('No user is named');
  });

  test('the name is one short line', () => {
    const { who } = operatorOf(from({ 'x-user': `an\u001b[31mn\u202e\u0085${'x'.repeat(500)}` }), 'x-user');
    expect(who).toMatch(/^ann x{90,}$/);
    expect(who.length).toBeLessThanOrEqual(100);
  });
});
