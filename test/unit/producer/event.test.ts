// An event as texts: what goes into which column, and each mistake as a sentence; and what the import of the producer loads.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ProducedEvent, ProducerOptions } from '../../../src/producer/contract.ts';
import { rulesOf, textsOf } from '../../../src/producer/event.ts';
import { createProducer } from '../../../src/producer.ts';
import { givenFolder } from '../../support/files.ts';
import { filesIn, importsOf } from '../../support/pages/source-tree.ts';

const texts = (event: unknown, options: ProducerOptions = {}) =>
  textsOf(event as ProducedEvent, rulesOf(options));

const circular: Record<string, unknown> = {};
circular.self = circular;

describe('producer/event', () => {
  test.each<[unknown, ProducerOptions, (string | null)[]]>([
    [{}, {}, [null, null, null, null, null, null]],
    [{ type: 't', data: 'as it is' }, {}, ['t', 'as it is', null, null, null, null]],
    [{ data: { a: [1, null] } }, {}, [null, '{"a":[1,null]}', null, null, null, null]],
    [{ data: 0 }, {}, [null, '0', null, null, null, null]],
    [{ data: false, type: null }, {}, [null, 'false', null, null, null, null]],
    [{ data: 'a\ud800b' }, {}, [null, 'a\ufffdb', null, null, null, null]],
    [{ key: 1, unique: 'u' }, {}, [null, null, '1', null, 'u', null]],
    [{ extra1: 'x', extra4: 'y' }, {}, [null, null, 'x', null, null, 'y']],
    [{ at: new Date(0) }, {}, [null, null, null, '1970-01-01T00:00:00.000Z', null, null]],
    [{ key: 'k' }, { columns: { key: 'extra3' } }, [null, null, null, null, 'k', null]],
    [
      { key: 'k', traceparent: null },
      { columns: { traceparent: 'extra2' } },
      [null, null, 'k', null, null, null],
    ],
    [
      {},
      { columns: { traceparent: 'extra2' }, traceparent: () => `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
      [null, null, null, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, null, null],
    ],
    [{}, { columns: { traceparent: 'extra2' }, traceparent: () => 'no trace' }, Array(6).fill(null)],
  ])('%o with %o', (event, options, expected) => {
    expect(texts(event, options)).toEqual(expected);
  });

  test.each<[unknown, ProducerOptions, string]>([
    [null, {}, 'An event is an object such as `{ type, data }`.'],
    [[[]], {}, 'An event is an object'],
    [Promise.resolve({ type: 't' }), {}, 'An event is an object'],
    [new Set([{ type: 't' }]), {}, 'An event is an object'],
    [new Date(), {}, 'An event is an object'],
    [{ data: Promise.resolve(1) }, {}, '`data` of an event is a promise: wait for it with `await`.'],
    [{ data: new Map([[1, 2]]) }, {}, '`data` of an event is a Map, which JSON has not: make an object'],
    [{ data: Number.NaN }, {}, '`data` of an event is NaN, which is no JSON.'],
    [{ data: new Date(Number.NaN) }, {}, '`data` of an event is a date without a time (Invalid Date).'],
    [{ data: circular }, {}, '`data` of an event is no JSON: Converting circular structure to JSON.'],
    [{ payload: 1 }, {}, '`payload` is no field of an event. There are type, data, key'],
    [{ type: 5 }, {}, '`type` of an event must be text.'],
    [{ data: 'a\0' }, {}, '`data` of an event holds the character 0. PostgreSQL cannot keep it.'],
    [{ data: () => 1 }, {}, '`data` of an event is a function, which is no JSON.'],
    [{ data: { a: 1n } }, {}, '`data` of an event is no JSON: Do not know how to serialize a BigInt.'],
    [{ data: { toJSON: () => undefined } }, {}, '`data` of an event is an object that gives no JSON.'],
    [{ at: new Date(8.64e15) }, {}, '`at` of an event leads out of the years 1 to 9999.'],
    [{ at: new Date(-8.64e15) }, {}, '`at` of an event leads out of the years 1 to 9999.'],
    [{ after: '99999999d' }, {}, '`after` of an event leads out of the years 1 to 9999.'],
    [{ after: 5 }, {}, '`after` of an event needs a unit: write `5s`'],
    [{ after: {} }, {}, '`after` of an event must be a duration such as'],
    [{ at: '2031-01-01' }, {}, '`at` of an event is a valid Date.'],
    [{ at: new Date(Number.NaN) }, {}, '`at` of an event is a valid Date.'],
    [{ after: '5' }, {}, '`after` of an event needs a unit: write `5s`'],
    [{ after: '5s', at: new Date(0) }, {}, 'An event has `at` or `after`, not both.'],
    [{ key: 'k', extra1: 'x' }, {}, '`extra1` of an event is set, and `key` goes there as well.'],
    [{ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }, {}, '`traceparent` has no column.'],
    [{ traceparent: 'x' }, {}, '`traceparent` of an event is not as the W3C has it'],
    [{ at: new Date(0) }, { columns: { traceparent: 'extra2' } }, '`at` has no column. Say which'],
    [{}, { traceparent: () => null }, 'The option `traceparent` has no column to write into.'],
    [{}, { columns: { key: 'extra2', at: 'extra2' } }, '`columns` gives extra2 to two things.'],
    [{}, { columns: { trace: 'extra2' } as object }, '`columns` knows no `trace`.'],
    [{}, { columns: { key: 'data' as 'extra1' } }, '`columns.key` is no column.'],
  ])('%o with %o is refused: %s', (event, options, sentence) => {
    expect(() => texts(event, options)).toThrow(sentence);
  });

  test.each([
    [null, 'no transaction that this producer knows'],
    ['tx', 'no transaction that this producer knows'],
    [{}, 'no transaction that this producer knows'],
    [() => {}, 'no transaction that this producer knows'],
    [{ query() {}, totalCount: 1 }, 'A pool of pg is no transaction'],
    [
      { query() {}, getTransactionStatus: () => 'I', readyForQuery: true },
      'This client of pg is in no transaction: the event would commit alone. `begin` first',
    ],
  ])('to send in %o is refused', async (tx, sentence) => {
    await expect(createProducer().send(tx as object, 'orders', {})).rejects.toThrow(sentence);
  });

  test.each([undefined, null, '', 5, 'a\0', 'or\nders', '\ud800'])(
    'a queue called %j is refused before anything is asked',
    async (queue) => {
      const producer = createProducer({ spool: join(givenFolder(), 'spool') });
      const tx = {
        query() {
          throw new Error('asked');
        },
      };
      const refused = { code: 'producer-event', message: expect.stringMatching(/^The name of the queue /) };
      await expect(producer.send(tx, queue as string, {})).rejects.toMatchObject(refused);
      await expect(producer.spool(queue as string, {})).rejects.toMatchObject(refused);
    },
  );

  test.each([
    [
      { spol: '/x' },
      'A producer has no option `spol`. There are schema, columns, traceparent, spool, calls.',
    ],
    [{ schema: 'public' }, '`schema` of a producer is neither `pgq` nor `pgque`.'],
    [{ spool: { path: '/x' } }, '`spool` knows no `path`. There are folder, fsync, limit, segment.'],
    [{ spool: { folder: '' } }, '`spool` needs a folder.'],
    [{ spool: { folder: '/dev/null', segment: 1 } }, '`spool.segment` needs a unit: write `1MB`'],
    [{ spool: null }, '`spool` needs a folder.'],
    [{ calls: null }, '`calls` must be an object'],
    [{ spool: { folder: '/dev/null', limit: '1' } }, '`spool.limit` needs a unit: write `1MB`'],
    [{ spool: '/dev/null' }, 'The spool /dev/null cannot be opened ('],
  ])('options %o are refused: %s', (options, sentence) => {
    expect(() => createProducer(options as ProducerOptions)).toThrow(sentence);
  });

  test('the import of the producer loads a few small files, and no driver', () => {
    const sources = new Map(filesIn('src', '.ts').map((file) => [file.path, file]));
    const loaded = new Set<string>();
    const open = ['src/producer.ts'];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (loaded.has(path)) continue;
      loaded.add(path);
      const file = sources.get(path);
      // Types are not there any more.
      const text = file?.text.replace(/^(import|export) type [^;]*;/gm, '') ?? '';
      if (file !== undefined) open.push(...importsOf({ path, text }).map(({ to }) => to));
    }
    const packages = [...loaded].filter((path) => !path.startsWith('src/') && !path.startsWith('node:'));
    expect(packages).toEqual(['fastest-levenshtein']);
    expect(loaded.size).toBeLessThan(32);
  });
});
