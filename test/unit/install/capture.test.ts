// Captures judged and planned from facts alone.
import { describe, expect, test } from 'vitest';
import { judgeTables } from '../../../src/install/capture/judge.ts';
import { differences, noteText, parseNote, partDifferences } from '../../../src/install/capture/note.ts';
import { planCapture, removalOf } from '../../../src/install/capture/plan.ts';
import type { CaptureFacts, TableFact } from '../../../src/install/capture/tables.ts';
import { asStoredArguments, wantedTriggers } from '../../../src/install/capture/triggers.ts';
import { givenConfig } from '../../support/installation/config-file.ts';

const SHARD = { schema: 'pgq' } as const;

const configOf = (...captures: string[]) =>
  givenConfig(
    `name: shop\ncentral: postgresql://c/central\nshards: [postgresql://s/one]\nqueues: { orders: { workers: none } }\ncapture:\n${captures.map((one) => `  ${one}\n`).join('')}`,
  );

const orders = () => configOf('sales: { tables: [public.orders], queue: orders }');

const given = (fact: Partial<TableFact> = {}): TableFact => ({
  id: 1,
  schema: 'public',
  name: 'orders',
  kind: 'r',
  owner: 'ann',
  mayOwn: true,
  patterns: [0],
  triggers: [],
  ancestors: [],
  parts: [],
  children: [],
  columns: [
    [1, 'id', 'integer'],
    [2, 'total', 'numeric'],
  ],
  key: ['id'],
  uniqueColumns: [],
  others: [],
  unable: [],
  ...fact,
});

const facts = (...tables: TableFact[]): CaptureFacts => ({
  tables,
  functions: { json: true, url: true },
  writerRole: 'pgq_writer',
  mayGrantWriter: true,
});

const plan = (config = orders(), ...tables: TableFact[]) =>
  planCapture({
    ...{ config, shard: SHARD, place: 'Shard s1', role: 'ann' },
    ...{ facts: facts(...tables), queues: new Set(['orders']) },
  });

/** The table as it is once the plan was carried out. */
function captured(config = orders(), table = given()): TableFact {
  const [capture] = config.captures ?? [];
  if (capture === undefined) throw new Error('The file has no capture.');
  const { triggers, made, key } = wantedTriggers(
    { installation: 'shop', schema: 'pgq', capture, format: 'json' },
    table,
  );
  const note = noteText('shop', { made, columns: table.columns, key });
  return {
    ...table,
    triggers: triggers.map(({ name, function: called, arguments: args }) => ({
      ...{ name, function: called, schema: 'pgq', arguments: asStoredArguments(args) },
      ...{ enabled: 'O', note, disabledOn: null },
    })),
  };
}

const states = (config = orders(), ...tables: TableFact[]) =>
  judgeTables(config, SHARD, facts(...tables)).map(({ capture, table, state, why }) => [
    ...[capture, table, state],
    ...why,
  ]);

