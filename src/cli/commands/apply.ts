// tributary apply: rows of the shards that were there before their changes were captured, copied into the tables of central.
import type { Command } from 'commander';
import { readCopies, type StoredCopy } from '../../apply/copy/copies.ts';
import { type CopiedTable, openFor, runCopy } from '../../apply/copy/run-copy.ts';
import { counted } from '../../errors/words.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { shardNamed } from '../shard-named.ts';
import { json, table } from '../terminal/output.ts';
import { progressOn } from '../terminal/progress.ts';
import { appliedQueue } from './apply/applied-queue.ts';

interface CopyOptions {
  readonly shard?: readonly string[];
  readonly again?: true;
  readonly atOnce: string;
  readonly json?: true;
}

export function register(program: Command, context: CliContext): void {
  const apply = program.command('apply').description('tables of the shards, merged into tables of central');
  apply
    .command('copy')
    .description(
      'copies the rows that were there before their changes were captured, while changes go on; goes on where it was stopped',
    )
    .argument('<queue>', 'the central queue whose changes are applied')
    .option('--shard <name...>', 'only these; default: all')
    .option('--again', 'from the beginning, also what was copied')
    .option('--at-once <number>', 'how many shards are copied at a time', '4')
    .option('--json', 'one JSON document')
    .action((queue: string, options: CopyOptions) => copy(context, queue, options));
  apply
    .command('status')
    .description('how far the copies of a queue are')
    .argument('<queue>', 'the central queue')
    .option('--json', 'one JSON document')
    .action((queue: string, options: { readonly json?: true }) => status(context, queue, options));
}

async function copy(context: CliContext, name: string, options: CopyOptions): Promise<void> {
  const config = await context.loadConfig();
  const queue = appliedQueue(config, name);
  const shards = options.shard?.map((one) => shardNamed(config, one)) ?? config.shards;
  const atOnce = Number(options.atOnce);
  if (!Number.isInteger(atOnce) || atOnce < 1 || atOnce > 64)
    throw new Exit(EXIT.wrong, `--at-once is a whole number from 1 to 64, not ${options.atOnce}.`);
  const progress = progressOn(context.stderr, { total: shards.length, what: 'copied' });
  const { tables, troubles } = await runCopy({
    ...{ config, queue, shards, atOnce, isAgain: options.again === true, signal: context.signal },
    onShard: (shard, trouble) => progress.step(trouble, shard),
  }).finally(() => progress.end());
  if (options.json) context.stdout.write(json({ tables, troubles }));
  else {
    if (tables.length > 0) context.stdout.write(table<CopiedTable>(COLUMNS, tables));
    for (const { sentence } of troubles) context.stderr.write(`${sentence}\n`);
  }
  const isStopped = context.signal.aborted && tables.some(({ state }) => state !== 'copied');
  if (troubles.length > 0)
    throw new Exit(
      EXIT.failed,
      `${counted(troubles.length, 'shard')} could not be copied: run this again for the rest.`,
    );
  if (isStopped) throw new Exit(EXIT.failed, 'Stopped: run this again, and it goes on where it is.');
}

const COLUMNS = [
  { title: 'SHARD', value: ({ shard }: CopiedTable) => shard },
  { title: 'SOURCE', value: ({ source }: CopiedTable) => source },
  { title: 'TABLE', value: ({ applied }: CopiedTable) => applied },
  { title: 'STATE', value: ({ state }: CopiedTable) => state },
  { title: 'ROWS', value: ({ rows }: CopiedTable) => rows },
];

async function status(context: CliContext, name: string, options: { readonly json?: true }): Promise<void> {
  const config = await context.loadConfig({ queries: 'leave' });
  const queue = appliedQueue(config, name);
  const central = await openFor(config, 'copy');
  try {
    const copies = await readCopies(central, queue.name);
    if (options.json) {
      context.stdout.write(json({ copies }));
      return;
    }
    context.stdout.write(
      copies.length === 0
        ? `Nothing was copied for queue ${queue.name}: \`tributary apply copy ${queue.name}\`.\n`
        : table<StoredCopy>(
            [
              ...COLUMNS,
              { title: 'SINCE', value: ({ begunAt }) => begunAt.toISOString() },
              { title: 'LAST PIECE', value: ({ movedAt }) => movedAt.toISOString() },
              { title: 'TROUBLE', value: ({ trouble }) => trouble ?? '' },
            ],
            copies,
          ),
    );
  } finally {
    await central.close();
  }
}
