// tributary reload: lets all hosts read their files again, or replaces their workers by new processes, so that new handler code
// goes live without a gap; says when it has.

import type { Command } from 'commander';
import { CentralLink } from '../../central/central-link.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config } from '../../config/config.ts';
import { workedIn } from '../../config/worked.ts';
import { installFileNumber } from '../../coordination/scaling.ts';
import { readWantedWorkers } from '../../coordination/worker-pool.ts';
import { counted } from '../../errors/words.ts';
import { readKnownSources, wantedSources } from '../../install/facts/sources.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { CliContext } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { changeLanes } from './reload/lanes.ts';
import { rereadFiles } from './reload/members.ts';
import { renewWorkers } from './reload/workers.ts';
import { queuesToWork } from './work.ts';

interface Options {
  readonly workers?: boolean;
  readonly queue?: string[];
  readonly wait: string;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('reload')
    .description('lets all hosts read their files again, without a gap; with --workers: new handler code')
    .option('--workers', 'replaces the workers of all hosts by new processes instead, one slot at a time')
    .option('--queue <name...>', 'with --workers: only those of these central queues, or groups of them')
    .option('--wait <duration>', 'how long to wait until all have done it', '2m')
    .action(async ({ workers = false, queue, wait: patience }: Options) => {
      const patienceMs = durationOption('--wait', patience);
      if (!workers && queue !== undefined)
        throw new Exit(EXIT.wrong, '--queue goes with --workers: the file is read again for all queues.');
      const config = await context.loadConfig({ queries: workers ? 'leave' : 'ask' });
      const queues = workers ? queuesToWork(config, queue) : [];
      const link = new CentralLink(config, 'reload');
      try {
        await readIdentity(link, config.name);
        const isDone = workers
          ? await renewWorkers(link, queues, { context, patienceMs })
          : await reload(link, config, { context, patienceMs });
        if (!isDone) throw new Exit(EXIT.failed);
      } finally {
        await link.close();
      }
    });
}

/** The numbers of workers and lanes first: they are central's, and the file at hand is the one that is meant. */
async function reload(
  link: CentralLink,
  config: Config,
  how: { readonly context: CliContext; readonly patienceMs: number },
): Promise<boolean> {
  const pools = await link.use(readWantedWorkers);
  for (const { name, workers } of workedIn(config)) {
    const installed = pools.find(({ queue }) => queue === name);
    if (installed === undefined || installed.fileWanted === workers) continue;
    const { now } = await installFileNumber(link, { queue: name, wanted: workers, operator: operator() });
    how.context.stdout.write(
      `${name}: ${installed.wanted} → ${counted(now, 'worker')} wanted over all hosts.\n`,
    );
  }
  const hasLanes = await changeLanes(link, config, how.context);
  const isDone = await rereadFiles(link, config, how);
  if (config.install === 'by-hand') {
    const groups = workedIn(config).flatMap(({ name, group }) =>
      group === undefined || pools.some(({ queue }) => queue === name) ? [] : [name],
    );
    const missing = [...groups, ...(await link.use((central) => notInstalled(central, config)))];
    if (missing.length > 0)
      how.context.stdout.write(
        `Not installed yet: ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}. \`tributary install\` does it, or say \`install: auto\` in the file.\n`,
      );
  }
  return isDone && hasLanes;
}

/** Sources that the file asks for and central does not know. */
async function notInstalled(central: Connection, config: Config): Promise<string[]> {
  const known = new Set((await readKnownSources(central)).map(({ shard, queue }) => `${shard}:${queue}`));
  return config.shards.flatMap((shard) =>
    wantedSources(config, shard)
      .map(({ queue }) => `${shard.name}:${queue}`)
      .filter((source) => !known.has(source)),
  );
}
