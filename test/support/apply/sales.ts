// Tables of sales on shards, captured by triggers, and changes of them at random: for tests of what is applied on central.
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { randomFrom } from '../random.ts';
import type { TestDatabase } from '../server/database.ts';

export const QUEUE = 'sales_changes';

const COLUMNS =
  'id int, serial bigint not null, note text, price numeric(12, 3), at timestamptz, tags text[]';

/** Makes the table on central, with the shard in front. */
export async function givenMergedSales(central: TestDatabase): Promise<void> {
  await central.query(`create table sales (shard text, ${COLUMNS}, primary key (shard, id))`);
}

/** Makes the table on a shard with some rows that no trigger sees. */
export async function givenSales(shard: TestDatabase, rows: number): Promise<void> {
  await shard.query(`create table sales (${COLUMNS}, primary key (id))`);
  await shard.query('create sequence serial');
  await shard.query(
    `insert into sales select n, nextval('serial'), 'before ' || n, n / 7.0, now(), array[n::text, null]
     from generate_series(1, $1::int) n`,
    [rows],
  );
}

/** Captures all changes, with the row before, because rows change their keys: the trigger calls another column the key. */
export async function capture(shard: TestDatabase): Promise<void> {
  await shard.query(
    `create trigger captured after insert or update or delete on sales for each row
     execute procedure ${shard.schema}.jsontriga('${QUEUE}', 'backup', 'pkey=serial')`,
  );
  await shard.query(
    `create trigger captured_truncate after truncate on sales for each statement
     execute procedure ${shard.schema}.jsontriga('${QUEUE}')`,
  );
}

export interface Changes {
  /** Stops, when the transaction at hand has ended. */
  stop(): Promise<void>;
  readonly transactions: number;
}

/** Transactions of some changes each, one after the other, on a connection of its own; ids up to `most`. */
export async function startChanges(
  shard: TestDatabase,
  {
    most,
    seed,
    truncates = false,
  }: { readonly most: number; readonly seed: number; readonly truncates?: boolean },
): Promise<Changes> {
  const random = randomFrom(seed);
  const connection = await shard.connect();
  let isStopped = false;
  let transactions = 0;
  const id = () => 1 + random.below(most);
  const change = () => {
    const kind = random.below(100);
    const note = `'note ${random.below(1_000_000)}, "quoted" and \\ {x}'`;
    if (kind < 35)
      return `insert into sales values (${id()}, nextval('serial'), ${note}, ${id()} / 3.0, clock_timestamp(), '{a,null,"b c"}') on conflict (id) do update set note = excluded.note`;
    if (kind < 70) return `update sales set note = ${note}, price = price + 1.125 where id = ${id()}`;
    if (kind < 85) return `delete from sales where id = ${id()}`;
    if (kind === 99 && truncates && random.oneIn(20)) return 'truncate sales';
    return `update sales set id = ${id()} where id = ${id()}`;
  };
  const ended = (async () => {
    while (!isStopped && !connection.failed) {
      const statements = Array.from({ length: 1 + random.below(4) }, change);
      // A key that is there already undoes the whole transaction, which is as good as any other.
      await connection.script(`begin; ${statements.join('; ')}; commit`).catch(async () => {
        await connection.script('rollback').catch(() => {});
      });
      transactions += 1;
      // Others have work to do as well.
      await pause(3);
    }
    await connection.close();
  })();
  const stop = async () => {
    isStopped = true;
    await ended;
  };
  // Also where the test fails.
  onTestFinished(stop);
  return {
    stop,
    get transactions() {
      return transactions;
    },
  };
}

/** All rows as texts, in order. */
export async function salesOf(database: TestDatabase, shard?: string): Promise<string[]> {
  const where = shard === undefined ? '' : ` where shard = '${shard}'`;
  const rows = await database.query<{ row: string }>(
    `select row(id, serial, note, price, at at time zone 'UTC', tags)::text as row from sales${where} order by id`,
  );
  return rows.map(({ row }) => row);
}
