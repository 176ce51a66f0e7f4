// tributary capture: changes of tables as events, by triggers on all shards: planned, installed, removed, shown.
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { counted } from '../../errors/words.ts';
import { noteCaptured } from '../../install/capture/logbook.ts';
import { type CaptureRow, captureOnShards } from '../../install/capture/on-shards.ts';
import { type CapturePlan, type CaptureWork, captureScript, removalOf } from '../../install/capture/plan.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { shardNamed } from '../shard-named.ts';
import { mustConfirm } from '../terminal/confirm.ts';
import { json } from '../terminal/output.ts';
import { progressOn } from '../terminal/progress.ts';
import { asJson, changesText, statusText } from './capture/text.ts';

interface Options {
  readonly shard?: string[];
  readonly json?: true;
}

interface ChangeOptions extends Options {
  readonly dryRun?: true;
}

interface RemoveOptions extends ChangeOptions {
  readonly all?: true;
  readonly leftOver?: true;
  readonly yes?: true;
}

export function register(program: Command, context: CliContext): void {
  const capture = program
    .command('capture')
    .description('changes of tables as events, by triggers on all shards: plan, install, remove, status');
  const add = (name: string, description: string) =>
    capture
      .command(name)
      .description(description)
      .option('--shard <name...>', 'only these shards')
      .option('--json', 'one JSON document');
  add(
    'status',
    'tells which tables are captured, and where a trigger is missing, disabled or another one',
  ).action((options: Options) => status(context, options));
  add('plan', 'tells what `capture install` would change, without a write').action((options: Options) =>
    plan(context, options),
  );
  add('install', 'gives the tables of the file their triggers, on all shards; running it again does no harm')
    .option('--dry-run', 'print the SQL and change nothing')
    .action((options: ChangeOptions) => install(context, options));
  add('remove', 'takes the triggers off; changes from then on are no events')
    .argument('[captures...]', 'their names')
    .option('--all', 'those of all captures')
    .option('--left-over', 'those that the file does not want any more')
    .option('--dry-run', 'print the SQL and change nothing')
    .option('--yes', 'do not ask')
    .action((names: string[], options: RemoveOptions) => remove(context, names, options));
}

async function status(context: CliContext, options: Options): Promise<void> {
  const { config, only } = await selected(context, options);
  const rows = await captureOnShards(config, { only, isDryRun: true });
  context.stdout.write(options.json ? documentOf(rows) : statusText(rows, config, context.stdout));
  // Why tables are refused stands under the table.
  const mistakes = rows.flatMap((row) => [...row.failures, ...row.mistakes]);
  const isWell = rows.every(({ tables }) => tables?.every(({ state }) => state === 'captured') === true);
  if (mistakes.length > 0 || !isWell) throw new Exit(EXIT.unhealthy, mistakes.join('\n'));
}

async function plan(context: CliContext, options: Options): Promise<void> {
  const { config, only } = await selected(context, options);
  const rows = await captureOnShards(config, { only, isDryRun: true });
  context.stdout.write(options.json ? documentOf(rows) : changesText(rows, { isDone: false }));
  finish(context, rows);
}

async function install(context: CliContext, options: ChangeOptions): Promise<void> {
  const { config, only } = await selected(context, options);
  await run(context, config, { only, options, what: 'capturing' });
}