describe('what a trigger remembers of its table', () => {
  const before = { columns: given().columns, key: ['id'] };

  test('is read back from its comment, and a comment of somebody else is none', () => {
    const note = { made: 'x', ...before };
    expect(parseNote(noteText('shop', note))).toEqual(note);
    for (const text of [null, 'mine', '{"made":1}', 'Made {']) expect(parseNote(text)).toBeUndefined();
  });

  test.each<[string, Parameters<typeof differences>[1], string[]]>([
    [
      'nothing, by other numbers as after a restore',
      {
        columns: [
          [1, 'id', 'integer'],
          [3, 'total', 'numeric'],
        ],
        key: ['id'],
      },
      [],
    ],
    [
      'a new column',
      { columns: [...before.columns, [3, 'note', 'text']], key: ['id'] },
      ['column note was added'],
    ],
    [
      'a column that has gone',
      { columns: [[1, 'id', 'integer']], key: ['id'] },
      ['column total was dropped'],
    ],
    [
      'a new name',
      {
        columns: [
          [1, 'id', 'integer'],
          [2, 'sum', 'numeric'],
        ],
        key: ['id'],
      },
      ['column total is called sum now'],
    ],
    [
      'a new name of the key',
      {
        columns: [
          [1, 'no', 'integer'],
          [2, 'total', 'numeric'],
        ],
        key: ['no'],
      },
      ['column id is called no now'],
    ],
    [
      'another type',
      {
        columns: [
          [1, 'id', 'bigint'],
          [2, 'total', 'numeric'],
        ],
        key: ['id'],
      },
      ['column id was integer and is bigint'],
    ],
    ['another key', { columns: before.columns, key: [] }, ['its key was (id) and is none']],
  ])('differs by %s', (_what, now, words) => {
    expect(differences(before, now)).toEqual(words);
  });

  test('partitions that went and those that came with rows are named, new ones are not', () => {
    const is = (...parts: [string, boolean][]) => partDifferences(['a', 'b'], { kind: 'p', parts });
    expect(is(['a', true], ['b', false], ['c', false])).toEqual([]);
    expect(is(['b', false], ['d', true])).toEqual([
      'partition a is gone, detached or dropped: no event says that its rows are',
      'partition d is attached: rows that it had by then are no events',
    ]);
    expect(is(['c', true], ['d', true])).toEqual([
      'partitions a, b are gone, detached or dropped: no event says that their rows are',
      'partitions c, d are attached: rows that they had by then are no events',
    ]);
    expect(partDifferences(undefined, { kind: 'p', parts: [] })).toEqual(['its partitions were not noted']);
    expect(partDifferences(undefined, { kind: 'r', parts: [] })).toEqual([]);
  });
});

describe('the triggers of a capture', () => {
  const sqlOf = (capture: string, table = given()) => {
    const [own] = configOf(capture).captures ?? [];
    if (own === undefined) throw new Error('The file has no capture.');
    return wantedTriggers(
      { installation: 'shop', schema: 'pgq', capture: own, format: 'json' },
      table,
    ).triggers.map(({ sql }) => sql.replace(/\s+/g, ' '));
  };

  test('are one for rows and one for truncation, with what the file says as arguments', () => {
    expect(
      sqlOf('sales: { tables: public.orders, queue: orders, ignore: total, key: [id], old: true }'),
    ).toEqual([
      `create or replace trigger "tributary:shop:sales" after insert or update or delete on "public"."orders" for each row execute function pgq.jsontriga('orders', 'ignore=total', 'pkey=id', 'backup')`,
      `create or replace trigger "tributary:shop:sales:t" after truncate on "public"."orders" for each statement execute function pgq.jsontriga('orders')`,
    ]);
    expect(sqlOf('sales: { tables: public.orders, queue: orders, columns: [id] }')[0]).toContain(
      "'ignore=total'",
    );
  });

  test('of a table with partitions say its own name, quoted as far as it has to be', () => {
    expect(
      sqlOf('sales: { tables: public.orders, queue: orders }', given({ kind: 'p', name: `o'x"` }))[0],
    ).toContain(
      `on "public"."o'x""" for each row execute function pgq.jsontriga('orders', 'ev_extra1=''public.o''''x"''')`,
    );
  });

  test('are three with a condition, in which texts and names stay as they are', () => {
    const [insert, update, del] = sqlOf(
      `sales: { tables: public.orders, queue: orders, when: "row.total > 0 and note <> 'row.x' and ROW .\\"row.y\\" = $$row.z$$" }`,
    );
    const named = (row: string) => `${row}.total > 0 and note <> 'row.x' and ${row} ."row.y" = $$row.z$$`;
    expect(insert).toContain(`after insert on "public"."orders" for each row when (${named('new')} )`);
    expect(update).toContain(
      `after update on "public"."orders" for each row when ((${named('old')}) or (${named('new')}) )`,
    );
    expect(del).toContain(`after delete on "public"."orders" for each row when (${named('old')} )`);
  });
});

