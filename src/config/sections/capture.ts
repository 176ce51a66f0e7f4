// `capture:` → the tables whose changes become events.
import type { Capture, TablePattern } from '../capture.ts';
import type { Queue } from '../config.ts';
import { nearest } from '../nearest.ts';
import type { Section } from '../section.ts';
import type { Value } from '../value.ts';
import { compact } from './database.ts';
import { whyUnfit } from './expression.ts';

const KEYS = ['tables', 'queue', 'format', 'columns', 'ignore', 'key', 'when', 'old', 'transaction_id'];
const EXAMPLE = "`orders: { tables: [public.orders, 'public.order_*'], queue: orders }`";
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
/** Names of triggers have 63 bytes, and say `tributary:`, both names, and what they are for. */
const LONGEST = 50;
const TABLE = "a table with its schema such as `public.orders` or `'public.order_*'`";
const PART = /"((?:[^"]|"")+)"|([^".]+)/y;

/** The captures, and the queues of the file as they read the events of captures that say `transaction_id`. */
export function readCaptures(
  value: Value | undefined,
  { name: installation, queues }: { readonly name: string; readonly queues: readonly Queue[] },
): { readonly captures?: readonly Capture[]; readonly queues: readonly Queue[] } {
  const entries = value?.entries(`a map from the name of each capture to its settings, such as ${EXAMPLE}`);
  if (entries === undefined) return { queues };
  const found = entries.flatMap(([name, entry]) => {
    const section = entry.section(KEYS, `a map of settings, such as ${EXAMPLE}`);
    if (section === undefined) return [];
    if (!NAME.test(name) || name.length + installation.length > LONGEST)
      entry.problem(
        `${entry.name} is no name for a capture: use letters, digits, \`_\` and \`-\`, at most ${LONGEST - installation.length} beside the installation's name.`,
      );
    const transactionId = section.get('transaction_id');
    const capture = readCapture(name, section, queues);
    if (capture.transactionId && transactionId !== undefined) checkFree(transactionId, capture.queue, queues);
    return [capture];
  });
  const carrying = new Set(found.flatMap(({ queue, transactionId }) => (transactionId ? [queue] : [])));
  return {
    ...(found.length === 0 ? {} : { captures: found }),
    queues: queues.map((queue) =>
      queue.from.some((source) => carrying.has(source)) ? { ...queue, hasTransactionIds: true } : queue,
    ),
  };
}

function readCapture(name: string, section: Section, queues: readonly Queue[]): Capture {
  const tables = section.require(
    'tables',
    `the tables, such as \`tables: [public.orders, 'public.order_*']\``,
  );
  const columns = readNames(section.get('columns'));
  const ignore = section.get('ignore');
  if (columns !== undefined)
    ignore?.problem(`${ignore.name} and \`columns\` say the same in two ways: keep one of them.`);
  return compact({
    name,
    tables: tables === undefined ? [] : readTables(tables),
    queue:
      readQueue(section.require('queue', 'the source queue of the shards that events go into'), queues) ?? '',
    format: section.get('format')?.oneOf(['json', 'url']),
    columns,
    ignore: readNames(ignore),
    key: readNames(section.get('key')),
    when: readCondition(section.get('when')),
    old: section.get('old')?.yesOrNo() ?? false,
    transactionId: section.get('transaction_id')?.yesOrNo() ?? false,
  });
}

function readQueue(value: Value | undefined, queues: readonly Queue[]): string | undefined {
  const name = value?.text('the name of a source queue');
  const names = [...new Set(queues.flatMap(({ from }) => from))];
  if (value === undefined || name === undefined || names.includes(name)) return name;
  const meant = nearest(name, names);
  const help = meant === undefined ? `there are ${names.join(', ')}.` : `did you mean \`${meant}\`?`;
  return value.problem(`${value.name} names no source queue that a central queue is fed from: ${help}`);
}

