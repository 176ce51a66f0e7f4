// tributary demo: shards, central, mover and workers on an embedded PostgreSQL, with accidents, and a proof from the databases.
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { DEFAULTS, type RawOptions, readOptions } from '../demo/options.ts';
import { runDemo } from '../demo/run.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('demo')
    .description('shows the whole thing on a PostgreSQL of its own, kills parts of it, and proves the result')
    .option('--shards <number>', 'how many shards', DEFAULTS.shards)
    .option('--rate <number>', 'events a second, over all shards', DEFAULTS.rate)
    .option('--for <duration>', 'how long events are produced', DEFAULTS.for)
    .option(
      '--http [address]',
      'serve the dashboard there, such as :7717, and say its address; default: a free port',
    )
    .option('--keep', 'leave everything running after the proof, until Ctrl-C')
    .action((options: RawOptions) => runDemo(readOptions(options), context));
}
