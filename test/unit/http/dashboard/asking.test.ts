// What several pages ask at the same time is asked of central once.
import { expect, test } from 'vitest';
import { Asking } from '../../../../src/http/dashboard/asking.ts';

const LONG_MS = 600_000;

test('all that ask the same within the time share an answer, until something is changed', async () => {
  const asking = new Asking();
  let asked = 0;
  const ask = (question: string, keptMs = LONG_MS) =>
    asking.shared(question, keptMs, async () => {
      asked += 1;
      return asked;
    });
  expect(await Promise.all([ask('log'), ask('log'), ask('dead')])).toEqual([1, 1, 2]);
  expect(await ask('log')).toBe(1);
  expect(await ask('log', 0)).toBe(3);
  asking.forget();
  expect([await ask('log'), await ask('dead')]).toEqual([4, 5]);
});

test('an answer that failed is asked for again', async () => {
  const asking = new Asking();
  const fails = asking.shared('log', LONG_MS, async () => {
    throw new Error('away');
  });
  const both = await Promise.allSettled([fails, asking.shared('log', LONG_MS, async () => 'other')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await asking.shared('log', LONG_MS, async () => 'back')).toBe('back');
});

test('what was answered long ago is forgotten where there is too much', async () => {
  const asking = new Asking();
  let asked = 0;
  for (let n = 0; n < 300; n += 1)
    await asking.shared(`find ${n}`, LONG_MS, async () => {
      asked += 1;
    });
  await asking.shared('find 299', LONG_MS, async () => {
    asked += 1;
  });
  expect(asked).toBe(300);
  await asking.shared('find 0', LONG_MS, async () => {
    asked += 1;
  });
  expect(asked).toBe(301);
});
