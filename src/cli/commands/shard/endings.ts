// tributary shard retire, split, merge: some shards end for good, others begin behind them.
import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import type { EndOptions, Meant } from './run-ending.ts';

export function registerEndings(shard: Command, context: CliContext): void {
  const all = (command: Command): Command =>
    command
      .option('--cut', 'producers still write: they wait for a moment, and what they write later is left out')
      .option('--wait <duration>', 'how long to wait until what is there is moved', '2m')
      .option('--dry-run', 'tell what would be done, and change nothing')
      .option('--yes', 'do not ask')
      .option('--json', 'one JSON document');
  all(
    shard
      .command('retire')
      .description('ends a shard for good: all of it is moved, then nothing of it any more')
      .argument('<shard>', 'its name, as central knows it')
      .option('--gone', 'its server is gone for good: end it without a look at it'),
  ).action((name: string, options: EndOptions) =>
    run(context, { kind: 'shard-retire', olds: [name], into: [] }, options),
  );
  all(
    shard
      .command('split')
      .description('ends a shard, and begins others behind its last event')
      .argument('<shard>', 'its name, as central knows it')
      .option('--into <shards>', INTO, several)
      .option('--gone', 'its server is gone for good: end it without a look at it'),
  ).action((name: string, { into = [], ...options }: EndOptions & Into) =>
    run(context, { kind: 'shard-split', olds: [name], into }, options),
  );
  all(
    shard
      .command('merge')
      .description('ends several shards, and begins another one behind their last events')
      .argument('<shards...>', 'their names, as central knows them; or one list with commas')
      .option(
        '--into <shard>',
        'the name in the file of the one that their producers write to then',
        several,
      ),
  ).action((olds: string[], { into = [], ...options }: EndOptions & Into) =>
    run(context, { kind: 'shard-merge', olds, into }, options),
  );
}

const INTO =
  'names of the file, with commas, or said for each of them: those that its producers write to then';

interface Into {
  readonly into?: readonly string[];
}

/** An option that may be said several times. */
const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** What it needs is loaded only now: other commands of a shard start quicker. */
async function run(context: CliContext, meant: Meant, options: EndOptions): Promise<void> {
  const { runEnding } = await import('./run-ending.ts');
  await runEnding(context, meant, options);
}
