// `apply:` of a queue → the tables on central that its events, changes of tables on the shards, are applied to.
import type { AppliedTable } from './config.ts';
import type { Section } from './section.ts';
import { compact } from './sections/database.ts';
import { either, type Value } from './value.ts';

const KEYS = ['table', 'source', 'key', 'shard', 'on_conflict', 'time', 'ignore'];
const EXAMPLE = '`{ table: public.orders, key: [shard, id] }`';
const CONFLICTS: readonly AppliedTable['onConflict'][] = ['error', 'newest', 'shard_wins'];

/** What cannot be said beside it, and why. */
const NOT_BESIDE: Readonly<Record<string, string>> = {
  handler: 'which is a handler already',
  groups: 'which has one group, without a name',
  deliver_at: 'in the order in which they were made',
  unique: 'all of them',
};

/** Undefined: the queue's events are handled by a module, or not at all. */
export function readApply(queue: Section): readonly AppliedTable[] | undefined {
  const value = queue.get('apply');
  if (value === undefined) return undefined;
  for (const [key, why] of Object.entries(NOT_BESIDE)) {
    const other = queue.get(key);
    other?.problem(`${other.name} stands beside \`apply\`, ${why}: take one of the two out.`);
  }
  const origin = queue.get('origin');
  if (origin?.text('the name of a column') === 'none')
    origin.problem(
      `${origin.name} is \`none\`, and \`apply\` learns the shard of a change from its origin: leave it out, or name a column.`,
    );
  const tables = (value.list() ?? [value]).flatMap((one) => readTable(one));
  if (value.list()?.length === 0) value.problem(`${value.name} names no table: add one, such as ${EXAMPLE}.`);
  const sources = new Set<string>();
  for (const { source } of tables) {
    if (sources.has(source))
      value.problem(
        `${value.name} applies the changes of ${source} twice: keep one, or say another \`source\`.`,
      );
    sources.add(source);
  }
  return tables;
}

function readTable(value: Value): AppliedTable[] {
  const section = value.section(KEYS, `a map such as ${EXAMPLE}, or a list of them`);
  if (section === undefined) return [];
  const table = readName(section.require('table', `the table on central, such as ${EXAMPLE}`));
  const source = section.get('source');
  const shard = section.get('shard')?.text('the name of a column') ?? 'shard';
  const key = readColumns(section.require('key', `its key, such as ${EXAMPLE}`)) ?? [];
  const conflict = section.get('on_conflict');
  const time = section.get('time');
  const onConflict = conflict?.oneOf(CONFLICTS) ?? 'error';
  const isOfShards = key.includes(shard);
  if (isOfShards && conflict !== undefined)
    conflict.problem(
      `${conflict.name} says nothing: with \`${shard}\` in the key no two shards have rows of one key. Take one of the two out.`,
    );
  if (key.length === 1 && isOfShards)
    section
      .get('key')
      ?.problem(`The key is the shard alone: add the columns that tell rows of one shard apart.`);
  if (onConflict === 'newest' && time === undefined)
    conflict?.problem(
      `${conflict.name} is \`newest\`: say by \`time: COLUMN\` which column of the table on central tells how old a row is.`,
    );
  if (onConflict !== 'newest')
    time?.problem(`${time.name} is for \`on_conflict: newest\` alone: take it out.`);
  return [
    compact({
      table: table ?? '',
      source: (source === undefined ? table : readName(source)) ?? '',
      ...{ key, shard, onConflict },
      time: time?.text('the name of a column'),
      ignore: readColumns(section.get('ignore')) ?? [],
    }),
  ];
}

const PART = '(?:"((?:[^"]|"")+)"|([^".][^.]*))';
const NAME = new RegExp(`^(?:${PART}\\.)?${PART}$`);

/** `orders` is `public.orders`; a name with a dot of its own is quoted, `public."odd.name"`. The first dot of what comes back parts the two. */
function readName(value: Value | undefined): string | undefined {
  const text = value?.text('the name of a table, such as `public.orders`');
  if (value === undefined || text === undefined) return undefined;
  const [, quotedSchema, plainSchema = 'public', quoted, plain = ''] = NAME.exec(text) ?? [];
  const schema = quotedSchema?.replaceAll('""', '"') ?? plainSchema;
  const table = quoted?.replaceAll('""', '"') ?? plain;
  if (!schema.includes('.') && schema.trim() !== '' && table.trim() !== '') return `${schema}.${table}`;
  return value.problem(
    `${value.name} must be a schema and a table, such as \`public.orders\` or \`public."odd.name"\`, not \`${text}\`.`,
  );
}

function readColumns(value: Value | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const names: string[] = [];
  for (const item of value.list() ?? [value]) {
    const name = item.text('the name of a column, or a list of names');
    if (name === undefined) continue;
    if (names.includes(name)) item.problem(`${item.name} repeats ${either([name])}: keep it once.`);
    else names.push(name);
  }
  if (names.length === 0 && value.list()?.length === 0)
    value.problem(`${value.name} names no column: add one.`);
  return names;
}
