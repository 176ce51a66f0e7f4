// tributary delayed: lists, shows, cancels and advances events that wait for their time.
import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import { redact } from '../../config/redaction.ts';
import { countDelayed, type DelayedEvent, listDelayed } from '../../delays/delayed.ts';
import { plainLines } from '../../lifecycle/plain.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { type Column, count, json, table, widthOf } from '../terminal/output.ts';
import { wholeNumber } from './dead/selection.ts';
import { register as registerActs } from './delayed/act.ts';
import {
  type DelayedOptions,
  delayedFilterOf,
  mustBeQueue,
  withDelayedFilters,
} from './delayed/selection.ts';

interface ListOptions extends DelayedOptions {
  readonly limit: string;
  readonly json?: true;
}

type Shown = DelayedEvent & { readonly origin: string | null };

const COLUMNS: readonly Column<Shown>[] = [
  { title: 'id', value: ({ id }) => String(id), align: 'right' },
  { title: 'queue', value: ({ queue }) => queue },
  { title: 'due', value: ({ due }) => due },
  { title: 'type', value: ({ type }) => type },
  { title: 'origin', value: ({ origin }) => origin },
];
/** The column where values begin in `delayed show`. */
const VALUES_AT = 9;

export function register(program: Command, context: CliContext): void {
  const delayed = program
    .command('delayed')
    .description('shows events that wait for their time, cancels them, or makes them due');
  withDelayedFilters(
    delayed.command('list', { isDefault: true }).description('lists delayed events, the next one first'),
  )
    .option('--limit <number>', 'at most this many', '50')
    .option('--json', 'one JSON document')
    .action((options: ListOptions) => list(context, options));
  delayed
    .command('show')
    .description('shows one delayed event with its data')
    .argument('<id>', 'its id, as `delayed list` shows it')
    .option('--json', 'one JSON document')
    .action((id: string, options: { json?: true }) => show(context, id, options));
  registerActs(delayed, context);
}

async function list(context: CliContext, options: ListOptions): Promise<void> {
  const { stdout } = context;
  const limit = wholeNumber(options.limit, '--limit');
  const filter = delayedFilterOf(options);
  const { events, total } = await withCentral(context, async (central, config) => {
    mustBeQueue(config, filter.queue);
    const counts = await countDelayed(central, filter);
    const found = await listDelayed(central, filter, limit);
    return {
      total: counts.reduce((sum, one) => sum + one.events, 0),
      events: found.map((event) => ({ ...event, origin: originIn(config, event) })),
    };
  });
  if (options.json) {
    const shown = events.map(({ id, queue, due, made, type, origin }) => ({
      id,
      queue,
      due,
      made,
      type,
      origin,
    }));
    stdout.write(json({ total, events: shown }));
    return;
  }
  if (total === 0) {
    stdout.write('No delayed events.\n');
    return;
  }
  stdout.write(table(COLUMNS, events, { width: widthOf(stdout) }));
  if (total > events.length)
    stdout.write(`… and ${count(total - events.length)} more; --limit shows more of them.\n`);
}

async function show(context: CliContext, text: string, { json: asJson }: { json?: true }): Promise<void> {
  const id = wholeNumber(text, 'The id');
  const event = await withCentral(context, async (central, config) => {
    const [found] = await listDelayed(central, { ids: [id] }, 1);
    if (found === undefined) return undefined;
    return { ...redact(config, found.queue, found), origin: originIn(config, found) };
  });
  if (event === undefined)
    throw new Exit(
      EXIT.failed,
      `No delayed event ${id} waits: it has gone into its queue, or was cancelled; \`tributary delayed list\` shows those that wait.`,
    );
  if (asJson) {
    context.stdout.write(json(event));
    return;
  }
  const lines = Object.entries(event).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [`${`${key}:`.padEnd(VALUES_AT)}${indented(String(value))}`],
  );
  context.stdout.write(`${lines.join('\n')}\n`);
}

/** Indents further lines of a value, so that none of them looks like another field. */
const indented = (text: string): string => plainLines(text).replaceAll('\n', `\n${' '.repeat(VALUES_AT)}`);

function originIn({ queues }: Config, event: DelayedEvent): string | null {
  const column = queues.find(({ name }) => name === event.queue)?.origin ?? 'none';
  return column === 'none' ? null : event[column];
}

async function withCentral<T>(
  context: Pick<CliContext, 'loadConfig'>,
  work: (central: CentralLink, config: Config) => Promise<T>,
): Promise<T> {
  const config = await context.loadConfig();
  const central = new CentralLink(config, 'delayed');
  try {
    return await work(central, config);
  } finally {
    await central.close();
  }
}
