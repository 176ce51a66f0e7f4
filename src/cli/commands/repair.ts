// tributary repair: for halted sources, shows what each way on would move or leave out, or carries one of them out.
import { type Command, Option } from 'commander';
import type { Config, Shard } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { counted } from '../../errors/words.ts';
import {
  explainRepair,
  haltedQueues,
  type RepairOutcome,
  type RepairTarget,
  repair,
} from '../../mover/repair/repair.ts';
import type { RepairConnections } from '../../mover/repair/repair-look.ts';
import type { Choice } from '../../mover/repair/repair-plan.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { mustConfirm } from '../terminal/confirm.ts';
import { type Column, json, table, widthOf } from '../terminal/output.ts';
import { withConnections } from './repair/connections.ts';

interface Options {
  readonly shard?: string;
  readonly dryRun?: true;
  readonly rewind?: true;
  readonly skip?: true;
  readonly takeOver?: true;
  readonly json?: true;
  readonly yes?: true;
}

/** One source, with what its ways would do, or what the chosen one has done, or why neither is known. */
interface Row {
  readonly source: string;
  readonly ways: readonly RepairOutcome[];
  readonly problem?: string;
}

/** The selected queues of one shard. */
interface Meant {
  readonly config: Config;
  readonly shard: Shard;
  /** Undefined: all halted ones. */
  readonly queue: string | undefined;
}

const COLUMNS: readonly Column<RepairOutcome & { readonly source: string }>[] = [
  { title: 'source', value: ({ source }) => source },
  { title: 'way', value: ({ choice }) => `--${choice}` },
  { title: 'begins at tick of', value: ({ from }) => from },
  { title: 'moves', value: ({ moves }) => moves },
  { title: 'leaves out', value: ({ leavesOut }) => leavesOut },
  { title: 'not possible because', value: ({ hindrance }) => hindrance },
];

export function register(program: Command, context: CliContext): void {
  program
    .command('repair')
    .description('shows the ways on for halted sources, or goes one of them')
    .argument('[source]', 'the source, as shard:queue')
    .option('--shard <name>', 'all halted sources of this shard')
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
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document')
    .action((source: string | undefined, options: Options) => run(context, source, options));
}

async function run(context: CliContext, source: string | undefined, options: Options): Promise<void> {
  const choice = choiceOf(options);
  if (choice === undefined && !options.dryRun) {
    throw new Exit(
      EXIT.wrong,
      'Say which way: --rewind, --skip or --take-over; --dry-run shows what each would do.',
    );
  }
  if ((source === undefined) === (options.shard === undefined))
    throw new Exit(
      EXIT.wrong,
      'Say either a source, as shard:queue, or --shard for all that are halted there.',
    );
  const config = await context.loadConfig({ queries: 'try' });
  const meant = source === undefined ? shardMeant(config, options.shard ?? '') : sourceMeant(config, source);
  await withConnections(meant, async (connections) => {
    const queues = meant.queue === undefined ? await haltedQueues(meant, connections.central) : [meant.queue];
    if (queues.length === 0)
      throw new Exit(
        EXIT.failed,
        `No source of shard ${meant.shard.name} is halted, so there is nothing to repair.`,
      );
    const targets = queues.map((queue): RepairTarget => ({ ...meant, queue }));
    if (choice !== undefined) await mayGo(context, { targets, choice, connections, options });
    const rows = await each(targets, (target) =>
      choice === undefined
        ? explainRepair(target, connections)
        : repair(target, connections, { choice, operator: operator() }).then((outcome) => [outcome]),
    );
    show(context, rows, { choice, options });
  });
}

