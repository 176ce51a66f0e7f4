// tributary pause: stops reading a source, a shard, a queue, or all, until `resume`.

import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { alsoFed, pauseSources, type Selection } from '../../central/pause.ts';
import { counted } from '../../errors/words.ts';
import type { CliContext } from '../context.ts';
import { operator } from '../operator.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('pause')
    .description('stops moving a source, a shard, a queue, or all; nothing is lost, the events wait')
    .option('--shard <shard>', 'only this shard')
    .option('--queue <queue>', 'only this source queue, or all that flows into this central queue')
    .option('--reason <text>', 'why, shown by `lag`')
    .action(async ({ reason, ...selection }: Selection & { readonly reason?: string }) => {
      const config = await context.loadConfig({ queries: 'try' });
      const link = new CentralLink(config, 'pause');
      try {
        const { meant, changed } = await pauseSources(link, {
          config,
          selection,
          reason,
          operator: operator(),
        });
        const before = meant.length - changed.length;
        const rest = before === 0 ? '' : `; ${counted(before, 'was', 'were')} paused before`;
        const others = alsoFed(meant, selection.queue);
        const also =
          others.length === 0
            ? ''
            : ` They feed ${others.join(', ')} as well, which gets nothing from them now.`;
        context.stdout.write(`Paused ${sourcesText(changed.length)}${rest}.${also}\n`);
      } finally {
        await link.close();
      }
    });
}

export const sourcesText = (number: number): string => counted(number, 'source');
