// tributary lag: how far every source and every central queue is behind, and why.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../../config/config.ts';
import { formatDuration } from '../../config/units.ts';
import { plain } from '../../lifecycle/plain.ts';
import { sessionsThatHold } from '../../observability/doctor/doctor.ts';
import { LagReader } from '../../observability/lag/reader.ts';
import {
  centralExcesses,
  DEFAULT_MAX_SECONDS,
  exceeds,
  isLate,
  type LagLimits,
  type LagReport,
  lagJson,
} from '../../observability/lag/report.ts';
import type { CliContext } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT, Exit } from '../exit.ts';
import { wrapped } from '../terminal/fit.ts';
import { type Grouping, lagText } from '../terminal/lag-table.ts';
import { json, jsonLine, widthOf } from '../terminal/output.ts';
import { watchLag } from './lag/watch.ts';

interface Options {
  readonly by?: Grouping;
  readonly json?: true;
  readonly live?: true;
  readonly max?: string;
  readonly maxDead?: number;
  readonly maxRetrying?: number;
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
    .option('--live', 'ask every shard now, not only those whose figures are older than 5 s')
    .option(
      '--max <duration>',
      'exit with 3 where anything is further behind than this, does not move, or fails',
    )
    .option(
      '--max-dead <n>',
      'exit with 3 where a central queue has more dead events, or as --max does',
      amount,
    )
    .option(
      '--max-retrying <n>',
      'exit with 3 where more events of a central queue wait to be tried again, or as --max does',
      amount,
    )
    .option('--watch', 'again each second, until stopped')
    .action(async (options: Options) => {
      const maxMs = options.max === undefined ? undefined : durationOption('--max', options.max);
      const config = await context.loadConfig({ queries: 'try' });
      const reader = new LagReader(config);
      try {
        const report = options.watch
          ? await watchLag(reader, {
              ...viewOf(options, maxMs, context),
              live: options.live === true,
              context,
            })
          : await reader.read({ live: options.live === true });
        if (!options.watch && report !== undefined) {
          context.stdout.write(viewOf(options, maxMs, context).show(report));
          if (!options.json) context.stdout.write(await heldText(config, report, widthOf(context.stdout)));
        }
        const { maxDead, maxRetrying } = options;
        const isJudged = maxMs !== undefined || maxDead !== undefined || maxRetrying !== undefined;
        if (isJudged && report !== undefined) judgeLimits(report, { maxMs, maxDead, maxRetrying });
      } finally {
        await reader.close();
      }
    });
}

/** Causes that somebody's lock or transaction may be behind. */
const MAY_BE_HELD = [
  'shard-silent',
  'shard-away',
  'source-fails',
  'no-ticker',
  'central-refuses',
  'mover-silent',
];
/** Shards that are asked who holds them up. */
const MOST_ASKED = 16;

/** Who holds a lock or a snapshot where sources are late or do not move; empty where none is, or all is well. */
async function heldText(config: Config, { sources }: LagReport, width: number | undefined): Promise<string> {
  const held = new Set(
    sources
      .filter(
        (one) => MAY_BE_HELD.includes(one.why?.cause ?? '') || isLate(one.secondsBehind, DEFAULT_MAX_SECONDS),
      )
      .map(({ shard }) => shard),
  );
  if (held.size === 0) return '';
  const shards = config.shards.filter(({ name }) => held.has(name)).slice(0, MOST_ASKED);
  const found = await sessionsThatHold(config, shards);
  return found.map(({ sentence }) => `${wrapped(plain(sentence), width)}\n`).join('');
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
      if (asJson) return watch ? jsonLine(lagJson(report)) : json(lagJson(report));
      return lagText(report, { by, maxSeconds, width: widthOf(stdout) });
    },
  };
}

function amount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number such as 0.');
}

/** @throws Exit 3 with the names of those that exceed a limit, do not move, or fail. */
function judgeLimits(
  { central, sources }: LagReport,
  { maxMs, ...limits }: Omit<LagLimits, 'maxSeconds'> & { readonly maxMs: number | undefined },
): void {
  const all: LagLimits = { ...limits, maxSeconds: maxMs === undefined ? undefined : maxMs / 1000 };
  const excesses = [
    ...central.flatMap((one) => centralExcesses(one, all)),
    ...sources.filter((one) => exceeds(one, all)).map(({ shard, queue }) => `${shard}:${queue}`),
  ];
  if (excesses.length === 0) return;
  const named = excesses.slice(0, 5).join(', ');
  const more = excesses.length > 5 ? ` and ${excesses.length - 5} more` : '';
  const limit = maxMs === undefined ? 'Over a limit' : `Further behind than ${formatDuration(maxMs)}`;
  throw new Exit(EXIT.unhealthy, `${limit}, not moving, or failing: ${named}${more}.`);
}
