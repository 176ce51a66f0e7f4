// tributary dead: lists, shows, retries and discards events that could not be moved or handled.
import { type Command, Option } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import {
  type DeadEvent,
  type DeadFilter,
  type DeadGrouping,
  type DeadSum,
  listDead,
  readDead,
  sumDead,
} from '../../central/dead.ts';
import type { Config } from '../../config/config.ts';
import { redact } from '../../config/redaction.ts';
import { workName } from '../../config/worked.ts';
import { plainLines } from '../../lifecycle/plain.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { type Column, count, json, table, widthOf } from '../terminal/output.ts';
import { register as registerAgain } from './dead/again.ts';
import { type FilterOptions, filterOf, mustBeKnown, wholeNumber, withFilters } from './dead/selection.ts';

interface ListOptions extends FilterOptions {
  readonly limit: string;
  readonly json?: true;
  readonly by?: DeadGrouping;
}

const COLUMNS: readonly Column<DeadEvent>[] = [
  { title: 'id', value: ({ id }) => String(id), align: 'right' },
  { title: 'queue', value: ({ queue, group }) => workName(queue, group ?? undefined) },
  { title: 'origin', value: ({ origin }) => origin },
  { title: 'kind', value: ({ kind }) => kind },
  { title: 'type', value: ({ type }) => briefly(type) },
  { title: 'attempts', value: ({ attempts }) => attempts },
  { title: 'died', value: ({ died }) => died },
  { title: 'error', value: ({ error }) => error },
];

/** The type of an event is cut: triggers write whole column lists into it. */
const WIDEST_TYPE = 24;

const briefly = (type: string | null): string | null =>
  type === null || type.length <= WIDEST_TYPE ? type : `${type.slice(0, WIDEST_TYPE - 1)}…`;

/** The column where values begin in `dead show`. */
const VALUES_AT = 14;

const WITH_REDRIVEN = COLUMNS.toSpliced(-1, 0, { title: 'handed out', value: ({ redriven }) => redriven });

export function register(program: Command, context: CliContext): void {
  const dead = program
    .command('dead')
    .description('shows events that could not be moved or handled, hands them out again, or discards them');
  withFilters(dead.command('list', { isDefault: true }).description('lists dead events, the newest first'))
    .option('--redriven', 'also those that were handed out again')
    .addOption(
      new Option('--by <what>', 'summed up; errors that differ in numbers only are one').choices([
        'error',
        'queue',
        'type',
      ]),
    )
    .option('--limit <number>', 'at most this many', '50')
    .option('--json', 'one JSON document')
    .action((options: ListOptions) => list(context, options));
  dead
    .command('show')
    .description('shows one dead event with its data and error')
    .argument('<id>', 'its id, as `dead list` shows it')
    .option('--json', 'one JSON document')
    .action((id: string, options: { json?: true }) => show(context, id, options));
  registerAgain(dead, context);
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const limit = wholeNumber(options.limit, '--limit');
  const filter = filterOf(options);
  const { by } = options;
  if (by !== undefined) return await sums(context, filter, { by, limit, options });
  const { events, total } = await withCentral(context, async (central, config) => {
    await mustBeKnown(central, config, filter);
    return await listDead(central, { ...filter, limit });
  });
  if (options.json) {
    context.stdout.write(json({ total, events }));
    return;
  }
  if (total === 0) {
    context.stdout.write('No dead events.\n');
    return;
  }
  const columns = options.redriven ? WITH_REDRIVEN : COLUMNS;
  context.stdout.write(table(columns, events, { width: widthOf(context.stdout) }));
  if (total > events.length)
    context.stdout.write(`… and ${count(total - events.length)} more; --limit shows more of them.\n`);
}

async function sums(
  context: CliContext,
  filter: DeadFilter,
  {
    by,
    limit,
    options,
  }: { readonly by: DeadGrouping; readonly limit: number; readonly options: ListOptions },
): Promise<void> {
  const { stdout } = context;
  const { sums: rows, total } = await withCentral(context, async (central, config) => {
    await mustBeKnown(central, config, filter);
    return await sumDead(central, filter, { by, limit });
  });
  if (options.json) {
    stdout.write(json({ by, total, sums: rows }));
    return;
  }
  const columns: readonly Column<DeadSum>[] = [
    { title: 'events', value: ({ events }) => events },
    ...(by === 'queue' ? [] : [{ title: 'queues', value: ({ queues }: DeadSum) => queues.join(', ') }]),
    { title: 'first died', value: ({ first }) => first },
    { title: 'last died', value: ({ last }) => last },
    { title: by, value: ({ what }) => what },
  ];
  stdout.write(total === 0 ? 'No dead events.\n' : table(columns, rows, { width: widthOf(stdout) }));
  if (total > rows.length)
    stdout.write(`… and ${count(total - rows.length)} more; --limit shows more of them.\n`);
}

async function show(context: CliContext, text: string, { json: asJson }: { json?: true }): Promise<void> {
  const id = wholeNumber(text, 'The id');
  const event = await withCentral(context, async (central, config) => {
    const found = await readDead(central, id);
    return found === undefined ? undefined : redact(config, found.queue, found);
  });
  if (event === undefined)
    throw new Exit(
      EXIT.failed,
      `There is no dead event ${id}; \`tributary dead list\` shows those there are.`,
    );
  if (asJson) {
    context.stdout.write(json(event));
    return;
  }
  const lines = Object.entries(event).flatMap(([key, value]) =>
    value === null || value === undefined
      ? []
      : [
          `${`${key}:`.padEnd(VALUES_AT)}${typeof value === 'string' ? indented(value) : JSON.stringify(value)}`,
        ],
  );
  context.stdout.write(`${lines.join('\n')}\n`);
}

/** Indents further lines of a value, so that none of them looks like another field. */
const indented = (text: string): string => plainLines(text).replaceAll('\n', `\n${' '.repeat(VALUES_AT)}`);

async function withCentral<T>(
  context: Pick<CliContext, 'loadConfig'>,
  work: (central: CentralLink, config: Config) => Promise<T>,
): Promise<T> {
  const config = await context.loadConfig({ queries: 'leave' });
  const central = new CentralLink(config, 'dead');
  try {
    return await work(central, config);
  } finally {
    await central.close();
  }
}
