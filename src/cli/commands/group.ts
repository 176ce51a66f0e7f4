// tributary group: ends a group of a central queue that the file does not name any more.
import type { Command } from 'commander';
import type { CentralLink } from '../../central/central-link.ts';
import { readGroupNames } from '../../central/groups.ts';
import { dropGroup, type QueueRest, readQueueRest } from '../../central/succession/drop-group.ts';
import type { Config } from '../../config/config.ts';
import { nearest } from '../../config/nearest.ts';
import { workedIn } from '../../config/worked.ts';
import { counted } from '../../errors/words.ts';
import { groupName } from '../../queue/names.ts';
import type { CliContext } from '../context.ts';
import { EXIT, Exit } from '../exit.ts';
import { operator } from '../operator.ts';
import { mustConfirm } from '../terminal/confirm.ts';
import { json } from '../terminal/output.ts';
import { withCentral } from './shard/with-central.ts';

interface RemoveOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

export function register(program: Command, context: CliContext): void {
  program
    .command('group')
    .description('the end of a group of a central queue')
    .command('remove')
    .description(
      'ends a group that the file does not name any more, with what waits for it; all other groups go on',
    )
    .argument('<group>', 'such as orders/billing; orders: the group that the queue had before it had several')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--yes', 'do not ask')
    .option('--json', 'one JSON document')
    .action((name: string, options: RemoveOptions) => remove(context, name, options));
}

async function remove(context: CliContext, name: string, options: RemoveOptions): Promise<void> {
  const config = await context.loadConfig({ queries: 'leave' });
  const { stdout } = context;
  if (workedIn(config).some((one) => one.name === name))
    throw new Exit(
      EXIT.wrong,
      `${config.file} has ${name}: take it out first, and let all hosts read the file again (\`tributary reload\`).`,
    );
  await withCentral(config, async (link) => {
    const rest = await restOf(link, config, name);
    const plan = `Group ${name} ends: ${counted(rest.waiting, 'event')} wait for it and are not handled by it any more, ${rest.retrying.toLocaleString('en-US')} to be tried again. The events stay for the other groups of the queue, and ${counted(rest.dead, 'dead event')} of it stay. This cannot be undone.`;
    if (options.dryRun) {
      stdout.write(options.json ? json({ group: name, ...shown(rest), done: false }) : `${plan}\n`);
      return;
    }
    if (options.yes !== true)
      await mustConfirm(context, { sentence: plan, question: 'Shall I do it?', verb: 'do it' });
    const what = `removed group ${name}, for which ${counted(rest.waiting, 'event')} waited.`;
    await dropGroup(
      link,
      {
        ...consumerOf(config, name),
        ...{ name, isForced: true },
        note: { kind: 'group-remove', queues: [name], what },
      },
      operator(),
    );
    stdout.write(
      options.json ? json({ group: name, ...shown(rest), done: true }) : `Group ${name} is removed.\n`,
    );
  });
}

/** What would be lost. @throws Exit where there is no such group, or somebody works it. */
async function restOf(link: CentralLink, config: Config, name: string): Promise<QueueRest> {
  const names = await readGroupNames(link, groupName(config));
  if (!names.includes(name)) {
    const meant = nearest(name, names);
    throw new Exit(
      EXIT.wrong,
      `Central has no group ${name}: ${meant === undefined ? `it has ${names.join(', ')}.` : `did you mean ${meant}?`}`,
    );
  }
  const rest = await readQueueRest(link, { name, group: groupName(config) });
  if (rest.running > 0)
    throw new Exit(
      EXIT.failed,
      `${counted(rest.running, 'worker')} still ${rest.running === 1 ? 'runs' : 'run'} for ${name}, on hosts with another file: give them this one, and let them read it (\`tributary reload\`).`,
    );
  return rest;
}

/** A queue of the file may have a slash in its own name. */
function consumerOf(config: Config, name: string): { readonly queue: string; readonly group: string } {
  const isQueue = config.queues.some((queue) => queue.name === name);
  const at = isQueue ? -1 : name.lastIndexOf('/');
  return at === -1
    ? { queue: name, group: groupName(config) }
    : { queue: name.slice(0, at), group: groupName(config, name.slice(at + 1)) };
}

const shown = ({ waiting, retrying, dead }: QueueRest) => ({ waiting, retrying, dead });