describe('how a table stands', () => {
  test('captured, and what is left of a capture that the file does not have', () => {
    expect(states(orders(), captured())).toEqual([['sales', 'public.orders', 'captured']]);
    const other = configOf(
      'other: { tables: public.x_*, queue: orders }'.replace('public.x_*', "'public.x_*'"),
    );
    expect(states(other, { ...captured(), patterns: [] })).toEqual([
      ['sales', 'public.orders', 'left-over', 'the file has no capture sales'],
    ]);
    expect(states(orders(), { ...captured(), patterns: [] })).toEqual([
      ['sales', 'public.orders', 'refused', 'there is no such table'],
      ['sales', 'public.orders', 'left-over', 'the file does not capture it any more'],
    ]);
  });

  test('missing, disabled, changed', () => {
    const whole = captured();
    const with_ = (change: object) => ({
      ...whole,
      triggers: whole.triggers.map((one, at) => (at === 0 ? { ...one, ...change } : one)),
    });
    expect(states(orders(), given())).toEqual([['sales', 'public.orders', 'missing', 'it has no trigger']]);
    expect(states(orders(), { ...whole, triggers: whole.triggers.slice(1) })).toEqual([
      ['sales', 'public.orders', 'missing', 'trigger tributary:shop:sales is missing'],
    ]);
    expect(states(orders(), with_({ enabled: 'D' }))[0]).toContain(
      'trigger tributary:shop:sales is disabled',
    );
    expect(states(orders(), with_({ enabled: 'R' }))[0]).toContain(
      'trigger tributary:shop:sales fires for replicated changes only',
    );
    expect(states(orders(), with_({ enabled: 'A' }))[0]).toContain('captured');
    expect(states(orders(), with_({ disabledOn: ['orders_1'] }))[0]).toContain(
      'trigger tributary:shop:sales is disabled on orders_1',
    );
    for (const change of [
      { note: null },
      { arguments: '00' },
      { function: 'logutriga' },
      { schema: 'pgque' },
    ])
      expect(states(orders(), with_(change))[0]).toEqual([
        ...['sales', 'public.orders', 'changed'],
        'its triggers are others than the file says',
      ]);
    expect(states(orders(), { ...whole, columns: [...whole.columns, [3, 'note', 'text']] })[0]).toEqual([
      ...['sales', 'public.orders', 'changed', 'column note was added'],
    ]);
  });

  test('refused, with what would be right', () => {
    const why = (capture: string, fact: Partial<TableFact> = {}) =>
      judgeTables(configOf(capture), SHARD, facts(given(fact))).flatMap((one) => one.why);
    const all = 'sales: { tables: public.orders, queue: orders }';
    expect(why(all, { key: [] })).toEqual([
      'it has no primary key: give it one, or name the columns that tell its rows apart with `key`',
    ]);
    expect(why(all, { key: [], uniqueColumns: ['total'] })).toEqual([
      'it has no primary key: give it one, or say `key: [total]`, which are unique',
    ]);
    expect(why(all, { kind: 'v' })).toEqual(['it is a view: name tables']);
    expect(why('sales: { tables: public.orders, queue: orders, columns: [total, sum] }')).toEqual([
      'it has no column sum: correct `columns` or `key`',
      'its key (id) has to be in its events: do not leave id out',
    ]);
    expect(
      judgeTables(orders(), SHARD, { ...facts(given()), functions: { json: false, url: false } })[0]?.why,
    ).toEqual(['the PgQ there has neither trigger, jsontriga nor logutriga']);
    const both = configOf(
      'sales: { tables: public.orders, queue: orders }',
      "all: { tables: 'public.*', queue: orders }",
    );
    expect(states(both, given({ patterns: [0, 1] }))).toEqual([
      ['sales', 'public.orders', 'refused', expect.stringContaining('capture all has it for the same queue')],
      ['all', 'public.orders', 'refused', expect.stringContaining('capture sales has it for the same queue')],
    ]);
  });

  test('by url where the PgQ has no jsontriga', () => {
    const { tables } = planCapture({
      ...{ config: orders(), shard: SHARD, place: 'Shard s1', role: 'ann', queues: new Set(['orders']) },
      facts: { ...facts(given()), functions: { json: false, url: true } },
    });
    expect(tables[0]?.wanted?.triggers[0]?.function).toBe('logutriga');
  });

  test('a pattern means tables, passes over what `!` names, and partitions are covered by their table', () => {
    const config = configOf("sales: { tables: ['public.*', '!public.tmp'], queue: orders }");
    const all = [
      given({ id: 1, kind: 'p' }),
      given({ id: 2, name: 'orders_1', ancestors: [1] }),
      given({ id: 3, name: 'tmp', patterns: [0, 1] }),
      given({ id: 4, name: 'v', kind: 'v' }),
    ];
    expect(states(config, ...all)).toEqual([['sales', 'public.orders', 'missing', 'it has no trigger']]);
    expect(states(config, ...all.slice(1)).map(([, name]) => name)).toEqual(['public.orders_1']);
  });
});