function readTables(value: Value): TablePattern[] {
  const items = value.list() ?? [value];
  const patterns = items.flatMap((item) => {
    const text = item.scalar(TABLE);
    if (text === undefined) return [];
    return parseTable(text.text) ?? item.problem(`${item.name} must be ${TABLE}, not ${text.shown}.`) ?? [];
  });
  if (items.length > 0 && patterns.length === items.length && patterns.every(({ isExcluded }) => isExcluded))
    value.problem(`${value.name} only leaves tables out: name those whose changes are captured.`);
  if (items.length === 0) value.problem(`${value.name} names no table: add ${TABLE}.`);
  return patterns;
}

/** `schema.table`, with `*` for any characters and `?` for one; what is quoted stands for itself; `!` leaves tables out. */
function parseTable(text: string): TablePattern | undefined {
  const isExcluded = text.startsWith('!');
  const parts: { readonly expression: string; readonly isPattern: boolean }[] = [];
  const rest = isExcluded ? text.slice(1) : text;
  for (let at = 0; at <= rest.length; at = PART.lastIndex + 1) {
    PART.lastIndex = at;
    const found = PART.exec(rest);
    if (found === null || (PART.lastIndex < rest.length && rest[PART.lastIndex] !== '.')) return undefined;
    const [, quoted, plain = ''] = found;
    parts.push({
      expression: `^${quoted === undefined ? globbed(plain) : escaped(quoted.replaceAll('""', '"'))}$`,
      isPattern: quoted === undefined && /[*?]/.test(plain),
    });
  }
  const [schema, table, more] = parts;
  if (schema === undefined || table === undefined || more !== undefined) return undefined;
  return {
    ...{ text, schema: schema.expression, table: table.expression, isExcluded },
    isPattern: schema.isPattern || table.isPattern,
  };
}

const globbed = (text: string): string => escaped(text).replaceAll('\\*', '.*').replaceAll('\\?', '.');

const escaped = (text: string): string => text.replace(/[^\p{L}\p{N}_]/gu, '\\$&');

function readNames(value: Value | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  const wanted = 'the name of a column, or a list of names';
  const items = value.list() ?? [value];
  if (items.length === 0) value.problem(`${value.name} is an empty list: it must be ${wanted}.`);
  return items.flatMap((item) => {
    const name = item.text(wanted);
    // Arguments of PgQ's triggers have commas between names, and no way to write one.
    if (name?.includes(','))
      return item.problem(`${item.name} has a comma, which PgQ's triggers cannot name.`) ?? [];
    return name ?? [];
  });
}

/** It becomes the condition of a trigger, with NEW and OLD in place of `row`. */
function readCondition(value: Value | undefined): string | undefined {
  const text = value?.text('an SQL condition on `row`, such as `row.total > 0`');
  if (value === undefined || text === undefined) return text;
  const unfit = whyUnfit(text);
  const other = /\b(new|old)\s*\./i.exec(text)?.[1];
  if (unfit !== undefined) value.problem(`${value.name} ${unfit}.`);
  else if (other !== undefined)
    value.problem(
      `${value.name} says \`${other}\`: write \`row\`, which is the row after an insert, before a delete, and both of an update.`,
    );
  else if (!/\brow\s*\./i.test(text))
    value.problem(`${value.name} names no column: write them as \`row.total > 0\`.`);
  return text;
}

/** The transaction's id goes into extra3: the table's name is in extra1, the old row in extra2, the origin in extra4. */
function checkFree(value: Value, source: string, queues: readonly Queue[]): void {
  const taken = queues.find(
    ({ from, columns, origin }) =>
      from.includes(source) && (origin === 'extra3' || columns.extra3 !== undefined),
  );
  if (taken !== undefined)
    value.problem(
      `${value.name} needs the column extra3, which \`queues.${taken.name}\` uses for ${taken.origin === 'extra3' ? 'the origin' : 'an expression of its own'}: free it there.`,
    );
}
