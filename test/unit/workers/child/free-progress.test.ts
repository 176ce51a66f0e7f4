import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchEvent } from '../../../../src/handler/event.ts';
import { Lanes } from '../../../../src/workers/child/free/lanes.ts';
import { FreeProgress } from '../../../../src/workers/child/free/progress.ts';
import { TextRow } from '../../../../src/workers/child/reading/event-rows.ts';

const eventOf = (id: number) =>
  new BatchEvent(new TextRow([String(id), '', null, null]), { queue: 'q', origin: 'none' });

describe('workers/child/free/progress', () => {
  test('whatever the order in which events are done: progress is a prefix, passed once, that never splits an id', () => {
    const steps = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (gaps, choices) => {
        let id = 0;
        const events = gaps.map((gap) => {
          id += gap > 3 ? 0 : gap;
          return eventOf(id);
        });
        const progress = new FreeProgress<number>();
        progress.read(events);
        const undone = [...events];
        const passed: BatchEvent[] = [];
        while (undone.length > 0) {
          const [choice = 0] = choices.take(1);
          const [event] = undone.splice(choice % undone.length, 1) as [BatchEvent];
          progress.done(event, event.id);
          passed.push(...progress.take().map((done) => done.event));
          expect(passed).toEqual(events.slice(0, passed.length));
          expect(undone.some((one) => one.id <= (passed.at(-1)?.id ?? -1))).toBe(false);
        }
        expect(passed).toEqual(events);
        expect([progress.size, progress.isComplete]).toEqual([0, true]);
      }),
    );
  });
});

describe('workers/child/free/lanes', () => {
  test('no more calls run than there are lanes, and idle() waits for all of them', async () => {
    const lanes = new Lanes(3);
    let atWork = 0;
    const most: number[] = [];
    for (let n = 0; n < 20; n++) {
      while (!lanes.isFree) await lanes.next();
      lanes.start(async () => {
        most.push(++atWork);
        await sleep(n % 3);
        atWork -= 1;
      });
    }
    await lanes.idle();
    expect(atWork).toBe(0);
    expect(Math.max(...most)).toBe(3);
    expect(await lanes.next()).toBe(false);
  });

  test('an error of our own code in a lane is not lost', async () => {
    const lanes = new Lanes(2);
    lanes.start(async () => {
      throw new Error('ours');
    });
    await expect(lanes.idle()).rejects.toThrow('ours');
    expect(() => lanes.isFree).toThrow('ours');
  });

  test('a wait with a time limit returns in time although no call has ended', async () => {
    const lanes = new Lanes(1);
    let end = () => {};
    lanes.start(() => new Promise((resolve) => (end = resolve)));
    expect(await lanes.next(5)).toBe(true);
    expect(lanes.isFree).toBe(false);
    end();
    await lanes.idle();
    expect(lanes.isFree).toBe(true);
  });
});
