// Changes of a table on each shard, a hundred in a transaction, by one session a shard; their last row says that all of them have come.
import type { Connection } from '../../../dist/postgres/connection.js';

export const COLUMNS =
  'id bigint, note text, price numeric(12, 2), at timestamptz not null default clock_timestamp()';

/** Of ten changes four insert, four update, two delete; keys of two shards are never the same. */
export const CHANGE = `
create function change(x_table regclass, x_base bigint, x_number int, out changed int) as $$
declare
    v_id bigint;
    v_rows int;
begin
    changed := 0;
    for n in 1 .. 100 loop
        v_id := x_base + x_number * 100 + n;
        if n % 10 < 4 then
            execute format('insert into %s (id, note, price) values ($1, $2, $3)', x_table)
            using v_id, 'note ' || v_id || repeat('x', 60), v_id % 1000 / 7.0;
        elsif n % 10 < 8 then
            execute format('update %s set note = $2, price = price + 1 where id = $1', x_table)
            using v_id - 100 - 4 + (n % 3), 'changed ' || v_id || repeat('y', 60);
        else
            execute format('delete from %s where id = $1', x_table) using v_id - 300 - 6 + (n % 3);
        end if;
        get diagnostics v_rows = row_count;
        changed := changed + v_rows;
    end loop;
end;
$$ language plpgsql`;

const APART = 1_000_000_000;
const LAST = APART - 1;
const FIRST = APART - 2;

export const baseOf = (at: number): number => (at + 1) * APART;

/** @returns how many rows were changed. */
export async function load(
  shards: readonly Connection[],
  { table, transactions }: { readonly table: string; readonly transactions: number },
): Promise<number> {
  const counts = await Promise.all(
    shards.map(async (shard, at) => {
      let changed = 1;
      for (let number = 0; number < transactions; number += 1) {
        const [row] = await shard.query<{ changed: number }>('select changed from change($1, $2, $3)', [
          ...[table, baseOf(at), number],
        ]);
        changed += row?.changed ?? 0;
      }
      await shard.query(`insert into ${table} (id, note) values ($1, 'last')`, [baseOf(at) + LAST]);
      return changed;
    }),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}

/** A row of each shard, until all of them have come: what is measured then does not begin with the start of anything. */
export async function warmUp(
  central: Connection,
  shards: readonly Connection[],
  table: string,
): Promise<void> {
  for (const [at, shard] of shards.entries())
    await shard.query(`insert into ${table} (id, note) values ($1, 'first')`, [baseOf(at) + FIRST]);
  while (!(await hasAll(central, { table, shards: shards.length, row: FIRST })))
    await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Whether one and the same row of each shard is there, by default the last. */
export async function hasAll(
  central: Connection,
  {
    table,
    shards,
    row: own = LAST,
  }: { readonly table: string; readonly shards: number; readonly row?: number },
): Promise<boolean> {
  const last = Array.from({ length: shards }, (_, at) => baseOf(at) + own);
  const [row] = await central.query<{ n: number }>(
    `select count(*)::int as n from ${table} where id = any ($1::bigint[])`,
    [last],
  );
  return row?.n === shards;
}

const SUM = `select count(*)::int as n, coalesce(sum(hashtextextended(concat_ws('|', id, note, price, extract(epoch from at)), 0)), 0)::text as sum`;

/** @throws where the table on central has not the rows of the shards. */
export async function mustBeSame(
  central: Connection,
  shards: readonly Connection[],
  table: string,
): Promise<void> {
  const [here] = await central.query<{ n: number; sum: string }>(`${SUM} from ${table}`);
  let [rows, sum] = [0, 0n];
  for (const shard of shards) {
    const [there] = await shard.query<{ n: number; sum: string }>(`${SUM} from ${table}`);
    rows += there?.n ?? 0;
    sum += BigInt(there?.sum ?? 0);
  }
  if (here?.n !== rows || BigInt(here.sum) !== sum)
    throw new Error(`Table ${table} has ${here?.n} rows on central and ${rows} on the shards.`);
}
