// tributary shard move: lets a shard go on at another server with the same data.
import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import type { MoveRunOptions } from './run-move.ts';

export function registerMove(shard: Command, context: CliContext): void {
  shard
    .command('move')
    .description('lets a shard go on at another server with the same data: dumped and restored, or promoted')
    .argument('<shard>', 'its name in the file')
    .option('--to <url>', 'its database on the other server; user and password are those of the file')
    .option('--from <url>', 'its database until now, where the file has the new one already')
    .option('--gone', 'the server until now is gone for good: go on without a look at it')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document')
    // What it needs is loaded only then: other commands of a shard start quicker.
    .action(async (name: string, options: MoveRunOptions) => {
      const { runMove } = await import('./run-move.ts');
      await runMove(context, name, options);
    });
}
