import { describe, expect, test } from 'vitest';
import type { Handler, ProcessContext } from '../../../src/handler/contract.ts';
import { mistakeIn } from '../../../src/handler/options.ts';
import { setUpHandler, tearDownHandler } from '../../../src/workers/child/call/hooks.ts';

function given() {
  const warned: string[] = [];
  const log = { warn: (text: string) => warned.push(text) } as unknown as ProcessContext['log'];
  return { context: { log, queue: 'orders', slot: 'orders#1' }, warned };
}
const handler = (hooks: object): Handler => ({ event() {}, ...hooks }) as Handler;
const path = '/h.mjs';

describe('workers/child/call/hooks', () => {
  test('each is called once with queue and slot; a handler needs neither', async () => {
    const { context, warned } = given();
    const calls: string[] = [];
    const one = handler({
      setup: ({ slot }: ProcessContext) => calls.push(`setup ${slot}`),
      teardown: async ({ queue }: ProcessContext) => calls.push(`teardown ${queue}`),
    });
    await setUpHandler(one, context, { path });
    await tearDownHandler(one, context);
    await setUpHandler(handler({}), context, { path });
    await tearDownHandler(handler({}), context);
    expect([calls, warned]).toEqual([['setup orders#1', 'teardown orders'], []]);
  });

  test('a setup that fails, or does not come back, is a sentence that names the handler', async () => {
    const { context } = given();
    const refuses = handler({
      async setup() {
        throw new Error('no pool');
      },
    });
    await expect(setUpHandler(refuses, context, { path })).rejects.toThrow(
      'The `setup` of handler /h.mjs fails: no pool. Correct it, or what it needs.',
    );
    const hangs = handler({ setup: () => new Promise(() => {}) });
    await expect(setUpHandler(hangs, context, { path, withinMs: 10 })).rejects.toThrow(
      'is not done after 0 s.',
    );
  });

  test('a teardown that fails, or does not come back, is a warning and no more', async () => {
    const { context, warned } = given();
    await tearDownHandler(handler({ teardown: () => Promise.reject(new Error('gone')) }), context);
    await tearDownHandler(handler({ teardown: () => new Promise(() => {}) }), context, { withinMs: 10 });
    expect(warned).toEqual([
      "the handler's `teardown` fails: gone.",
      "the handler's `teardown` is not done after 0 s",
    ]);
  });

  test('a hook that is no function, or misspelt, is a mistake of the handler', () => {
    expect(mistakeIn(handler({ setup: 1 }))?.what).toBe('has `setup: 1`.');
    expect(mistakeIn(handler({ tearDown() {} }))?.remedy).toBe('Write `teardown`.');
    expect(mistakeIn(handler({ step: 1, set: 2 }))).toBeUndefined();
  });
});
