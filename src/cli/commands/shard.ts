// tributary shard: the life of a shard, one file per command in shard/.
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { registerDrain } from './shard/drain.ts';
import { registerEndings } from './shard/endings.ts';
import { registerMove } from './shard/move.ts';
import { registerRename } from './shard/rename.ts';

export function register(program: Command, context: CliContext): void {
  const shard = program
    .command('shard')
    .description('the life of a shard: its name, its server, its end, and what takes its place');
  registerDrain(shard, context);
  registerEndings(shard, context);
  registerMove(shard, context);
  registerRename(shard, context);
}