async function remove(context: CliContext, names: string[], options: RemoveOptions): Promise<void> {
  const { config, only } = await selected(context, options);
  if (names.length === 0 && options.all !== true && options.leftOver !== true)
    throw new Exit(EXIT.wrong, 'Name the captures whose triggers shall go, or say --all or --left-over.');
  const choose = ({ tables }: CapturePlan): CaptureWork[] =>
    tables.flatMap((one) => {
      const isMeant =
        options.all === true ||
        names.includes(one.capture) ||
        (options.leftOver === true && one.state === 'left-over');
      return isMeant ? (removalOf(one) ?? []) : [];
    });
  if (options.dryRun !== true && options.yes !== true) {
    const rows = await captureOnShards(config, { only, choose, isDryRun: true });
    const tables = rows.reduce((sum, { work }) => sum + work.length, 0);
    if (tables > 0)
      await mustConfirm(context, {
        sentence: `${changesText(rows, { isDone: false })}Changes of ${counted(tables, 'table')} would be no events any more, and those made until triggers are installed again never come.`,
        question: 'Shall I do it?',
        verb: 'take them off',
      });
  }
  const known = new Set(config.captures?.map(({ name }) => name));
  const rows = await run(context, config, { only, options, what: 'removing', choose });
  const there = new Set(rows.flatMap(({ tables = [] }) => tables.map(({ capture }) => capture)));
  const unknown = names.find((name) => !known.has(name) && !there.has(name));
  if (unknown !== undefined) {
    const meant = nearest(unknown, [...known, ...there]);
    throw new Exit(
      EXIT.wrong,
      `Neither the file nor a shard has a capture ${unknown}${meant === undefined ? '.' : `: did you mean ${meant}?`}`,
    );
  }
}

interface Run {
  readonly only: ReadonlySet<string> | undefined;
  readonly options: ChangeOptions;
  /** For the line of progress. */
  readonly what: string;
  /** Default: what the plan says. */
  readonly choose?: (plan: CapturePlan) => readonly CaptureWork[];
}

async function run(
  context: CliContext,
  config: Config,
  { only, options, what, choose }: Run,
): Promise<CaptureRow[]> {
  const total = only?.size ?? config.shards.length;
  const isDryRun = options.dryRun === true;
  const progress = isDryRun ? undefined : progressOn(context.raw.stderr, { total, what });
  const rows = await captureOnShards(config, {
    ...{ only, isDryRun, ...(choose === undefined ? {} : { choose }) },
    onRow: ({ shard, did, failures }) =>
      progress?.step(failures[0], `${shard} ${counted(did.length, 'change')}`),
  });
  progress?.end();
  // Of a removal only what went wrong with it counts.
  const shown =
    choose === undefined ? rows : rows.map((row) => ({ ...row, refusals: [], mistakes: [], warnings: [] }));
  if (options.json) context.stdout.write(documentOf(shown));
  else if (isDryRun) context.verbatim.write(scriptOf(shown));
  else context.stdout.write(changesText(shown, { isDone: true }));
  const untold = isDryRun ? undefined : await noteCaptured(config, operator(), rows);
  if (untold !== undefined) context.stderr.write(`note: ${untold}\n`);
  finish(context, shown);
  return rows;
}

function finish(context: CliContext, rows: readonly CaptureRow[]): void {
  for (const warning of rows.flatMap(({ warnings }) => warnings)) context.stderr.write(`note: ${warning}\n`);
  const mistakes = rows.flatMap((row) => [...row.failures, ...row.refusals, ...row.mistakes]);
  if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
}

const scriptOf = (rows: readonly CaptureRow[]): string =>
  rows
    .map(({ shard, url, work, failures, refusals, mistakes, warnings }) =>
      [
        `-- ==== shard ${shard} ${url}`,
        ...[...failures, ...refusals, ...mistakes].map((mistake) => `-- MISTAKE: ${mistake}`),
        ...warnings.map((warning) => `-- note: ${warning}`),
        ...(work.length === 0 ? ['-- nothing to do'] : work.map(captureScript)),
        '',
      ].join('\n'),
    )
    .join('\n');

const documentOf = (rows: readonly CaptureRow[]): string => json({ shards: rows.map(asJson) });

async function selected(
  context: CliContext,
  { shard: names }: Options,
): Promise<{ readonly config: Config; readonly only: ReadonlySet<string> | undefined }> {
  const config = await context.loadConfig();
  if (names === undefined) return { config, only: undefined };
  for (const name of names) shardNamed(config, name);
  return { config, only: new Set(names) };
}
