// The leases of a mover: of the shards that it may move, and of central's upkeep.
import type { Config } from '../config/config.ts';
import { isAny } from '../config/sections/host.ts';
import { LeaseKeeper, type LeaseKeeperOptions } from '../coordination/keeper.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Connection } from '../postgres/connection.ts';
import { shardResource } from '../queue/names.ts';
import { CENTRAL_RESOURCE } from '../upkeep/central-upkeep.ts';

/** @param options the member that holds them, and what follows where one comes or goes. */
export function newShardLeases(
  config: Config,
  options: Pick<LeaseKeeperOptions, 'member' | 'details' | 'onTaken' | 'onRelease' | 'onLost' | 'onTrouble'>,
): LeaseKeeper {
  const resources = [
    // Shards that any machine may move have no home, and are shared by all.
    ...config.shards.map(({ name, moverHost }) => ({
      name: shardResource(name),
      ...(!isAny(moverHost) && { home: moverHost }),
    })),
    { name: CENTRAL_RESOURCE, isApart: true },
  ];
  return new LeaseKeeper({
    ...options,
    open: () => Connection.open(config.central, { applicationName: `tributary lease ${config.name}` }),
    resources: () => resources,
    ttlMs: TIMING.leases.leaseMs,
    adoptAfterMs: config.mover.adoptAfterMs,
  });
}
