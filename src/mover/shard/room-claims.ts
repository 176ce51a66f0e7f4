// What the shards of this mover have for a central queue that has a limit, and which of them may go on.
import type { OwnClaims } from '../limits/admission.ts';
import { destinationsOf } from '../source/destinations.ts';
import type { ShardLoop } from './shard-loop.ts';

/** Of a source with routes all that waits counts for each of its queues: which events go where is known once they are read. */
export function claimsFor(queue: string, loops: readonly ShardLoop[]): OwnClaims {
  const shards = new Map<string, number>();
  let underWay = 0;
  for (const loop of loops) {
    for (const source of loop.sources) {
      if (!destinationsOf(source).includes(queue)) continue;
      const { events } = source.underWay;
      underWay += events;
      const { eventsBehind = 0 } = source.figures;
      const isMoving = loop.trouble === undefined && (source.isReadAlone || source.canMove());
      const wants = isMoving ? eventsBehind - events : 0;
      shards.set(loop.shard.name, (shards.get(loop.shard.name) ?? 0) + Math.max(0, wants));
    }
  }
  return { shards, underWay };
}
