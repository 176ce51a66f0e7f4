// tributary scale: sets the number of workers of a central queue over all hosts, while they run.

import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config } from '../../config/config.ts';
import { MOST_WORKERS } from '../../config/sections/handling.ts';
import { scaleQueue } from '../../coordination/scaling.ts';
import { counted } from '../../errors/words.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { requireOne } from './work.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('scale')
    .description('sets the number of workers of a central queue, live; 0 parks it')
    .argument('<queue>', 'the central queue, or one of its groups: orders/billing')
    .argument('[workers]', 'how many, over all hosts')
    .option('--reset', 'back to the number in the file')
    .action(async (queue: string, workers: string | undefined, { reset = false }: { reset?: boolean }) => {
      const config = await context.loadConfig({ queries: 'leave' });
      const wanted = wantedNumber(config, { queue, workers, reset });
      const link = new CentralLink(config, 'scale');
      try {
        await readIdentity(link, config.name);
        context.stdout.write(`${await scale(link, queue, wanted)}\n`);
      } finally {
        await link.close();
      }
    });
}

/** @returns undefined: the file's number. @throws Exit where the command makes no sense. */
function wantedNumber(
  config: Config,
  { queue: name, workers, reset }: { queue: string; workers: string | undefined; reset: boolean },
): number | undefined {
  const queue = requireOne(config, name);
  if (reset === (workers !== undefined)) {
    throw new Exit(
      EXIT.wrong,
      `Say either a number or --reset: \`tributary scale ${name} 4\`, \`tributary scale ${name} --reset\`.`,
    );
  }
  if (workers === undefined) return undefined;
  const wanted = Number(workers);
  if (!/^\d+$/.test(workers) || wanted > MOST_WORKERS) {
    throw new Exit(
      EXIT.wrong,
      `The number of workers is a whole number from 0 to ${MOST_WORKERS}, not ${workers}.`,
    );
  }
  if (queue.lanes !== undefined && wanted > queue.lanes.count)
    throw new Exit(
      EXIT.wrong,
      `Queue ${name} has ${counted(queue.lanes.count, 'lane')} in ${config.file}, and one worker at a time has a lane: more workers than that would have nothing to do.`,
    );
  if (wanted > 1 && queue.apply !== undefined && queue.lanes === undefined)
    throw new Exit(
      EXIT.wrong,
      `Queue ${name} applies changes to tables, by one worker, which keeps them in their order: 0 parks it, 1 lets it go on; for more it needs \`lanes\` in ${config.file}.`,
    );
  if (wanted > 0 && queue.handler === undefined && queue.apply === undefined) {
    throw new Exit(
      EXIT.wrong,
      `Queue ${name} has no \`handler:\` in ${config.file}, so that no worker could do anything.`,
    );
  }
  return wanted;
}

async function scale(link: CentralLink, queue: string, wanted: number | undefined): Promise<string> {
  const { before, now } = await scaleQueue(link, { queue, wanted, operator: operator() });
  const [row] = await link.query<{ hosts: number }>(
    `select count(*)::int as hosts from tributary.member
      where kind = 'work' and until > now() and coalesce(details -> 'serves' ? $1, true)`,
    [queue],
  );
  return [
    `${queue}: ${before?.wanted ?? 0} → ${counted(now, 'worker')}`,
    before === undefined ? '' : `, ${before.fileWanted} in the file`,
    now === 0 ? '; the queue is parked, its events wait' : '',
    now > 0 && row?.hosts === 0 ? '; no host runs `tributary work` or `tributary start` for it now' : '',
    '.',
  ].join('');
}
