import { describe, expect, test } from 'vitest';
import { BatchEvent } from '../../../src/handler/event.ts';
import { originHere, parseOrigin, sentFrom } from '../../../src/handler/origin.ts';
import { TextRow } from '../../../src/workers/child/reading/event-rows.ts';

const row = (overrides: Partial<Record<number, string | null>> = {}) =>
  [
    '7',
    '2026-11-21 08:15:17.123456+00',
    '900',
    null,
    'made',
    '{"a":1}',
    null,
    null,
    null,
    's1:orders:42',
  ].map((value, at) => (overrides[at] === undefined ? value : overrides[at])) as (string | null)[];
const event = (overrides = {}) =>
  new BatchEvent(new TextRow(row(overrides)), { queue: 'orders', origin: 'extra4' });

describe('handler/event', () => {
  test('the columns come as they are, retry as 0 where it is null', () => {
    const { id, type, data, extra1, extra4, retry } = event();
    expect({ id, type, data, extra1, extra4, retry }).toEqual({
      id: 7,
      type: 'made',
      data: '{"a":1}',
      extra1: null,
      extra4: 's1:orders:42',
      retry: 0,
    });
  });

  test.each([
    ['2026-11-21 08:15:17.123456+00', '2026-11-21T08:15:17.123Z'],
    ['2026-11-21 08:15:17+00', '2026-11-21T08:15:17.000Z'],
    ['2026-11-21 08:15:17.5-03:30', '2026-11-21T11:45:17.500Z'],
    ['2026-06-21 08:15:17.12+02', '2026-06-21T06:15:17.120Z'],
  ])('the time %s is %s', (text, iso) => {
    expect(event({ 1: text }).time.toISOString()).toBe(iso);
  });

  test('json is parsed once', () => {
    const one = event();
    expect(one.json()).toEqual({ a: 1 });
    expect(one.json()).toBe(one.json());
  });

  test.each([[null], ['{"a"'], ['']])(
    'data %j is no JSON, and the error names the event and its origin',
    (data) => {
      expect(() => event({ 5: data }).json()).toThrow(
        /^The data of event 7 in queue orders \(origin s1:orders:42\) is no JSON: /,
      );
    },
  );

  test('the error about data that is no JSON does not quote it', () => {
    for (const data of [
      'secret',
      '{"a": secret}',
      `{"a": "${'x'.repeat(90)}", secret}`,
      '["\u0001secret"]',
    ]) {
      expect(() => event({ 5: data }).json()).toThrow(/is no JSON: [A-Z].*[^,]\.$/);
      expect(() => event({ 5: data }).json()).not.toThrow(/secret/);
    }
  });

  test('the origin is read from its column', () => {
    const { origin } = event();
    expect({ ...origin }).toEqual({ shard: 's1', queue: 'orders', id: 42 });
    expect(`${origin}`).toBe('s1:orders:42');
    expect(JSON.stringify({ origin })).toBe('{"origin":"s1:orders:42"}');
  });

  test('an event without an origin is named by its place on central', () => {
    expect(String(event({ 9: null }).origin)).toBe('@central:orders:7');
    expect(String(event({ 9: 'a value of its own' }).origin)).toBe('@central:orders:7');
    expect(String(new BatchEvent(new TextRow(row()), { queue: 'orders', origin: 'none' }).origin)).toBe(
      '@central:orders:7',
    );
  });
});

describe('handler/origin', () => {
  test('a queue may have colons in its name', () => {
    expect({ ...parseOrigin('db1/app:a:b:9') }).toEqual({ shard: 'db1/app', queue: 'a:b', id: 9 });
  });

  test.each(['', 'a', 'a:b', ':q:1', 's::1', 's:q:', 's:q:x', 's:q:-1', 's:q:99999999999999999999'])(
    '%j is no origin',
    (text) => {
      expect(parseOrigin(text)).toBeUndefined();
    },
  );

  test('the origin of a sent event has the root, the way, and its own place at the end', () => {
    const origin = event({ 9: 's1:orders:42>' }).origin;
    expect({ ...origin, steps: origin.steps, text: String(origin) }).toEqual({
      ...{ shard: 's1', queue: 'orders', id: 42 },
      steps: [{ queue: 'orders', id: 7 }],
      text: 's1:orders:42>orders:7',
    });
    const further = event({ 9: 's1:orders:42>mails:8>' }).origin;
    expect(String(further)).toBe('s1:orders:42>mails:8>orders:7');
    expect(sentFrom(further)).toBe('s1:orders:42>mails:8>orders:7>');
    expect(event().origin.steps).toEqual([]);
    expect(String(event({ 9: '@central:a>b:1>c:d:2>' }).origin)).toBe('@central:a>b:1>c:d:2>orders:7');
  });

  test.each(['>', 's1:orders>', 's1:orders:42>>', 's1:orders:42>mails>'])(
    '%j is not the origin of a sent event',
    (text) => {
      expect(String(event({ 9: text }).origin)).toBe('@central:orders:7');
    },
  );

  test('for an event that is sent in circles the root and the last ten steps are kept', () => {
    let text = 's1:orders:42';
    for (let id = 1; id <= 30; id++) text = String(parseOrigin(`${text}>`, { queue: 'ring', id }));
    const steps = Array.from({ length: 10 }, (_, at) => `ring:${at + 21}`);
    expect(text).toBe(['s1:orders:42', ...steps].join('>'));
  });

  test('the text of an origin is read back as the same', () => {
    const here = originHere({ queue: 'orders', id: 5 });
    expect(parseOrigin(String(here))).toEqual(here);
  });
});
