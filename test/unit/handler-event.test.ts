import { describe, expect, test } from 'vitest';
import { BatchEvent } from '../../src/handler/event.ts';
import { originHere, parseOrigin } from '../../src/handler/origin.ts';
import { TextRow } from '../../src/workers/child/event-rows.ts';

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

  test('the origin is read from its column', () => {
    const { origin } = event();
    expect({ ...origin }).toEqual({ shard: 's1', queue: 'orders', id: 42 });
    expect(`${origin}`).toBe('s1:orders:42');
    expect(JSON.stringify({ origin })).toBe('{"origin":"s1:orders:42"}');
  });

  test('an event without an origin has its place on central instead', () => {
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

  test('its text is read back as what it was', () => {
    expect(parseOrigin(String(originHere('orders', 5)))).toEqual(originHere('orders', 5));
  });
});
