// What all shards of one mover share.
import type { CentralLink } from '../central/central-link.ts';
import type { Halt } from '../central/positions.ts';
import type { Config } from '../config/config.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { Watchdog } from '../lifecycle/watchdog.ts';
import { moverSessions } from '../shards/mover-sessions.ts';
import { Condemner } from './condemn.ts';
import type { Gatherer } from './gather/gatherer.ts';
import { MemoryBudget } from './limits/memory-budget.ts';
import { RoundLimit } from './limits/round-limit.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import { OlderCentral } from './older-central.ts';
import { ShardReports } from './shard/shard-reports.ts';
import type { Led } from './source/destinations.ts';
import type { Source } from './source/source.ts';

export interface MoverContext {
  /** Always the newest one. */
  readonly config: Config;
  /** Our name as a consumer on the shards. */
  readonly consumer: string;
  /** What our sessions on the shards are called. */
  readonly sessions: string;
  readonly watchdog: Watchdog;
  readonly budget: MemoryBudget;
  readonly roundLimit: RoundLimit;
  readonly condemner: Condemner;
  readonly reports: ShardReports;
  readonly onOccurrence: OnMoverOccurrence;
  /** For short queries; a new link after the last one was given up. */
  central(): CentralLink;
  gathererOf(source: Led): Gatherer;
  /** Halts a source on central, in the background, and at once in memory. */
  halt(source: Source, why: Halt): void;
  /** Queues of the file have no source on this shard yet, as central knows it. */
  onMissing(shard: string): void;
  /** The file leads to a database that this shard has left. */
  onLeft(shard: string): void;
}

/** The rest of `mover.memory` is for events that are done and not yet collected as garbage. */
const POOL_SHARE = 0.75;
/** More shards asked at once only make each answer later: the servers of one host share its cores. */
const ROUNDS_AT_ONCE = 16;

type Given =
  | ('config' | 'consumer' | 'watchdog' | 'onOccurrence' | 'central')
  | ('gathererOf' | 'halt' | 'onMissing' | 'onLeft');

/** What the file gives the memory budget: all bytes, and the largest window. */
export const bytesOf = ({ mover: { memoryBytes, wholeBytes } }: Config): [number, number] => [
  memoryBytes * POOL_SHARE,
  wholeBytes,
];

/** The context from what a mover gives, with the limits that the file sets for all its shards together. */
export function newContext({
  member,
  ...given
}: Pick<MoverContext, Given> & { readonly member: string }): MoverContext {
  const { config, halt } = given;
  const older = new OlderCentral(given);
  const onOccurrence: OnMoverOccurrence = (occurrence) => {
    given.onOccurrence(occurrence);
    if (occurrence.kind === 'central-older') older.found(occurrence);
  };
  return {
    ...given,
    sessions: moverSessions(config.name, member),
    onOccurrence,
    budget: new MemoryBudget(...bytesOf(config)),
    reports: new ShardReports(),
    roundLimit: new RoundLimit({ limit: ROUNDS_AT_ONCE, patienceMs: TIMING.shard.roundPatienceMs }),
    condemner: new Condemner({
      config,
      halt: (source, reason) => halt(source, { code: 'poison', reason }),
      onOccurrence,
    }),
  };
}
