// tributary repair: for a halted source, what each way on would move or leave out, or goes one of them.
import { type Command, Option } from 'commander';
import type { Config, Database } from '../config/config.ts';
import { nearest } from '../config/nearest.ts';
import { placeOf } from '../config/shards.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { explainRepair, type RepairOutcome, type RepairTarget, repair } from '../mover/repair.ts';
import type { Choice } from '../mover/repair-plan.ts';
import { Connection } from '../postgres/connection.ts';
import type { CliContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';
import { type Column, count, json, table, widthOf } from './output.ts';

interface Options {
  readonly dryRun?: true;
  readonly rewind?: true;
  readonly skip?: true;
  readonly takeOver?: true;
  readonly json?: true;
}

const COLUMNS: readonly Column<RepairOutcome>[] = [
  { title: 'way', value: ({ choice }) => `--${choice}` },
  { title: 'begins at tick of', value: ({ from }) => from },
  { title: 'moves', value: ({ moves }) => moves },
  { title: 'leaves out', value: ({ leavesOut }) => leavesOut },
  { title: 'not possible because', value: ({ hindrance }) => hindrance },
];

export function register(program: Command, context: CliContext): void {
  program
    .command('repair')
    .description('shows the ways on for a halted source, or goes one of them')
    .argument('<source>', 'the source, as shard:queue')
    .addOption(
      new Option('--dry-run', 'show what each way would move or leave out').conflicts([
        'rewind',
        'skip',
        'takeOver',
      ]),
    )
    .addOption(
      new Option(
        '--rewind',
        'back to the newest tick that both know; events that central holds are left out',
      ).conflicts(['skip', 'takeOver']),
    )
    .addOption(
      new Option('--skip', "on from the shard's newest tick; what is there now is not moved").conflicts([
        'takeOver',
      ]),
    )
    .option('--take-over', 'move all that the shard has, whatever central holds')
    .option('--json', 'one JSON document')
    .action((source: string, options: Options) => run(context, source, options));
}

async function run(context: CliContext, name: string, options: Options): Promise<void> {
  const choice = choiceOf(options);
  if (choice === undefined && !options.dryRun) {
    throw new Exit(
      EXIT.wrong,
      'Say which way: --rewind, --skip or --take-over; --dry-run shows what each would do.',
    );
  }
  const config = await context.loadConfig();
  const target = targetOf(config, name);
  const central = await opened(config.central, 'Central');
  const shard = await opened(target.shard, `Shard ${target.shard.name}`).catch(async (error: unknown) => {
    await central.close();
    throw error;
  });
  try {
    const outcomes =
      choice === undefined
        ? await explainRepair(target, { central, shard })
        : [await repair(target, { central, shard }, choice)];
    if (options.json) context.stdout.write(json({ source: name, done: choice ?? null, ways: outcomes }));
    else if (choice === undefined)
      context.stdout.write(table(COLUMNS, outcomes, { width: widthOf(context.stdout) }));
    else
      context.stdout.write(
        `${name} goes on: ${count(outcomes[0]?.moves ?? 0)} events moved, ${count(outcomes[0]?.leavesOut ?? 0)} left out.\n`,
      );
  } finally {
    await Promise.all([central.close(), shard.close()]);
  }
}

async function opened(database: Database, label: string): Promise<Connection> {
  const owner = `${label} (${placeOf(database)})`;
  try {
    return await Connection.open(database, { applicationName: 'tributary repair', owner });
  } catch (error) {
    throw new Exit(EXIT.failed, sentenceFor(error, owner));
  }
}

function choiceOf({ rewind, skip, takeOver }: Options): Choice | undefined {
  if (rewind) return 'rewind';
  if (skip) return 'skip';
  return takeOver ? 'take-over' : undefined;
}

function targetOf(config: Config, name: string): RepairTarget {
  const at = name.lastIndexOf(':');
  const [shardName, queue] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
  const shard = config.shards.find((one) => one.name === shardName);
  const sources = config.shards.flatMap((one) =>
    config.queues.flatMap(({ from }) => from.map((source) => `${one.name}:${source}`)),
  );
  if (shard === undefined || !sources.includes(name)) {
    const meant = nearest(name, sources);
    throw new Exit(
      EXIT.wrong,
      `There is no source ${name}${meant === undefined ? '.' : `; did you mean ${meant}?`} A source is named shard:queue.`,
    );
  }
  return { config, shard, queue };
}
