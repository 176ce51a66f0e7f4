// The two sides of a comparison as SQL: for each row its key, as texts, and a checksum of what the shard and central share of it. Pure.
import {
  ONE_SPELLING,
  type SourceColumn,
  type SourceTable,
  sharedColumns,
} from '../apply/copy/source-table.ts';
import type { Target } from '../apply/target.ts';
import { identifier, literal } from '../postgres/quote.ts';

export interface ComparedTable {
  readonly target: Target;
  /** On one shard: one table, or its parts. */
  readonly sources: readonly SourceTable[];
  /** Types of central that the shard has as well; where it has not, the text of its own type is compared. */
  readonly known: ReadonlySet<string>;
}

/** One side; without keys all its rows, with keys only these. */
export interface Side {
  /** A select of `key`, an array of texts, and `sum`. */
  rows(keys?: readonly (readonly string[])[]): string;
}

/** Rows of one table are read in one look, whatever comes in meanwhile, and spelled in one way. */
export const LOOK = `begin isolation level repeatable read read only; ${ONE_SPELLING};
  set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '10min'`;

export function shardSide({ target, sources, known }: ComparedTable): Side {
  return {
    rows: (keys) =>
      sources
        .map((source) => {
          const cast = ({ name, type }: SourceColumn) => {
            const wanted = target.columns.get(name)?.type ?? type;
            return wanted === type || !known.has(wanted)
              ? `t.${identifier(name)}::text`
              : `t.${identifier(name)}::${wanted}::text`;
          };
          const byName = new Map(source.columns.map((column) => [column.name, column]));
          const own = target.ownKey.map(({ name }) => byName.get(name) as SourceColumn);
          return selectSql(
            source.sql,
            { own, key: own.map(cast), columns: sortedColumns(source, target).map(cast) },
            keys,
          );
        })
        .join(' union all '),
  };
}

export function centralSide({ target, sources }: ComparedTable, shard: string): Side {
  const [source] = sources;
  const columns = source === undefined ? [] : sortedColumns(source, target);
  const text = (name: string) => `t.${identifier(name)}::text`;
  return {
    rows: (keys) =>
      `${selectSql(
        target.sql,
        {
          own: target.ownKey,
          key: target.ownKey.map(({ name }) => text(name)),
          columns: columns.map(({ name }) => text(name)),
        },
        keys,
      )} where t.${identifier(target.shard)}::text = ${literal(shard)}`,
  };
}

const sortedColumns = (source: SourceTable, target: Target): SourceColumn[] =>
  sharedColumns(source, target).sort((a, b) => (a.name < b.name ? -1 : 1));

interface Parts {
  readonly own: readonly { readonly name: string; readonly type: string }[];
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

function selectSql(
  table: string,
  { own, key, columns }: Parts,
  keys?: readonly (readonly string[])[],
): string {
  const from = keys === undefined ? `${table} t` : `${keysSql(own, keys)} join ${table} t on ${sameKey(own)}`;
  return `select array[${key.join(', ')}] as key, ${sumSql(`row(${columns.join(', ')})::text`, 15, 'bigint')} as sum from ${from}`;
}

/** Hexadecimal digits of a hash, as a number. */
const sumSql = (text: string, digits: number, type: string): string =>
  `('x' || substr(md5(${text}), 1, ${digits}))::bit(${digits * 4})::${type}`;

/** `x`, with a column of texts for each column of the key. */
export const keysSql = (own: Parts['own'], keys: readonly (readonly string[])[]): string =>
  `unnest(${own.map((_, at) => `${literal(arrayText(keys.map((key) => key[at] ?? '')))}::text[]`).join(', ')}) as x (${own.map((_, at) => `c${at}`).join(', ')})`;

export const sameKey = (own: Parts['own']): string =>
  own.map(({ name, type }, at) => `t.${identifier(name)} = x.c${at}::${type}`).join(' and ');

const arrayText = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;

/** Into which of so many ranges of hashes a key falls. */
const rangeSql = (ranges: number): string => `${sumSql('r.key::text', 7, 'int')} % ${ranges}`;

/** Counts and checksums by range. */
export const sumsSql = (side: Side, ranges: number): string =>
  `select ${rangeSql(ranges)} as range, count(*) as count, sum(r.sum)::text as sum from (${side.rows()}) r group by 1`;

/** The rows of some ranges. */
export const rowsInSql = (side: Side, ranges: number, some: readonly number[]): string =>
  `select r.key, r.sum::text as sum from (${side.rows()}) r where ${rangeSql(ranges)} = any ('{${some.join(',')}}'::int[])`;

export const rowsOfSql = (side: Side, keys: readonly (readonly string[])[]): string =>
  `select r.key, r.sum::text as sum from (${side.rows(keys)}) r`;
