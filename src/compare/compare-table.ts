// Compares one table of one shard with what central has of it: counts and checksums by ranges, then the rows that differ.
//
// Invariant: a row counts as different only where neither side's has changed from one look to the next, with everything applied
// between them that was committed before, and the two are not the same. At a single look a row that came and went meanwhile would
// seem to be too many. One that changes all the time is looked at again, and named as such at the end.
import { keyName } from '../apply/fold.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Connection, Row } from '../postgres/connection.ts';
import { identifier, literal } from '../postgres/quote.ts';
import {
  type ComparedTable,
  centralSide,
  keysSql,
  LOOK,
  rowsInSql,
  rowsOfSql,
  sameKey,
  shardSide,
  sumsSql,
} from './sides.ts';

export interface Comparison {
  readonly table: ComparedTable;
  readonly shardName: string;
  readonly shard: Connection;
  readonly central: Connection;
  /** Resolves when everything that is committed on the shard now is applied. @throws where it is not in time. */
  passed(): Promise<void>;
}

export interface Difference {
  readonly key: readonly string[];
  readonly what: 'missing' | 'surplus' | 'different';
}

export interface Compared {
  readonly onShard: number;
  readonly onCentral: number;
  readonly differences: readonly Difference[];
  /** Rows that changed at every look. */
  readonly unsettled: number;
  /** Rows of the shard in whose place central has one of another shard, as the file wants it. */
  readonly elsewhere: number;
  /** More rows differ than are looked at. */
  readonly isCut: boolean;
}

const ROWS_A_RANGE = 1_000;
const MOST_RANGES = 4_096;
/** Rows that are looked at one by one. */
const MOST_ROWS = 20_000;
const LOOKS = 6;

export async function compareTable(comparison: Comparison): Promise<Compared> {
  const { table, shard, central, shardName, passed } = comparison;
  const sides = { shard: shardSide(table), central: centralSide(table, shardName) };
  const ranges = await rangesFor(comparison);
  let { there, here, some } = await lookAtSums(comparison, ranges);
  if (some.length > 0) {
    // Most of it is only late.
    await passed();
    ({ there, here, some } = await lookAtSums(comparison, ranges));
  }
  const counts = { onShard: total(there), onCentral: total(here) };
  if (some.length === 0) return { ...counts, differences: [], unsettled: 0, elsewhere: 0, isCut: false };
  const [theirs, ours] = await Promise.all([
    rowsOf(shard, rowsInSql(sides.shard, ranges, some)),
    rowsOf(central, rowsInSql(sides.central, ranges, some)),
  ]);
  const all = differing(theirs, ours);
  let open = new Map([...all].slice(0, MOST_ROWS));
  const differences: Difference[] = [];
  for (let look = 0; look < LOOKS && open.size > 0; look += 1) {
    await passed();
    const keys = [...open.values()].map(({ key }) => key);
    const nowHere = await rowsOf(central, rowsOfSql(sides.central, keys));
    const nowThere = await rowsOf(shard, rowsOfSql(sides.shard, keys));
    const next: typeof open = new Map();
    for (const [name, { key, sum, our: before }] of open) {
      const [their, our] = [nowThere.get(name)?.sum, nowHere.get(name)?.sum];
      if (their === our) continue;
      if (their === sum && before !== undefined && before.sum === our)
        differences.push({ key, what: wordFor(their, our) });
      else next.set(name, { key, sum: their, our: { sum: our } });
    }
    open = next;
  }
  const { left, elsewhere } = await withoutOthers(comparison, differences);
  return { ...counts, differences: left, elsewhere, unsettled: open.size, isCut: all.size > MOST_ROWS };
}

async function lookAtSums({ table, shard, central, shardName }: Comparison, ranges: number) {
  const [there, here] = await Promise.all([
    sumsOf(shard, sumsSql(shardSide(table), ranges)),
    sumsOf(central, sumsSql(centralSide(table, shardName), ranges)),
  ]);
  const some = [...new Set([...there.keys(), ...here.keys()])].filter(
    (range) =>
      there.get(range)?.sum !== here.get(range)?.sum || there.get(range)?.count !== here.get(range)?.count,
  );
  return { there, here, some };
}

const wordFor = (their: string | undefined, our: string | undefined): Difference['what'] =>
  our === undefined ? 'missing' : their === undefined ? 'surplus' : 'different';

interface Known {
  readonly key: readonly string[];
  /** Undefined: the shard does not have it. */
  readonly sum: string | undefined;
  /** What central had at the look before. */
  readonly our?: { readonly sum: string | undefined };
}

type Rows = ReadonlyMap<string, { readonly key: readonly string[]; readonly sum: string }>;

function differing(theirs: Rows, ours: Rows): Map<string, Known> {
  const found = new Map<string, Known>();
  for (const [name, { key, sum }] of theirs) if (ours.get(name)?.sum !== sum) found.set(name, { key, sum });
  for (const [name, { key }] of ours) if (!theirs.has(name)) found.set(name, { key, sum: undefined });
  return found;
}

/** Where shards may take each other's places, a row that central has of another shard is no difference. */
async function withoutOthers(
  { table: { target }, shardName, central }: Comparison,
  differences: readonly Difference[],
): Promise<{ readonly left: readonly Difference[]; readonly elsewhere: number }> {
  const missing = differences.filter(({ what }) => what === 'missing');
  if (target.isOfShards || target.onConflict === 'error' || missing.length === 0)
    return { left: differences, elsewhere: 0 };
  const { ownKey } = target;
  const rows = await looked<{ key: string[] }>(
    central,
    `select array[${ownKey.map((_, at) => `x.c${at}`).join(', ')}] as key
     from ${keysSql(
       ownKey,
       missing.map(({ key }) => key),
     )} join ${target.sql} t on ${sameKey(ownKey)} where t.${identifier(target.shard)}::text <> ${literal(shardName)}`,
  );
  const others = new Set(rows.map(({ key }) => keyName(key)));
  const left = differences.filter(({ key, what }) => what !== 'missing' || !others.has(keyName(key)));
  return { left, elsewhere: differences.length - left.length };
}

/** By what the servers know of the table's size. */
async function rangesFor({ table, shard }: Comparison): Promise<number> {
  const [row] = await shard.query<{ rows: number }>(
    `select coalesce(sum(greatest(reltuples, relpages * 50.0)), 0)::bigint as rows from pg_catalog.pg_class
     where oid = any ($1::regclass[])`,
    [table.sources.map(({ sql }) => sql)],
  );
  return Math.min(MOST_RANGES, Math.max(16, Math.ceil((row?.rows ?? 0) / ROWS_A_RANGE)));
}

interface Sum {
  readonly count: number;
  readonly sum: string;
}

async function sumsOf(connection: Connection, sql: string): Promise<ReadonlyMap<number, Sum>> {
  const rows = await looked<Sum & { range: number }>(connection, sql);
  return new Map(rows.map(({ range, count, sum }) => [range, { count, sum }]));
}

const total = (sums: ReadonlyMap<number, Sum>): number =>
  [...sums.values()].reduce((all, { count }) => all + count, 0);

async function rowsOf(connection: Connection, sql: string): Promise<Rows> {
  const rows = await looked<{ key: string[]; sum: string }>(connection, sql);
  return new Map(rows.map((row) => [keyName(row.key), row]));
}

async function looked<R = Row>(connection: Connection, sql: string): Promise<R[]> {
  const results = await connection.script(`${LOOK}; ${sql}; commit`, {
    timeoutMs: TIMING.commands.copyPieceMs,
  });
  return results.at(-2) as R[];
}
