import { describe, expect, test } from 'vitest';
import { progressMessage, publishedMessage, resultMessage } from '../../../src/channels/message.ts';

describe('channels/message', () => {
  test('data goes as JSON, and nothing as null', () => {
    expect(publishedMessage('order:1', { a: [1, 'ü'] }, 'paid')).toEqual({
      channel: 'order:1',
      type: 'paid',
      data: '{"a":[1,"ü"]}',
    });
    expect(publishedMessage('a', undefined)).toEqual({ channel: 'a', type: undefined, data: 'null' });
    expect(publishedMessage('a', 'text', 'message')).toEqual({
      channel: 'a',
      type: undefined,
      data: '"text"',
    });
  });

  test('what cannot be published is said, with what to do', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const wrong: readonly [() => unknown, RegExp][] = [
      [() => publishedMessage('', 1), /name of a channel must be a text/],
      [() => publishedMessage(7 as never, 1), /name of a channel must be a text/],
      [() => publishedMessage('a\u0000', 1), /control character/],
      [() => publishedMessage('a', () => {}), /is a function, which is no JSON/],
      [() => publishedMessage('a', circle), /is no JSON: /],
      [
        () => publishedMessage('a', 10n),
        /^What is published on a channel is no JSON: Do not know how to serialize a BigInt\.$/,
      ],
      [() => resultMessage('s:q:1', { ok: true, value: 10n }), /^What the handler returned is no JSON: /],
      [
        () => resultMessage('s:q:1', { ok: true, value: 'x'.repeat(70_000) }),
        /returned is larger than 64 kB.*return where it is/,
      ],
      [() => publishedMessage('a', 'x'.repeat(65_536)), /larger than 64 kB.*Put it into a table/],
      [() => publishedMessage('a', 1, 'a\nb'), /a text of one line/],
      [() => publishedMessage('a', 1, 'error'), /`error` is a type that Tributary or the browser uses/],
      [() => publishedMessage('a', 1, 'reset'), /`reset` is a type/],
      [() => progressMessage('a', { done: Number.NaN, total: 1 }), /takes two numbers/],
      [() => progressMessage('a', { done: 1, total: '2' as never }), /takes two numbers/],
    ];
    for (const [publish, sentence] of wrong) expect(publish).toThrow(sentence);
  });

  test('progress has a type of its own', () => {
    expect(progressMessage('a', { done: 1, total: 4, text: 'frames' })).toEqual({
      channel: 'a',
      type: 'progress',
      data: '{"done":1,"total":4,"text":"frames"}',
    });
    expect(progressMessage('a', { done: 0, total: 0 }).data).toBe('{"done":0,"total":0}');
  });
});
