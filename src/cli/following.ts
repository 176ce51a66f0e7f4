// The file of a service, read again while it runs: by SIGHUP, by `tributary reload`, by `watch: true`, and the rows of its queries.
import type { Config } from '../config/config.ts';
import { complete } from '../fleet/complete.ts';
import { Fleet, type FleetOptions } from '../fleet/fleet.ts';
import type { FleetOccurrence } from '../fleet/occurrence.ts';
import { AutoInstall } from '../install/auto-install.ts';
import type { Service } from '../lifecycle/service.ts';
import { logFleet } from '../observability/fleet-log.ts';
import type { CliContext, ServiceContext } from './context.ts';

interface FollowingOptions extends Pick<FleetOptions, 'config' | 'onTaken' | 'refusalsOf'> {
  /** A mover beside it says what concerns shards alone, so that nothing is logged twice. */
  readonly hasMover?: boolean;
}

/** A fleet whose file is read as this command read it, and that logs. */
export function following(
  context: ServiceContext,
  { hasMover = false, ...options }: FollowingOptions,
): Fleet {
  const log = logFleet(context.log);
  return new Fleet({
    ...options,
    load: () => context.readAgain(),
    env: context.env,
    onOccurrence: (occurrence) => {
      if (!hasMover || !isOfShards(occurrence)) log(occurrence);
    },
  });
}

function isOfShards(occurrence: FleetOccurrence): boolean {
  if (occurrence.kind === 'file-refused') return false;
  if (occurrence.kind !== 'file-taken') return true;
  const { shards, queues, others } = occurrence.changes;
  const rest = others.length + [queues.added, queues.removed, queues.changed].flat().length;
  return rest === 0 && [shards.added, shards.removed, shards.changed].flat().length > 0;
}

/** What installs by itself where the file says so, and logs. */
export const installingFor = ({ live }: Fleet, { log }: ServiceContext): AutoInstall =>
  new AutoInstall({ config: live, onOccurrence: logFleet(log) });

/** Which shards there are now, to find out which of them are this machine's; what goes wrong with a query the fleet says. */
export async function withShards(config: Config, { env }: CliContext): Promise<Config> {
  return config.shardQueries.length === 0 ? config : (await complete(config, env)).config;
}

/** Runs `work`, and these services until it has ended. */
export async function whileRunning(services: readonly Service[], work: () => Promise<void>): Promise<void> {
  const running = services.map((service) => service.run());
  try {
    await work();
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await Promise.all(running);
  }
}
