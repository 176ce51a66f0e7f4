// What a mover may hold by leases: the shards that it may move, and central's upkeep.
import type { Config } from '../config/config.ts';
import { isAny } from '../config/sections/host.ts';
import { LeaseKeeper, type LeaseKeeperOptions } from '../coordination/keeper.ts';
import { CentralDuties } from '../duties/central-duties.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Connection } from '../postgres/connection.ts';
import { shardResource } from '../queue/names.ts';
import { CENTRAL_RESOURCE } from '../upkeep/central-upkeep.ts';
import type { OnMoverOccurrence } from './occurrence.ts';

/** @param config always the newest one. @param options the member that holds them, and what follows where one comes or goes. */
export function newShardLeases(
  config: Config,
  options: Pick<
    LeaseKeeperOptions,
    'member' | 'details' | 'onAnswer' | 'onTaken' | 'onRelease' | 'onLost' | 'onTrouble'
  >,
): LeaseKeeper {
  return new LeaseKeeper({
    ...options,
    open: () => Connection.open(config.central, { applicationName: `tributary lease ${config.name}` }),
    resources: () => [
      // Shards that any machine may move have no home, and are shared by all.
      ...config.shards.map(({ name, moverHost }) => ({
        name: shardResource(name),
        ...(!isAny(moverHost) && { home: moverHost }),
      })),
      { name: CENTRAL_RESOURCE, isApart: true },
    ],
    ttlMs: TIMING.leases.leaseMs,
    adoptAfterMs: () => config.mover.adoptAfterMs,
  });
}

/** @param config as it is now: they are begun anew where the queues or the schedules are others. */
export const newDuties = (config: Config, onOccurrence: OnMoverOccurrence): CentralDuties =>
  new CentralDuties(config, {
    onTrouble: (what, error) => onOccurrence({ kind: 'upkeep-trouble', database: 'central', what, error }),
    onRotation: (queue, detail) =>
      onOccurrence({ kind: 'upkeep', database: 'central', what: `rotation of ${queue}`, detail }),
  });
