// What is published, as SQL sees it: one order for all readers, whatever order transactions commit in, and tables that take turns.
import { describe, expect, test } from 'vitest';
import { givenCentral } from '../../support/server/central-schema.ts';
import type { TestDatabase } from '../../support/server/database.ts';

interface Row {
  readonly tick: string | null;
  readonly tick_at: string | null;
  readonly id: string | null;
  readonly data: string | null;
}

const publish = (channel: string, ...data: readonly string[]): [string, unknown[]] => [
  'select tributary.publish($1, $2, $3)',
  [data.map(() => channel), data.map(() => null), data],
];

/** Reads on from where it is. */
function givenReader(central: TestDatabase, most = 1_000) {
  let [tick, at]: (string | null)[] = [null, null];
  return {
    get place() {
      return [tick, at];
    },
    async read(): Promise<readonly (string | null)[] | 'begin anew'> {
      const rows = await central.query<Row>(
        'select tick, tick_at, id, data from tributary.read_published($1, $2, $3)',
        [tick, at, most],
      );
      [tick, at] = [rows.at(-1)?.tick ?? null, rows.at(-1)?.tick_at ?? null];
      if (rows.some((row) => row.tick === null)) return 'begin anew';
      return rows.filter(({ id }) => id !== null).map(({ data }) => data);
    },
  };
}

describe('tributary/channels', () => {
  test('what commits late is read late, and by no reader twice or never', async () => {
    const central = await givenCentral();
    const [first, second] = [givenReader(central), givenReader(central)];
    expect(await first.read()).toEqual([]);
    expect(await second.read()).toEqual([]);
    const late = await central.connect();
    await late.script('begin');
    await late.query(...publish('a', '"late 1"', '"late 2"'));
    await central.query(...publish('a', '"early"'));
    // Nothing is visible of the first transaction, though its numbers are lower.
    expect(await first.read()).toEqual(['"early"']);
    const undone = await central.connect();
    await undone.script('begin');
    await undone.query(...publish('a', '"undone"'));
    await undone.script('rollback');
    await late.script('commit');
    await central.query(...publish('a', '"last"'));
    expect(await first.read()).toEqual(['"late 1"', '"late 2"', '"last"']);
    expect(await first.read()).toEqual([]);
    // Another one that was away for all of it sees the same order, also in small pieces.
    expect(await second.read()).toEqual(['"early"', '"late 1"', '"late 2"', '"last"']);
    const [third, all] = [givenReader(central, 1), [] as unknown[]];
    for (let one = await third.read(); one.length > 0; one = await third.read()) all.push(...one);
    expect(all).toEqual(['"early"', '"late 1"', '"late 2"', '"last"']);
    expect(third.place).toEqual(first.place);
  });

  test('what browsers could not read is refused, and nothing of it is there', async () => {
    const central = await givenCentral();
    const wrong: readonly [values: unknown[], RegExp][] = [
      [[['a'], [null], []], /takes three arrays of one length/],
      [[null, [null], ['1']], /takes three arrays of one length/],
      [
        [
          ['a', null],
          [null, null],
          ['1', '1'],
        ],
        /takes channels and types of one line/,
      ],
      [[['a\nb'], [null], ['1']], /takes channels and types of one line/],
      [[['a'], ['b\nid: 1'], ['1']], /takes channels and types of one line/],
      [[['a'], [null], [null]], /and JSON/],
      [[['a'], [null], ['no JSON']], /invalid input syntax for type json/],
    ];
    for (const [values, sentence] of wrong)
      await expect(central.query('select tributary.publish($1, $2, $3)', values)).rejects.toThrow(sentence);
    expect(await central.query('select from tributary.published')).toEqual([]);
    await central.query('select tributary.publish($1, $2, $3)', [[], [], []]);
    await central.query(...publish('großer Kanal "1" ✓', '{"a": [1, "\\u0000"]}'));
    expect(await central.query('select from tributary.published')).toHaveLength(1);
  });

  test('while nothing is published, reading writes nothing', async () => {
    const central = await givenCentral();
    const reader = givenReader(central);
    await central.query(...publish('a', '1'));
    await reader.read();
    const ticks = () => central.query('select count(*)::int as n from tributary.published_tick');
    const before = await ticks();
    for (let looks = 0; looks < 5; looks += 1) expect(await reader.read()).toEqual([]);
    expect(await ticks()).toEqual(before);
  });

  test('the older table is emptied when all of it was there to read for long enough', async () => {
    const central = await givenCentral();
    const reader = givenReader(central);
    const rotate = async (kept: string) =>
      (
        await central.query<{ done: boolean }>('select tributary.rotate_published($1::interval) as done', [
          kept,
        ])
      )[0]?.done;
    const stored = async () =>
      (await central.query<{ data: string }>('select data from tributary.published order by id')).map(
        ({ data }) => data,
      );
    // Nothing to do without messages.
    expect(await rotate('0')).toBe(false);
    await central.query(...publish('a', '1'));
    expect(await rotate('1 hour')).toBe(false);
    expect(await reader.read()).toEqual(['1']);
    expect(await rotate('0')).toBe(true);
    const open = await central.connect();
    await open.script('begin');
    await open.query(...publish('a', '2'));
    await central.query(...publish('a', '3'));
    expect(await reader.read()).toEqual(['3']);
    // What was the current table until now is emptied with the next turn.
    expect(await rotate('0')).toBe(true);
    expect(await stored()).toEqual(['3']);
    expect(await rotate('0'), 'a transaction that has published is open').toBe(false);
    await open.script('commit');
    expect(await rotate('0'), 'it has only just committed').toBe(false);
    expect(await reader.read()).toEqual(['2']);
    expect(await stored()).toEqual(['2', '3']);
    expect(await rotate('0')).toBe(true);
    expect(await stored()).toEqual([]);
    // A place from before what is gone is not one any more.
    await central.query(...publish('a', '4'));
    const old = givenReader(central);
    await old.read();
    for (let turns = 0; turns < 3; turns += 1) {
      await central.query(...publish('a', '5'));
      await rotate('0');
      await reader.read();
    }
    expect(await stored()).toEqual(['5']);
    expect(await old.read()).toBe('begin anew');
    expect(await reader.read()).toEqual([]);
  });

  test('on a server that numbers transactions anew, readers begin anew, and go on', async () => {
    const central = await givenCentral();
    const reader = givenReader(central);
    await central.query(...publish('a', '1'));
    await reader.read();
    // As a dump of another server leaves it.
    await central.query(
      "update tributary.published_tick set snapshot = '9000000000000:9000000000000:' where tick = (select max(tick) from tributary.published_tick)",
    );
    await central.query('update tributary.published set xid = 8999999999999');
    expect(await reader.read()).toBe('begin anew');
    expect(await reader.read()).toEqual([]);
    await central.query(...publish('a', '2'));
    expect(await reader.read()).toEqual(['2']);
    const [{ n } = {}] = await central.query('select count(*)::int as n from tributary.published_tick');
    expect(await reader.read()).toEqual([]);
    expect(await central.query('select count(*)::int as n from tributary.published_tick')).toEqual([{ n }]);
  });
});
