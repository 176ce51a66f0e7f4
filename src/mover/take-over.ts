// A running mover takes the next configuration over: only what is different in it is touched.
//
// Order: gatherers of new queues are there before any loop may read for them; those of queues that are gone end once no loop
// has anything for them. Shards that come or go do so with their leases.
import { isDeepStrictEqual } from 'node:util';
import type { Changes } from '../config/changes.ts';
import type { Config, Shard } from '../config/config.ts';
import type { CentralDuties } from '../duties/central-duties.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { ServiceSet, WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import { shardResource } from '../queue/names.ts';
import { CENTRAL_RESOURCE } from '../upkeep/central-upkeep.ts';
import { bytesOf, type MoverContext } from './context.ts';
import { Gatherer } from './gather/gatherer.ts';
import type { Gatherers } from './gather/gatherers.ts';
import { ShardLoop } from './shard/shard-loop.ts';
import { gathererOf, gatherersOf, type Led } from './source/destinations.ts';

/** @throws where the file has just lost the queue: what was read for it is read again where it comes back. */
export function gathererIn(own: ServiceSet<WatchedService>, source: Led): Gatherer {
  const gatherer = own.get(gathererOf(source));
  if (gatherer instanceof Gatherer) return gatherer;
  throw new TributaryError(`Central queue ${source.centralQueue} is not in the file any more.`, {
    code: 'abandoned',
    kind: 'retryable',
  });
}

export interface RunningParts {
  readonly context: Pick<MoverContext, 'budget'>;
  readonly leased: ServiceSet<ShardLoop | CentralDuties>;
  readonly own: ServiceSet<WatchedService>;
  readonly gatherers: Gatherers;
  /** Whether the file that counts now wants the gatherer of this name. */
  readonly isWanted: (name: string) => boolean;
  readonly signal: AbortSignal;
}

/** Before `after` counts: a gatherer that is still ending takes no parcels of a queue that comes back. */
export async function makeReady(parts: RunningParts, after: Config): Promise<void> {
  const names = [...gatherersOf(after).keys()].filter((name) => parts.own.isLeaving(name));
  await Promise.all(names.map((name) => parts.own.end(name)));
}

/** `after` counts already. */
export function takeOver(
  parts: RunningParts,
  { before, after, changes }: { readonly before: Config; readonly after: Config; readonly changes: Changes },
): void {
  const { context, gatherers, leased, own } = parts;
  context.budget.resize(...bytesOf(after));
  gatherers.limitAnew();
  const [had, wanted] = [before, after].map((config) => [...gatherersOf(config).keys()]) as [
    string[],
    string[],
  ];
  for (const name of wanted) if (!had.includes(name)) own.begin(name);
  const was = new Map(before.shards.map((shard) => [shard.name, shard]));
  for (const shard of after.shards) {
    const known = was.get(shard.name);
    if (known !== undefined && !isReachedAlike(known, shard)) leased.restart(shardResource(shard.name));
  }
  if (changes.hasOtherDuties) leased.restart(CENTRAL_RESOURCE);
  const { added, removed, changed } = changes.queues;
  if (added.length + removed.length + changed.length === 0 && !changes.others.includes('routes')) return;
  for (const loop of leased.services) if (loop instanceof ShardLoop) loop.reread();
  for (const name of had) if (!wanted.includes(name)) void retire(parts, name);
}

/** Whether two entries lead to the same database in the same way; where its mover runs is a matter of leases. */
function isReachedAlike(one: Shard, other: Shard): boolean {
  const { moverHost: _host, start: _start, ...way } = one;
  const { moverHost: _otherHost, start: _otherStart, ...otherWay } = other;
  return isDeepStrictEqual(way, otherWay);
}

async function retire({ own, leased, gatherers, isWanted, signal }: RunningParts, name: string) {
  const feeds = (loop: ShardLoop | CentralDuties) => loop instanceof ShardLoop && loop.feeds(name);
  while (leased.all.some(feeds) && !isWanted(name) && !signal.aborted)
    await wait(TIMING.reports.lookEveryMs, signal);
  // It came back meanwhile, or the mover stops, which ends its gatherers in their turn.
  if (isWanted(name) || signal.aborted) return;
  await own.end(name);
  if (!isWanted(name)) gatherers.forget(name);
}