/** Asks before a way leaves out events that are nowhere else, or moves events that central may have already. */
async function mayGo(
  context: CliContext,
  {
    targets,
    choice,
    connections,
    options,
  }: {
    readonly targets: readonly RepairTarget[];
    readonly choice: Choice;
    readonly connections: RepairConnections;
    readonly options: Options;
  },
): Promise<void> {
  if (choice === 'rewind' || options.yes) return;
  const ways = (await each(targets, (target) => explainRepair(target, connections, choice))).flatMap(
    (row) => row.ways,
  );
  const sum = (of: (way: RepairOutcome) => number) => ways.reduce((all, way) => all + of(way), 0);
  const [moves, leavesOut] = [sum((way) => way.moves), sum((way) => way.leavesOut)];
  if ((choice === 'skip' ? leavesOut : moves) === 0) return;
  const what =
    choice === 'skip'
      ? `${counted(leavesOut, 'event')} that ${leavesOut === 1 ? 'is' : 'are'} on the shard now would never be moved.`
      : `${counted(moves, 'event')} would be moved; what central has of ${moves === 1 ? 'it' : 'them'} already is there twice then.`;
  const first = targets[0] as RepairTarget;
  const name =
    targets.length === 1 ? nameOf(first) : `${counted(targets.length, 'source')} of ${first.shard.name}`;
  await mustConfirm(context, {
    sentence: `${name}: ${what}`,
    question: `Shall I go on with --${choice}?`,
    verb: `go on with --${choice}`,
  });
}

/** One source after the other, because they share the connections; an error of one does not stop the others. */
async function each(
  targets: readonly RepairTarget[],
  work: (target: RepairTarget) => Promise<RepairOutcome[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const target of targets) {
    const source = nameOf(target);
    try {
      rows.push({ source, ways: await work(target) });
    } catch (error) {
      if (targets.length === 1) throw error;
      rows.push({ source, ways: [], problem: sentenceFor(error, `Source ${source}`) });
    }
  }
  return rows;
}

function show(
  { stdout }: CliContext,
  rows: readonly Row[],
  { choice, options }: { readonly choice: Choice | undefined; readonly options: Options },
): void {
  const done = choice ?? null;
  if (options.json) {
    const { shard } = options;
    stdout.write(json(shard === undefined ? { ...rows[0], done } : { shard, done, sources: rows }));
  } else if (choice === undefined) {
    const ways = rows.flatMap(({ source, ways: own }) => own.map((way) => ({ source, ...way })));
    stdout.write(table(rows.length === 1 ? COLUMNS.slice(1) : COLUMNS, ways, { width: widthOf(stdout) }));
  } else {
    for (const { source, ways } of rows)
      for (const { moves, leavesOut } of ways)
        stdout.write(
          `${source} goes on: ${counted(moves, 'event')} moved, ${leavesOut.toLocaleString('en-US')} left out.\n`,
        );
  }
  const problems = rows.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) throw new Exit(EXIT.failed, problems.join('\n'));
}

function choiceOf({ rewind, skip, takeOver }: Options): Choice | undefined {
  if (rewind) return 'rewind';
  if (skip) return 'skip';
  return takeOver ? 'take-over' : undefined;
}

const nameOf = ({ shard, queue }: RepairTarget): string => `${shard.name}:${queue}`;

function shardMeant(config: Config, name: string): Meant {
  const shard = config.shards.find((one) => one.name === name);
  if (shard !== undefined) return { config, shard, queue: undefined };
  const meant = nearest(
    name,
    config.shards.map((one) => one.name),
  );
  const help = meant === undefined ? '`tributary shards` lists them.' : `did you mean ${meant}?`;
  throw new Exit(EXIT.wrong, `There is no shard ${name} in ${config.file}: ${help}`);
}

function sourceMeant(config: Config, name: string): Meant {
  const at = name.lastIndexOf(':');
  const [shardName, queue] = at < 0 ? [name, ''] : [name.slice(0, at), name.slice(at + 1)];
  const shard = config.shards.find((one) => one.name === shardName);
  const sources = config.shards.flatMap((one) =>
    config.queues.flatMap(({ from }) => from.map((source) => `${one.name}:${source}`)),
  );
  if (shard !== undefined && sources.includes(name)) return { config, shard, queue };
  const meant = nearest(name, sources);
  const all = shard === undefined ? '' : ` All of that shard: --shard ${shard.name}.`;
  throw new Exit(
    EXIT.wrong,
    `There is no source ${name}${meant === undefined ? '.' : `; did you mean ${meant}?`} A source is named shard:queue.${all}`,
  );
}
