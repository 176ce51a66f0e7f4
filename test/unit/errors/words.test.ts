import { expect, test } from 'vitest';
import { counted } from '../../../src/errors/words.ts';

test('a noun is in the singular or plural of its number', () => {
  expect([0, 1, 2, 1_234].map((number) => counted(number, 'event'))).toEqual([
    '0 events',
    '1 event',
    '2 events',
    '1,234 events',
  ]);
  expect(counted(2, 'batch', 'batches')).toBe('2 batches');
});
