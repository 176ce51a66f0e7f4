// The file of a service, read again while it runs: by SIGHUP, by `tributary reload`, by `watch: true`, and the rows of its queries.
import type { Config } from '../config/config.ts';
import { complete } from '../fleet/complete.ts';
import { Fleet, type FleetOptions } from '../fleet/fleet.ts';
import { AutoInstall } from '../install/auto-install.ts';
import type { Service } from '../lifecycle/service.ts';
import { logFleet } from '../observability/fleet-log.ts';
import type { CliContext } from './context.ts';

/** A fleet whose file is read as this command read it, and that logs. */
export const following = (
  context: CliContext,
  options: Pick<FleetOptions, 'config' | 'onTaken' | 'refusalsOf'>,
): Fleet =>
  new Fleet({
    ...options,
    load: () => context.readAgain(),
    env: context.env,
    onOccurrence: logFleet(context.log),
  });

/** What installs by itself where the file says so, and logs. */
export const installingFor = ({ live }: Fleet, { log }: CliContext): AutoInstall =>
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
