// The statements that carry out a round: many rows each, their values as texts that the types of the table read. Pure.
import { identifier } from '../postgres/quote.ts';
import type { KeyStep, RowStep, Truncation } from './fold.ts';
import type { Target, TargetColumn } from './target.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly (readonly (string | null)[])[];
  readonly rows: number;
}

/** `unnest($1::text[], $2::text[]) as x (c0, c1)`. */
const unnested = (count: number): string => {
  const places = Array.from({ length: count }, (_, at) => at);
  return `unnest(${places.map((at) => `$${at + 1}::text[]`).join(', ')}) as x (${places.map((at) => `c${at}`).join(', ')})`;
};

const typed = ({ type }: TargetColumn, at: number): string => `x.c${at}::${type}`;

const column = (target: Target, name: string): TargetColumn => target.columns.get(name) as TargetColumn;

/** Rows of these keys, of their shards. */
export function deleteRows(target: Target, steps: readonly KeyStep[]): Statement {
  const columns = [column(target, target.shard), ...target.ownKey];
  const same = columns.map((one, at) => `t.${identifier(one.name)} = ${typed(one, at)}`);
  return {
    text: `delete from ${target.sql} t using ${unnested(columns.length)} where ${same.join(' and ')}`,
    values: [
      steps.map(({ shard }) => shard),
      ...target.ownKey.map((_, at) => steps.map(({ key }) => key[at] ?? null)),
    ],
    rows: steps.length,
  };
}

/** All rows of a shard, but those of the keys that stay. */
export function deleteShard(target: Target, { shard, except = [] }: Truncation): Statement {
  const own = column(target, target.shard);
  const isOf = (place: string) => `t.${identifier(own.name)} = ${place}::${own.type}`;
  if (except.length === 0)
    return {
      text: `delete from ${target.sql} t where ${isOf('($1::text[])[1]')}`,
      values: [[shard]],
      rows: 1,
    };
  const same = target.ownKey.map((one, at) => `t.${identifier(one.name)} = ${typed(one, at + 1)}`);
  return {
    text: `delete from ${target.sql} t where ${isOf('($1::text[])[1]')}
and not exists (select from ${unnested(target.ownKey.length + 1)} where ${same.join(' and ')})`,
    values: [except.map(() => shard), ...target.ownKey.map((_, at) => except.map((key) => key[at] ?? null))],
    rows: except.length,
  };
}

/** One statement for all rows that have the same columns. */
export function upsertRows(target: Target, steps: readonly RowStep[]): Statement[] {
  const alike = new Map<string, RowStep[]>();
  for (const step of steps) {
    const names = [...step.row.keys()].join('\0');
    const known = alike.get(names);
    if (known === undefined) alike.set(names, [step]);
    else known.push(step);
  }
  return [...alike.values()].map((some) => upsertAlike(target, some));
}

function upsertAlike(target: Target, steps: readonly RowStep[]): Statement {
  const [first] = steps as readonly [RowStep];
  const given = [...first.row.keys()].filter(
    (name) => !target.ignore.includes(name) && !column(target, name).isGenerated,
  );
  const { time, shard } = target;
  const added = [shard, ...(time === undefined || given.includes(time) ? [] : [time])];
  const columns = [...added, ...given].map((name) => column(target, name));
  const names = columns.map(({ name }) => identifier(name));
  const keys = new Set(target.key);
  // An identity that is always generated can be given to a new row, and not be changed.
  const set = columns
    .filter(({ name, isIdentity }) => !keys.has(name) && !isIdentity)
    .map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`);
  return {
    text: `insert into ${target.sql} as t (${names.join(', ')})${columns.some(({ isIdentity }) => isIdentity) ? ' overriding system value' : ''}
select ${columns.map(typed).join(', ')} from ${unnested(columns.length)}
on conflict (${target.key.map(identifier).join(', ')}) do ${set.length === 0 ? 'nothing' : `update set ${set.join(', ')}${mayReplace(target)}`}`,
    values: [
      steps.map((step) => step.shard),
      ...(added.length > 1 ? [steps.map((step) => step.time)] : []),
      ...given.map((name) => steps.map(({ row }) => row.get(name) ?? null)),
    ],
    rows: steps.length,
  };
}

/** Which rows of others may be replaced. */
export function mayReplace({ isOfShards, onConflict, shard, time }: Target): string {
  if (isOfShards || onConflict === 'shard_wins') return '';
  const own = `t.${identifier(shard)} = excluded.${identifier(shard)}`;
  if (onConflict === 'error' || time === undefined) return ` where ${own}`;
  const at = identifier(time);
  return ` where ${own} or t.${at} is null or t.${at} <= excluded.${at}`;
}

/** The first of these keys that another shard has, or nobody on the shards. */
export function findConflict(target: Target, steps: readonly KeyStep[]): Statement {
  const { ownKey, shard } = target;
  const own = identifier(shard);
  const same = ownKey.map((one, at) => `t.${identifier(one.name)} = ${typed(one, at + 1)}`);
  return {
    text: `select t.${own}::text as owner, x.c0 as shard, concat_ws(', ', ${ownKey.map((_, at) => `x.c${at + 1}`).join(', ')}) as key
from ${target.sql} t join ${unnested(ownKey.length + 1)} on ${same.join(' and ')}
where t.${own}::text is distinct from x.c0 limit 1`,
    values: [
      steps.map((step) => step.shard),
      ...ownKey.map((_, at) => steps.map(({ key }) => key[at] ?? null)),
    ],
    rows: steps.length,
  };
}

/** The texts of keys as central's own session writes them, in their order: one and the same key may come in several spellings. */
export function spellKeys(target: Target, keys: readonly (readonly string[])[]): Statement {
  const { ownKey } = target;
  const places = ownKey.map((_, at) => `$${at + 1}::text[]`).join(', ');
  const names = ownKey.map((_, at) => `c${at}`).join(', ');
  return {
    text: `select array[${ownKey.map((one, at) => `(${typed(one, at)})::text`).join(', ')}] as key
from unnest(${places}) with ordinality as x (${names}, n) order by x.n`,
    values: ownKey.map((_, at) => keys.map((key) => key[at] ?? null)),
    rows: keys.length,
  };
}
