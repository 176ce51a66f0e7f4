// The event that a text names, also where somebody pasted anything.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TributaryError } from '../../../src/errors/tributary-error.ts';
import { referenceOf } from '../../../src/observability/trace/reference.ts';

const config = {
  queues: [{ name: 'orders', groups: [{ name: 'billing' }] }, { name: 'e:mails' }],
} as never;
const read = (text: string, queue?: string) => referenceOf(text, config, queue);

const mistakeOf = (text: string, queue?: string): string => {
  try {
    return JSON.stringify(read(text, queue));
  } catch (error) {
    if (error instanceof TributaryError && error.kind === 'misconfigured') return error.message;
    throw error;
  }
};

describe('observability/trace/reference', () => {
  test('an origin, one that was sent on, one of central, and an id with its queue', () => {
    expect(read(' app_017:orders:123\n')).toEqual({
      kind: 'shard',
      shard: 'app_017',
      queue: 'orders',
      id: 123,
    });
    expect(read('s1:a:1>e:mails:7')).toEqual({ kind: 'central', queue: 'e:mails', id: 7 });
    expect(read('@central:orders:5')).toEqual({ kind: 'central', queue: 'orders', id: 5 });
    expect(read('orders:5')).toEqual({ kind: 'central', queue: 'orders', id: 5 });
    expect(read('5', 'orders')).toEqual({ kind: 'central', queue: 'orders', id: 5 });
    // As `dead list` shows where it died.
    expect(read('5', 'orders/billing')).toEqual({ kind: 'central', queue: 'orders', id: 5 });
    expect(read('orders/billing:5')).toEqual({ kind: 'central', queue: 'orders', id: 5 });
  });

  test.each([
    ['', /is no origin/],
    ['s1:orders:-1', /is no origin/],
    ['s1:orders:1e5', /is no origin/],
    ['s1:orders:99999999999999999999', /is no origin/],
    ["s1:orders:1'; drop table pgq.queue --", /is no origin/],
    ['17', /Say --queue NAME/],
    [`s1:orders:${'1'.repeat(5_000)}`, /^`s1:orders:1+…` is no origin: it has 5,010 characters\.$/],
    [`${'s1:orders:1>'.repeat(100_000)}`, /1,200,000 characters/],
    [`${':'.repeat(1_999)}`, /is no origin/],
    [`${'>'.repeat(1_999)}`, /is no origin/],
  ])('what is no event is a mistake of a line: %.40s', (text, sentence) => {
    const mistake = mistakeOf(text);
    expect(mistake).toMatch(sentence);
    expect(mistake.length).toBeLessThan(2_200);
  });

  test('no text is more than a mistake', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3_000 }),
        fc.option(fc.constant('orders')),
        (text, queue) => {
          expect(typeof mistakeOf(text, queue ?? undefined)).toBe('string');
        },
      ),
    );
  });
});
