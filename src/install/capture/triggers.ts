// The triggers that a capture gives a table, as SQL. Pure.
import { createHash } from 'node:crypto';
import type { Capture, CaptureFormat } from '../../config/capture.ts';
import type { Shard } from '../../config/config.ts';
import { identifier, literal } from '../../postgres/quote.ts';
import type { TableFact } from './tables.ts';
import { triggerPrefix } from './tables.ts';

export interface WantedTrigger {
  readonly name: string;
  readonly function: string;
  readonly arguments: readonly string[];
  /** `create or replace trigger …`, without a semicolon. */
  readonly sql: string;
}

export interface WantedTriggers {
  readonly triggers: readonly WantedTrigger[];
  /** A hash of all of them. */
  readonly made: string;
  /** The columns that tell rows apart. */
  readonly key: readonly string[];
}

export interface Capturing {
  readonly installation: string;
  readonly schema: Shard['schema'];
  readonly capture: Capture;
  readonly format: CaptureFormat;
}

const FUNCTIONS = { json: 'jsontriga', url: 'logutriga' } as const;

export const nameOfTable = ({ schema, name }: Pick<TableFact, 'schema' | 'name'>): string =>
  `${schema}.${name}`;

export const sqlName = ({ schema, name }: Pick<TableFact, 'schema' | 'name'>): string =>
  `${identifier(schema)}.${identifier(name)}`;

/** The capture that a trigger of ours belongs to: `tributary:shop:orders:t` → `orders`. */
export const captureOf = (trigger: string, installation: string): string =>
  trigger.slice(triggerPrefix(installation).length).split(':')[0] ?? '';

export function wantedTriggers(
  { installation, schema, capture, format }: Capturing,
  table: TableFact,
): WantedTriggers {
  const key = capture.key ?? table.key;
  const name = `${triggerPrefix(installation)}${capture.name}`;
  const call = { function: FUNCTIONS[format], schema, table };
  const args = argumentsOf(capture, table);
  const rows =
    capture.when === undefined
      ? [trigger(name, 'insert or update or delete', call, { args, forEach: 'row' })]
      : // A condition of the trigger costs next to nothing, one of the function as much as the event.
        [
          trigger(`${name}:i`, 'insert', call, { args, forEach: 'row', when: naming(capture.when, 'new') }),
          trigger(`${name}:u`, 'update', call, {
            args,
            forEach: 'row',
            when: `(${naming(capture.when, 'old')}) or (${naming(capture.when, 'new')})`,
          }),
          trigger(`${name}:d`, 'delete', call, { args, forEach: 'row', when: naming(capture.when, 'old') }),
        ];
  // Options are of rows.
  const truncate = trigger(`${name}:t`, 'truncate', call, { args: [capture.queue], forEach: 'statement' });
  const triggers = [...rows, truncate];
  const made = createHash('sha256')
    .update(triggers.map(({ sql }) => sql).join('\n'))
    .digest('hex')
    .slice(0, 16);
  return { triggers, made, key };
}

function argumentsOf({ queue, columns, ignore, key, old }: Capture, table: TableFact): string[] {
  const ignored = table.columns
    .map(([, name]) => name)
    .filter((name) => (columns === undefined ? ignore?.includes(name) === true : !columns.includes(name)));
  return [
    queue,
    ...(ignored.length === 0 ? [] : [`ignore=${ignored.join(',')}`]),
    ...(key === undefined ? [] : [`pkey=${key.join(',')}`]),
    ...(old ? ['backup'] : []),
    // A partition would say its own name, and what is merged is the table.
    ...(table.kind === 'p' ? [`ev_extra1=${literal(nameOfTable(table))}`] : []),
  ];
}

function trigger(
  name: string,
  operations: string,
  {
    function: called,
    schema,
    table,
  }: { readonly function: string; readonly schema: string; readonly table: TableFact },
  {
    args,
    forEach,
    when,
  }: { readonly args: readonly string[]; readonly forEach: string; readonly when?: string },
): WantedTrigger {
  const condition = when === undefined ? '' : ` when (${when}\n)`;
  return {
    ...{ name, function: called, arguments: args },
    sql: `create or replace trigger ${identifier(name)} after ${operations} on ${sqlName(table)} for each ${forEach}${condition} execute function ${schema}.${called}(${args.map(literal).join(', ')})`,
  };
}

/** Quoted texts and names, which stay as they are; then `row` where a column follows. */
const ROW =
  /([eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\2)|(?<![\w$."])row(?=\s*\.)/gi;

/** The condition with NEW or OLD in place of `row`. */
const naming = (condition: string, row: 'new' | 'old'): string =>
  condition.replace(ROW, (_whole, quoted: string | undefined) => quoted ?? row);

/** As the catalog has them: each ended by a zero. */
export const asStoredArguments = (args: readonly string[]): string =>
  Buffer.from(args.map((one) => `${one}\0`).join('')).toString('hex');
