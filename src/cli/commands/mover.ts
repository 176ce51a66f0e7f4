// tributary mover: moves the shards of one host until it is stopped.

import { hostname } from 'node:os';
import type { Command } from 'commander';
import { chooseHost } from '../../config/sections/host.ts';
import { counted } from '../../errors/words.ts';
import { packageVersion } from '../../lifecycle/package-root.ts';
import { Mover } from '../../mover/mover.ts';
import { logMover } from '../../observability/mover-log.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { tellMember } from './start/member-word.ts';

export function register(program: Command, context: CliContext): void {
  program
    .command('mover')
    .description('moves the shards of this host until SIGTERM')
    .option('--host <name>', 'the host whose shards are moved; default: the name of this machine')
    .action(async ({ host }: { host?: string }) => {
      const config = await context.loadConfig();
      const choice = chooseHost(config, host, hostname());
      if (choice.problem !== undefined) throw new Exit(EXIT.wrong, choice.problem);
      const mover = new Mover({
        config,
        host: choice.host,
        version: packageVersion(),
        onOccurrence: logMover(context.log),
      });
      context.signal.addEventListener('abort', () => void mover.stop(), { once: true });
      if (context.signal.aborted) return;
      context.log.info(
        {
          shards: choice.shards.length,
          installation: config.name,
          host: choice.host,
          version: packageVersion(),
        },
        `moving ${counted(choice.shards.length, 'shard')} of host ${choice.host}`,
      );
      tellMember(mover.memberId);
      await mover.run();
      context.log.info('stopped: all that was read has been committed');
    });
}
