// Which events of a lane may begin beside others: in whatever order calls end, of one key never more than may, in their order.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchEvent } from '../../../../src/handler/event.ts';
import { ByKey } from '../../../../src/workers/child/free/by-key.ts';
import { TextRow } from '../../../../src/workers/child/reading/event-rows.ts';

const eventOf = (id: number, key: string | null) =>
  new BatchEvent(
    new TextRow([
      String(id),
      '',
      '1',
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      ...(key === null ? [] : [key]),
    ]),
    { queue: 'q', origin: 'none' },
  );

test('all begin once, those of a key in their order and never more than may; what has no key is behind nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c', null), { maxLength: 40 }),
      fc.array(fc.nat(), { minLength: 60, maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      (keys, choices, atOnce) => {
        const byKey = new ByKey(atOnce);
        const atWork: BatchEvent[] = [];
        const begun: BatchEvent[] = [];
        const begin = () => {
          for (let event = byKey.take(); event !== undefined; event = byKey.take()) {
            atWork.push(event);
            begun.push(event);
            const own = atWork.filter(({ row }) => row.key === event?.row.key);
            if (event.row.key !== undefined) expect(own.length).toBeLessThanOrEqual(atOnce);
          }
        };
        const end = (choice: number) => {
          const [event] = atWork.splice(choice % atWork.length, 1);
          if (event !== undefined) byKey.ended(event);
        };
        for (const [at, key] of keys.entries()) {
          byKey.add(eventOf(at + 1, key));
          begin();
          if (key === null) expect(begun).toContainEqual(expect.objectContaining({ id: at + 1 }));
          if (atWork.length > 0 && (choices[at] ?? 0) % 2 === 0) end(choices[at] ?? 0);
        }
        begin();
        for (let left = 0; atWork.length > 0; left += 1) {
          end(choices[left] ?? 0);
          begin();
        }
        for (const key of ['a', 'b', 'c'])
          expect(begun.filter(({ row }) => row.key === key).map(({ id }) => id)).toEqual(
            keys.flatMap((one, at) => (one === key ? [at + 1] : [])),
          );
        expect(begun.length).toBe(keys.length);
      },
    ),
  );
});

test('where nothing behind an event may begin, those in front of it do', () => {
  const byKey = new ByKey(1);
  for (const [at, key] of ['a', 'a', 'b', 'c'].entries()) byKey.add(eventOf(at + 1, key));
  const first = byKey.take(3);
  expect([first?.id, byKey.take(3)?.id, byKey.take(3)?.id]).toEqual([1, 3, undefined]);
  byKey.ended(first as BatchEvent);
  expect([byKey.take(3)?.id, byKey.take(3)?.id, byKey.take()?.id]).toEqual([2, undefined, 4]);
});
