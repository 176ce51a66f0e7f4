// tributary compare: whether the tables of central have what the shards have, row by row, while changes go on.
import type { Command } from 'commander';
import { type ComparedShard, runCompare } from '../../compare/run-compare.ts';
import { counted } from '../../errors/words.ts';
import type { CliContext } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT, Exit } from '../exit.ts';
import { shardNamed } from '../shard-named.ts';
import { count, json, table } from '../terminal/output.ts';
import { progressOn } from '../terminal/progress.ts';
import { appliedQueue } from './apply/applied-queue.ts';

interface CompareOptions {
  readonly shard?: readonly string[];
  readonly repair?: true;
  readonly rows: string;
  readonly atOnce: string;
  readonly patience: string;
  readonly json?: true;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('compare')
    .description(
      'compares tables that changes are applied to with the shards, row by row, while changes go on',
    )
    .argument('<queue>', 'the central queue whose changes are applied')
    .option('--shard <name...>', 'only these; default: all')
    .option('--repair', 'make rows that differ what the shard has')
    .option('--rows <number>', 'how many rows that differ are named, of each table and shard', '10')
    .option('--at-once <number>', 'how many shards are compared at a time', '4')
    .option('--patience <duration>', 'how long may pass until what is committed is applied', '60s')
    .option('--json', 'one JSON document')
    .action((queue: string, options: CompareOptions) => compare(context, queue, options));
}

async function compare(context: CliContext, name: string, options: CompareOptions): Promise<void> {
  const config = await context.loadConfig();
  const queue = appliedQueue(config, name);
  const shards = options.shard?.map((one) => shardNamed(config, one)) ?? config.shards;
  const atOnce = wholeNumber('--at-once', options.atOnce, { min: 1, max: 64 });
  const named = wholeNumber('--rows', options.rows, { min: 0, max: 20_000 });
  const progress = progressOn(context.stderr, { total: shards.length, what: 'compared' });
  const { tables, troubles } = await runCompare({
    ...{ config, queue, shards, atOnce, signal: context.signal },
    ...{ isToRepair: options.repair === true, patienceMs: durationOption('--patience', options.patience) },
    onShard: (shard, trouble) => progress.step(trouble, shard),
  }).finally(() => progress.end());
  if (options.json) context.stdout.write(json({ tables: tables.map((one) => shown(one, named)), troubles }));
  else {
    if (tables.length > 0) context.stdout.write(table(COLUMNS, tables));
    for (const one of tables) context.stdout.write(linesOf(one, named));
    for (const { sentence } of troubles) context.stderr.write(`${sentence}\n`);
  }
  if (troubles.length > 0)
    throw new Exit(EXIT.failed, `${counted(troubles.length, 'shard')} could not be compared.`);
  const left = tables.reduce((sum, { differences, repaired }) => sum + differences.length - repaired, 0);
  const isCut = tables.some((one) => one.isCut);
  if (left > 0 || isCut)
    throw new Exit(
      EXIT.unhealthy,
      `${counted(left, 'row')}${isCut ? ' or more' : ''} differ: \`tributary compare ${name} --repair\` makes them what the shards have.`,
    );
}

const COLUMNS = [
  { title: 'SHARD', value: ({ shard }: ComparedShard) => shard },
  { title: 'TABLE', value: ({ applied }: ComparedShard) => applied },
  { title: 'ON SHARD', value: ({ onShard }: ComparedShard) => count(onShard), align: 'right' as const },
  { title: 'ON CENTRAL', value: ({ onCentral }: ComparedShard) => count(onCentral), align: 'right' as const },
  {
    title: 'DIFFERENT',
    value: ({ differences, isCut }: ComparedShard) =>
      `${count(differences.length)}${isCut ? ' or more' : ''}`,
    align: 'right' as const,
  },
  { title: 'REPAIRED', value: ({ repaired }: ComparedShard) => count(repaired), align: 'right' as const },
];

const WORDS = {
  missing: 'is missing on central',
  surplus: 'is on central alone',
  different: 'has other values on central',
} as const;

function linesOf(
  { shard, applied, differences, unsettled, elsewhere, isCut }: ComparedShard,
  most: number,
): string {
  const lines = differences
    .slice(0, most)
    .map(({ key, what }) => `${shard} ${applied} (${key.join(', ')}) ${WORDS[what]}`);
  if (differences.length > most)
    lines.push(`${shard} ${applied} and ${count(differences.length - most)} more`);
  if (unsettled > 0)
    lines.push(`${shard} ${applied}: ${counted(unsettled, 'row')} changed at every look; compare again.`);
  if (isCut)
    lines.push(
      `${shard} ${applied}: more rows differ than are looked at; repair or copy them, then compare again.`,
    );
  if (elsewhere > 0)
    lines.push(`${shard} ${applied}: in place of ${counted(elsewhere, 'row')} central has another shard's.`);
  return lines.map((line) => `${line}\n`).join('');
}

const shown = ({ differences, ...rest }: ComparedShard, most: number) => ({
  ...rest,
  different: differences.length,
  rows: differences.slice(0, most),
});

function wholeNumber(
  option: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Exit(EXIT.wrong, `${option} is a whole number from ${min} to ${max}, not ${text}.`);
}
