// tributary lag: how far every source and every central queue is behind, and why.
import { type Command, Option } from 'commander';
import { BadUnit, formatDuration, parseDuration } from '../config/units.ts';
import { LagReader } from '../observability/lag.ts';
import {
  centralExceeds,
  DEFAULT_MAX_SECONDS,
  exceeds,
  type LagReport,
  lagJson,
} from '../observability/lag-report.ts';
import type { CliContext } from './context.ts';
import { EXIT, Exit } from './exit.ts';
import { type Grouping, lagText } from './lag-table.ts';
import { watchLag } from './lag-watch.ts';
import { json, widthOf } from './output.ts';

interface Options {
  readonly by?: Grouping;
  readonly json?: true;
  readonly live?: true;
  readonly max?: string;
  readonly watch?: true;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('lag')
    .description('central queues and the sources that are not healthy: how far behind, and why')
    .addOption(
      new Option('--by <what>', 'all sources, one by one or summed up').choices(['shard', 'queue', 'source']),
    )
    .option('--json', 'one JSON document with all sources; with --watch one line each second')
    .option('--live', 'ask every shard now, not only those whose figures are older than 10 s')
    .option('--max <duration>', 'exit with 3 where anything is further behind than this, or does not move')
    .option('--watch', 'again each second, until stopped')
    .action(async (options: Options) => {
      const maxMs = options.max === undefined ? undefined : durationOf(options.max);
      const config = await context.loadConfig();
      const reader = new LagReader(config);
      try {
        const report = options.watch
          ? await watchLag(reader, {
              ...viewOf(options, maxMs, context),
              live: options.live === true,
              context,
            })
          : await reader.read({ live: options.live === true });
        if (!options.watch) context.stdout.write(viewOf(options, maxMs, context).show(report as LagReport));
        if (maxMs !== undefined && report !== undefined) judge(report, maxMs);
      } finally {
        await reader.close();
      }
    });
}

function viewOf(
  { by, json: asJson, watch }: Options,
  maxMs: number | undefined,
  { stdout }: CliContext,
): { readonly isJson: boolean; show(report: LagReport): string } {
  const maxSeconds = maxMs === undefined ? DEFAULT_MAX_SECONDS : maxMs / 1000;
  return {
    isJson: asJson === true,
    show: (report) => {
      if (asJson) return watch ? `${JSON.stringify(lagJson(report))}\n` : json(lagJson(report));
      return lagText(report, { by, maxSeconds, width: widthOf(stdout) });
    },
  };
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof BadUnit) throw new Exit(EXIT.wrong, `--max ${error.message}.`);
    throw error;
  }
}

/** @throws Exit 3 with the names of those that are further behind, or do not move. */
function judge({ central, sources }: LagReport, maxMs: number): void {
  const late = [
    ...central
      .filter((one) => centralExceeds(one, maxMs / 1000))
      .map(({ queue }) => `central queue ${queue}`),
    ...sources.filter((one) => exceeds(one, maxMs / 1000)).map(({ shard, queue }) => `${shard}:${queue}`),
  ];
  if (late.length === 0) return;
  const named = late.slice(0, 5).join(', ');
  const more = late.length > 5 ? ` and ${late.length - 5} more` : '';
  throw new Exit(
    EXIT.unhealthy,
    `Further behind than ${formatDuration(maxMs)}, or not moving: ${named}${more}.`,
  );
}
