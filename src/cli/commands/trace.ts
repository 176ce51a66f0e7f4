// tributary trace: the way of one event, or where it waits and why.
import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import { LagReader } from '../../observability/lag/reader.ts';
import { type EventFound, SEARCHED_EVENTS, searchEvents } from '../../observability/trace/search.ts';
import type { Trace } from '../../observability/trace/shape.ts';
import { traceOf } from '../../observability/trace/trace.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { type Column, count, json, table, widthOf } from '../terminal/output.ts';
import { traceText } from '../terminal/trace-text.ts';

interface Options {
  readonly data?: true;
  readonly json?: true;
  readonly key?: string;
  readonly queue?: string;
}

const COLUMNS: readonly Column<EventFound>[] = [
  { title: 'origin', value: ({ origin }) => origin },
  { title: 'queue', value: ({ queue }) => queue },
  { title: 'id', value: ({ id }) => String(id), align: 'right' },
  { title: 'time', value: ({ time }) => time },
  { title: 'type', value: ({ type }) => type },
];

export function register(program: Command, context: CliContext): void {
  program
    .command('trace')
    .description('the way of one event: committed, moved, handled, sent on; or where it waits and why')
    .argument('[origin]', 'its origin, such as app_017:orders:123, or with --queue its id on central')
    .option('--queue <queue>', 'the central queue of an id, or in which --key searches')
    .option(
      '--key <text>',
      'search the newest events of central for this text, and trace the one that has it',
    )
    .option('--data', 'also what the event holds, without what the file redacts')
    .option('--json', 'one JSON document')
    .action((origin: string | undefined, options: Options) => trace(context, origin, options));
}

async function trace(context: CliContext, origin: string | undefined, options: Options): Promise<void> {
  const { key } = options;
  if ((origin === undefined) === (key === undefined))
    throw new Exit(EXIT.wrong, 'Say which event: its origin, such as app_017:orders:123, or --key TEXT.');
  const config = await context.loadConfig({ queries: 'try' });
  const central = new CentralLink(config, 'trace');
  try {
    if (origin !== undefined)
      return show(context, options, await traced(origin, { config, central, ...options }));
    const found = await searchEvents(key ?? '', { config, central, queue: options.queue });
    const [only] = found;
    if (only === undefined)
      throw new Exit(
        EXIT.failed,
        `None of the newest ${count(SEARCHED_EVENTS)} events of ${options.queue ?? 'each central queue'} has ${JSON.stringify(key)}.`,
      );
    if (found.length === 1)
      return show(context, options, await traced(only.origin, { config, central, data: options.data }));
    context.stdout.write(
      options.json ? json({ found }) : table(COLUMNS, found, { width: widthOf(context.stdout) }),
    );
  } finally {
    await central.close();
  }
}

interface Tracing {
  readonly config: Config;
  readonly central: CentralLink;
  readonly queue?: string | undefined;
  readonly data?: true | undefined;
}

async function traced(origin: string, { config, central, queue, data }: Tracing): Promise<Trace> {
  const reader = new LagReader(config, central);
  const report = () => reader.read({ isCentralOnly: true });
  return await traceOf(origin, { config, central, report, queue, withData: data === true });
}

function show({ stdout }: CliContext, { json: asJson }: Options, found: Trace): void {
  if (asJson) stdout.write(json(found));
  if (found.state === 'unknown') throw new Exit(EXIT.failed, asJson ? '' : found.summary);
  if (!asJson) stdout.write(traceText(found));
}