describe('the plan', () => {
  test('does nothing where all is as it should be, and renews what is not', () => {
    expect(plan(orders(), captured())).toMatchObject({ work: [], mistakes: [], warnings: [] });
    const [added] = plan(orders(), given()).work;
    expect(added).toMatchObject({
      what: 'capture public.orders into queue orders by jsontriga (capture sales)',
      isAddition: true,
    });
    const { columns } = given();
    const [renewed] = plan(orders(), { ...captured(), columns: [...columns, [3, 'note', 'text']] }).work;
    expect(renewed).toMatchObject({
      what: 'renew the triggers of public.orders into queue orders by jsontriga (capture sales): column note was added',
      isAddition: false,
    });
  });

  test('takes off triggers that are too many, and enables disabled ones', () => {
    const conditional = configOf("sales: { tables: public.orders, queue: orders, when: 'row.total > 0' }");
    const sql = plan(conditional, captured()).work[0]?.sql ?? '';
    expect(sql.split('\n')[0]).toBe('drop trigger "tributary:shop:sales" on "public"."orders";');
    const whole = captured();
    const disabled = { ...whole, triggers: whole.triggers.map((one) => ({ ...one, enabled: 'D' })) };
    expect(plan(orders(), disabled).work[0]?.sql).toContain(
      'alter table "public"."orders" enable trigger "tributary:shop:sales:t";',
    );
    const [one] = plan(orders(), captured()).tables;
    expect(one && removalOf(one)?.sql).toBe(
      'drop trigger if exists "tributary:shop:sales" on "public"."orders";\ndrop trigger if exists "tributary:shop:sales:t" on "public"."orders";',
    );
  });

  test('lets roles that write to the table put events into queues, or says that their statements would fail', () => {
    const table = given({ unable: ['app', 'public'] });
    expect(plan(orders(), table)).toMatchObject({
      work: [{ sql: 'grant "pgq_writer" to "app";' }, { isAddition: true }],
      mistakes: [],
      warnings: [expect.stringContaining('every role may write to public.orders')],
    });
    const blocked = (rest: Partial<CaptureFacts>) =>
      planCapture({
        ...{ config: orders(), shard: SHARD, place: 'Shard s1', role: 'ann', queues: new Set(['orders']) },
        facts: { ...facts(table), ...rest },
      });
    expect(blocked({ mayGrantWriter: false })).toMatchObject({
      work: [],
      mistakes: [expect.stringContaining('`grant "pgq_writer" to "app"`')],
    });
    expect(blocked({ writerRole: undefined }).mistakes).toEqual([
      expect.stringContaining('`grant execute on all functions in schema pgq to "app"`'),
    ]);
  });

  test('does nothing without the queue or the right to the table, and warns of what would surprise', () => {
    const without = planCapture({
      ...{ config: orders(), shard: SHARD, place: 'Shard s1', role: 'ann', queues: new Set<string>() },
      facts: facts(given()),
    });
    expect(without).toMatchObject({ work: [], mistakes: [expect.stringContaining('has no queue orders')] });
    expect(plan(orders(), given({ mayOwn: false, owner: 'bob' }))).toMatchObject({
      work: [],
      mistakes: [expect.stringContaining('`grant "bob" to "ann"`')],
    });
    expect(
      plan(orders(), {
        ...captured(),
        others: [
          ['mine', 'orders'],
          ['log', 'audit'],
        ],
        children: [7],
      }).warnings,
    ).toEqual([
      expect.stringContaining('trigger mine on table public.orders writes to queue orders too'),
      expect.stringContaining('tables inherit from public.orders'),
    ]);
    expect(plan(configOf("sales: { tables: 'public.x*', queue: orders }")).warnings).toEqual([
      'Shard s1 has no table that capture sales names.',
    ]);
  });
});
