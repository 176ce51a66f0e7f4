// tributary install: installs everything that central and the shards need; repeating it does no harm.

import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { parseStart } from '../../config/sections/queues.ts';
import { counted } from '../../errors/words.ts';
import { noteCaptured } from '../../install/capture/logbook.ts';
import { dryRun } from '../../install/dry-run.ts';
import { install } from '../../install/install.ts';
import type { InstallRow } from '../../install/report.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { shardNamed } from '../shard-named.ts';
import { type Column, count, json, table, widthOf } from '../terminal/output.ts';
import { progressOn } from '../terminal/progress.ts';
import { installEngines } from './install/engine-only.ts';

interface Options {
  readonly dryRun?: true;
  readonly engineOnly?: string[];
  readonly shard?: string[];
  readonly start?: string;
  readonly json?: true;
  readonly verbose?: true;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('install')
    .description('puts what is missing into central and the shards; running it again does no harm')
    .option('--dry-run', 'print the SQL and change nothing')
    .option(
      '--engine-only <url...>',
      'put the bundled queue engine alone into these databases; needs no shards.yaml',
    )
    .option('--shard <name...>', 'only these shards, and central')
    .option('--start <where>', 'with --shard: where its new sources begin: oldest, now or "at-consumer NAME"')
    .option('--json', 'one JSON document')
    .option('--verbose', "with --dry-run: also the text of the package's own SQL files")
    .action((options: Options) => {
      if (options.engineOnly !== undefined) return installEngines(context, options.engineOnly, options);
      return options.dryRun ? printDryRun(context, options) : runInstall(context, options);
    });
}

async function runInstall(context: CliContext, options: Options): Promise<void> {
  const { config, only } = selected(await context.loadConfig(), options);
  const total = (only?.size ?? config.shards.length) + 1;
  const progress = progressOn(context.raw.stderr, { total, what: 'installing' });
  const rows = await install(config, {
    only,
    onRow: ({ name, outcome, mistakes }) =>
      progress.step(outcome === 'failed' ? (mistakes[0] ?? name) : undefined, `${name} ${outcome}`),
  });
  progress.end();
  const untold = await noteCaptured(
    config,
    operator(),
    rows.map(({ name, captured = [] }) => ({ shard: name, did: captured })),
  );
  context.stdout.write(
    options.json
      ? json({ databases: rows.map(asJson) })
      : `${table(COLUMNS, rows, { width: widthOf(context.stdout) })}${summary(rows)}\n`,
  );
  const warnings = rows.flatMap((row) => row.warnings);
  for (const warning of untold === undefined ? warnings : [...warnings, untold])
    context.stderr.write(`note: ${warning}\n`);
  // On a terminal each mistake was shown as it came; elsewhere they go under the table.
  if (rows.some(({ outcome }) => outcome === 'failed')) {
    const mistakes = rows.flatMap((row) => row.mistakes);
    throw new Exit(EXIT.failed, mistakes.join('\n'));
  }
}

async function printDryRun(context: CliContext, options: Options): Promise<void> {
  const { config, only } = selected(await context.loadConfig(), options);
  const { rows, script } = await dryRun(config, { only });
  const whole = options.verbose === true;
  if (options.json) context.stdout.write(json({ databases: rows.map(asJson), sql: script({ whole }) }));
  else context.verbatim.write(`${script({ whole })}\n`);
  const mistakes = rows.flatMap((row) => row.mistakes);
  if (mistakes.length > 0) throw new Exit(EXIT.failed, mistakes.join('\n'));
}

/** The file's configuration with `start:` in the entries of the shards that were named. */
function selected(
  config: Config,
  { shard: names, start }: Options,
): { readonly config: Config; readonly only: ReadonlySet<string> | undefined } {
  if (names === undefined) {
    if (start === undefined) return { config, only: undefined };
    throw new Exit(EXIT.wrong, '--start needs --shard: say which shard it is meant for.');
  }
  const only = new Set(names);
  for (const name of only) shardNamed(config, name);
  if (start === undefined) return { config, only };
  const at = parseStart(start);
  if (at === undefined)
    throw new Exit(EXIT.wrong, `--start must be oldest, now or "at-consumer NAME", not ${start}.`);
  const shards = config.shards.map((shard) => (only.has(shard.name) ? { ...shard, start: at } : shard));
  return { config: { ...config, shards }, only };
}

const COLUMNS: readonly Column<InstallRow>[] = [
  { title: 'database', value: ({ name }) => name },
  { title: 'url', value: ({ url }) => url },
  {
    title: 'pgq',
    value: ({ provider, version }) =>
      provider === undefined ? undefined : `${provider} ${version ?? ''}`.trim(),
  },
  { title: 'outcome', value: ({ outcome }) => outcome },
  { title: 'sources', value: ({ name, sources }) => (name === 'central' ? undefined : sources) },
  { title: 'what', value: ({ did, mistakes }) => (mistakes.length > 0 ? 'see below' : summaryOf(did)) },
];

const summaryOf = (did: readonly string[]): string =>
  did.length > 2 ? `${did[0]}, and ${did.length - 1} more` : did.join(', ');

function summary(rows: readonly InstallRow[]): string {
  const of = (outcome: InstallRow['outcome']) => rows.filter((row) => row.outcome === outcome).length;
  const sources = rows.reduce((sum, row) => sum + row.sources, 0);
  return `${counted(rows.length, 'database')}: ${count(of('installed'))} installed, ${count(of('unchanged'))} unchanged, ${count(of('failed'))} failed; ${counted(sources, 'source')} in place.`;
}

/** Stable keys, snake case as everywhere in JSON. */
const asJson = ({ name, url, provider, version, outcome, sources, did, mistakes, warnings }: InstallRow) => ({
  name,
  url,
  provider: provider ?? null,
  version: version ?? null,
  outcome,
  sources,
  did,
  mistakes,
  warnings,
});
