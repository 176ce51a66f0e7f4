// What `redact:` blanks in an event that is shown, and what it leaves as it is.
import { describe, expect, test } from 'vitest';
import { redact } from '../../../src/config/redaction.ts';
import { givenConfig, mistakesIn } from '../../support/installation/config-file.ts';

const fileWith = (paths: string, more = '') =>
  `central: postgresql://c/events\nshards: [postgresql://db1/app]\nqueues: { orders: { redact: ${paths}${more} }, emails: }\n`;

const shown = (paths: string, data: string | null, queue = 'orders') =>
  redact(givenConfig(fileWith(paths)), queue, { data }).data;

describe('config/redaction', () => {
  test.each([
    ['data', '{"a":1}', '[redacted]'],
    [
      'data.card.number',
      '{"card":{"number":"4111","name":"A"}}',
      '{"card":{"number":"[redacted]","name":"A"}}',
    ],
    // What JavaScript cannot hold stays as it was written, white space and order as well.
    [
      'data.a',
      '{ "n": 12345678901234567890.10, "a" : {"b":[1,2]} }',
      '{ "n": 12345678901234567890.10, "a" : "[redacted]" }',
    ],
    // JSON.parse would keep the last one only.
    ['data.a', '{"a":1,"b":2,"a":3}', '{"a":"[redacted]","b":2,"a":"[redacted]"}'],
    ['data.a', '{"\\u0061":"secret"}', '{"\\u0061":"[redacted]"}'],
    [
      'data.a.b',
      '[{"a":[{"b":1},{"b":2,"c":3}]},{"a":[]}]',
      '[{"a":[{"b":"[redacted]"},{"b":"[redacted]","c":3}]},{"a":[]}]',
    ],
    [
      'data.*.phone',
      '{"x":{"phone":1},"y":{"phone":2,"z":{"phone":3}}}',
      '{"x":{"phone":"[redacted]"},"y":{"phone":"[redacted]","z":{"phone":3}}}',
    ],
    [`'data."a.b"'`, '{"a.b":1,"a":{"b":2}}', '{"a.b":"[redacted]","a":{"b":2}}'],
    [
      '[data.a, data.b]',
      '{"a":"{\\"b\\":[}","b":"]","c":"}"}',
      '{"a":"[redacted]","b":"[redacted]","c":"}"}',
    ],
    ['data.a', '{"b":{"a":1}}', '{"b":{"a":1}}'],
    ['data.a', '{}', '{}'],
    // The path goes on where there is nothing to go into.
    ['data.card.number', '{"card":"4111"}', '{"card":"[redacted]"}'],
    ['data.card.number', '"4111"', '"[redacted]"'],
    // No JSON.
    ['data.card.number', 'card=4111', '[redacted]'],
    ['data.card.number', '{"card":{"number":"4111"}', '[redacted]'],
    ['data.card.number', '', '[redacted]'],
    ['data.card.number', null, null],
    ['extra1', 'card=4111', 'card=4111'],
  ])('with redact: %s the data %s is shown as %s', (paths, data, expected) => {
    expect(shown(paths, data)).toBe(expected);
  });

  test('JSON that is too deep to be followed is redacted whole', () => {
    expect(shown('data.a', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe('[redacted]');
  });

  test('another queue shows all, and one that the file does not name is redacted by all paths of the file', () => {
    expect(shown('data.a', '{"a":1}', 'emails')).toBe('{"a":1}');
    expect(shown('data.a', '{"a":1}', 'a former queue')).toBe('{"a":"[redacted]"}');
  });

  test('columns and the bytes of a refused event are redacted; other fields stay', () => {
    const event = { id: 7, type: 'made', data: '{"b":1}', extra1: 'secret', extra2: null, raw: 'AAAA' };
    expect(redact(givenConfig(fileWith('[extra1, extra2, data.a]')), 'orders', event)).toEqual({
      ...event,
      extra1: '[redacted]',
      raw: '[redacted]',
    });
    expect(
      redact(
        givenConfig('central: postgresql://c/e\nshards: [postgresql://d/a]\nqueues: { orders: }\n'),
        'orders',
        event,
      ),
    ).toBe(event);
  });

  test.each([
    ['card', 'not `card`.'],
    ['data.', 'not `data.`.'],
    ['data..a', 'not `data..a`.'],
    [`'data."a'`, 'not `data."a`.'],
    ['ev_data.a', 'not `ev_data.a`.'],
    ['[]', 'is an empty list'],
    ['extra4', 'is the column of the origin'],
  ])('redact: %s is a mistake', (paths, sentence) => {
    expect(mistakesIn(fileWith(paths))).toEqual([expect.stringContaining(sentence)]);
  });
});
