// The table on central that changes are applied to: its columns and keys, and whether it fits what the file says. Pure.
import type { AppliedTable } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { identifier } from '../postgres/quote.ts';

export interface TargetColumn {
  readonly name: string;
  /** Without a length or a precision, which an assignment checks and a cast would cut to. */
  readonly type: string;
  readonly isGenerated: boolean;
  /** `generated always as identity`. */
  readonly isIdentity: boolean;
  /** Equal values have equal texts, whatever session wrote them. */
  readonly isPlain: boolean;
}

/** As `tributary.apply_look` gives it. */
export interface TargetFacts {
  readonly columns: readonly TargetColumn[];
  /** Columns of each unique index that an upsert can use. */
  readonly keys: readonly (readonly string[])[];
}

export interface Target extends AppliedTable {
  /** Quoted. */
  readonly sql: string;
  readonly columns: ReadonlyMap<string, TargetColumn>;
  /** The key without the shard's column. */
  readonly ownKey: readonly TargetColumn[];
  readonly isOfShards: boolean;
}

/** `public.orders`, quoted. */
export function tableSql(table: string): string {
  const at = table.indexOf('.');
  return `${identifier(table.slice(0, at))}.${identifier(table.slice(at + 1))}`;
}

/** @throws TributaryError that says what the table lacks. */
export function targetOf(applied: AppliedTable, facts: TargetFacts | undefined): Target {
  const { table, key, shard } = applied;
  const sql = tableSql(table);
  if (facts === undefined)
    throw unfit(
      `Central has no table ${table}, which changes are to be applied to.`,
      'Create it, or correct `apply:` in the file.',
    );
  const columns = new Map(facts.columns.map((column) => [column.name, column]));
  const missing = [shard, ...key, ...(applied.time === undefined ? [] : [applied.time])].find(
    (name) => !columns.has(name),
  );
  if (missing !== undefined)
    throw unfit(
      `Table ${table} of central has no column ${missing}.`,
      missing === shard
        ? `Run \`alter table ${sql} add column ${identifier(shard)} text\`, or name the shard's column by \`shard:\` of \`apply\`.`
        : 'Add it, or correct `apply:` in the file.',
    );
  if (!facts.keys.some((one) => one.length === key.length && key.every((name) => one.includes(name))))
    throw unfit(
      `Table ${table} of central has no primary key or unique index on just ${key.join(', ')}.`,
      `Run \`alter table ${sql} add primary key (${key.map(identifier).join(', ')})\`, or correct \`key:\` of \`apply\`.`,
    );
  return {
    ...applied,
    sql,
    columns,
    ownKey: key.filter((name) => name !== shard).map((name) => columns.get(name) as TargetColumn),
    isOfShards: key.includes(shard),
  };
}

/** Whether a table of the shards is the one that `source` names; `*` stands for any characters. */
export function isSource({ source }: Pick<AppliedTable, 'source'>, table: string): boolean {
  if (!source.includes('*')) return source === table;
  const pattern = source.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`, 's').test(table);
}

export const unfit = (what: string, remedy: string): TributaryError =>
  new TributaryError(what, { code: 'apply', kind: 'halting', remedy });
