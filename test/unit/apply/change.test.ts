// Events of the triggers jsontriga and logutriga, read.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readChange } from '../../../src/apply/change.ts';
import { readJsonRow, readUrlRow } from '../../../src/apply/row-text.ts';
import { isSource } from '../../../src/apply/target.ts';

const event = { id: 7, type: null, data: null, extra1: 'public.orders', extra2: null };
const jsonType = (op: string) => `{"op":"${op}","table":["public","orders"],"pkey":["id"]}`;

describe('rows', () => {
  test('of JSON keep the text of every value', () => {
    const row = readJsonRow(
      '{"id":9007199254740993,"ok":true,"no":null,"price":"1.50","doc":"{\\"a\\": [1, \\"}\\"]}","a\\"b":"x\\u00e9\\n"}',
    );
    expect([...(row ?? [])]).toEqual([
      ['id', '9007199254740993'],
      ['ok', 'true'],
      ['no', null],
      ['price', '1.50'],
      ['doc', '{"a": [1, "}"]}'],
      ['a"b', 'xé\n'],
    ]);
  });

  test.each(['', '[]', '{"a":1', '{"a":{"b":1}}', '{"a":1}x', '{"a" 1}', 'null', '{"a":"\\x"}'])(
    '%j is no row',
    (text) => expect(readJsonRow(text)).toBeUndefined(),
  );

  test('come back as they were, in both formats', () => {
    const rows = fc.dictionary(fc.string({ minLength: 1 }), fc.option(fc.string({ unit: 'grapheme' })));
    const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
    fc.assert(
      fc.property(rows, (row) => {
        const given = Object.entries(row);
        expect([...(readJsonRow(JSON.stringify(Object.fromEntries(given))) ?? [])].sort()).toEqual(
          given.sort(),
        );
        const url = given
          .map(([name, value]) => (value === null ? encoded(name) : `${encoded(name)}=${encoded(value)}`))
          .join('&');
        expect([...(readUrlRow(url) ?? [])].sort()).toEqual(given.sort());
      }),
    );
  });
});

describe('changes', () => {
  test.each([
    [jsonType('INSERT'), 'insert'],
    [jsonType('UPDATE'), 'update'],
    [jsonType('DELETE'), 'delete'],
  ])('%s is %s', (type, op) => {
    expect(readChange({ ...event, type, data: '{"id":1}' })).toMatchObject({ op, table: 'public.orders' });
  });

  test('urlencoded ones are known by their letter, and a truncate has no row', () => {
    const url = (type: string, data: string) => readChange({ ...event, type, data });
    expect(url('I:id', 'id=1&note')).toMatchObject({
      op: 'insert',
      row: new Map([
        ['id', '1'],
        ['note', null],
      ]),
    });
    expect(url('U:id', 'id=1')).toMatchObject({ op: 'update' });
    expect(url('D:id', 'id=1')).toMatchObject({ op: 'delete' });
    expect(url('R', '')).toEqual({ op: 'truncate', table: 'public.orders' });
    expect(url(jsonType('TRUNCATE'), '{}')).toEqual({ op: 'truncate', table: 'public.orders' });
  });

  test('the row before comes from the trigger’s backup', () => {
    const change = readChange({ ...event, type: 'U:id', data: 'id=2', extra2: 'id=1' });
    expect(change).toMatchObject({ before: new Map([['id', '1']]) });
  });

  test.each([
    [{ type: 'placed', data: '{"id":1}' }],
    [{ type: null, data: '{"id":1}' }],
    [{ type: 'I', data: "('id') values (1)" }],
    [{ type: 'I:id', data: '' }],
    [{ type: 'I:id', data: 'id=%zz' }],
    [{ type: 'I:id', data: 'id=1', extra1: null }],
  ])('%j is no change', (given) => {
    expect(() => readChange({ ...event, ...given })).toThrow(
      /^Event 7 of type .* is no change of a table as the triggers jsontriga and logutriga write it\. Leave such events out by `where:`/,
    );
  });
});

test('a source may be a pattern', () => {
  const is = (source: string, table: string) => isSource({ source }, table);
  expect(is('public.orders', 'public.orders')).toBe(true);
  expect(is('public.order_*', 'public.order_2026')).toBe(true);
  expect(is('public.order_*', 'public.orders')).toBe(false);
  expect(is('public.a.c', 'public.abc')).toBe(false);
});
