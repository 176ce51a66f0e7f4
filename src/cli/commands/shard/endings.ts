// tributary shard retire, split, merge: some shards end for good, others begin behind them.
import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { EXIT, Exit } from '../../exit.ts';
import { type EndOptions, runEnding } from './run-ending.ts';

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
    runEnding(context, { kind: 'shard-retire', olds: [name], into: [] }, options),
  );
  all(
    shard
      .command('split')
      .description('ends a shard, and begins others behind its last event')
      .argument('<shard>', 'its name, as central knows it')
      .option('--into <shards>', 'names of the file, with commas: those that its producers write to then')
      .option('--gone', 'its server is gone for good: end it without a look at it'),
  ).action(async (name: string, options: EndOptions & { into?: string }) =>
    runEnding(context, { kind: 'shard-split', olds: [name], into: namesIn(options.into) }, options),
  );
  all(
    shard
      .command('merge')
      .description('ends several shards, and begins another one behind their last events')
      .argument('<shards>', 'their names, with commas, as central knows them')
      .option('--into <shard>', 'the name in the file of the one that their producers write to then'),
  ).action(async (names: string, { into, ...options }: EndOptions & { into?: string }) => {
    const [target, ...others] = namesIn(into);
    if (target === undefined || others.length > 0)
      throw new Exit(
        EXIT.wrong,
        `Say with --into which one shard of the file takes their place${into === undefined ? '' : `, not \`${into}\``}.`,
      );
    await runEnding(context, { kind: 'shard-merge', olds: namesIn(names), into: [target] }, options);
  });
}

/** Names with commas between them, each once; none where nothing was said. */
const namesIn = (list = ''): string[] => [
  ...new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ),
];
