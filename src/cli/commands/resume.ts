// tributary resume: ends a pause. A halted source is refused: only `repair` may activate it again.

import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { type PausableSource, resumeSources, type Selection } from '../../central/pause.ts';
import { shellWord } from '../../errors/shell-word.ts';
import { counted } from '../../errors/words.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { sourcesText } from './pause.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('resume')
    .description('lets a paused source, shard, queue, or all go on')
    .option('--shard <shard>', 'only this shard')
    .option('--queue <queue>', 'only this source queue, or all that flows into this central queue')
    .option('--reason <text>', 'why, for people and the log')
    .action(async ({ reason, ...selection }: Selection & { readonly reason?: string }) => {
      const config = await context.loadConfig({ queries: 'try' });
      const link = new CentralLink(config, 'resume');
      try {
        const { meant, changed } = await resumeSources(link, { config, selection, operator: operator() });
        const halted = meant.filter(({ haltReason }) => haltReason !== undefined);
        const before = meant.length - changed.length - halted.length;
        const rest = before === 0 ? '' : `; ${counted(before, 'was', 'were')} not paused`;
        const why = reason === undefined ? '' : ` (${reason})`;
        context.stdout.write(`Resumed ${sourcesText(changed.length)}${why}${rest}.\n`);
        if (halted.length > 0) throw new Exit(EXIT.failed, halted.map(refusal).join('\n'));
      } finally {
        await link.close();
      }
    });
}

function refusal({ shard, queue, haltReason = '' }: PausableSource): string {
  const repair = `tributary repair ${shellWord(`${shard}:${queue}`)}`;
  const way = haltReason.includes(repair) ? '' : ` \`${repair} --dry-run\` shows the ways on.`;
  return `Source ${shard}:${queue} is halted and cannot be resumed: ${haltReason.replace(/^Source \S+ is halted: /, '')}${way}`;
}
