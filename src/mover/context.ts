// What all shards of one mover share.
import type { CentralLink } from '../central/central-link.ts';
import type { Config } from '../config/config.ts';
import type { Watchdog } from '../lifecycle/watchdog.ts';
import type { Condemner } from './condemn.ts';
import type { Gatherer } from './gather/gatherer.ts';
import type { MemoryBudget } from './limits/memory-budget.ts';
import type { RoundLimit } from './limits/round-limit.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import type { DivergenceCode } from './shard/judge.ts';
import type { Source } from './source/source.ts';

export interface MoverContext {
  readonly config: Config;
  /** Our name as a consumer on the shards. */
  readonly consumer: string;
  readonly watchdog: Watchdog;
  readonly budget: MemoryBudget;
  readonly roundLimit: RoundLimit;
  readonly condemner: Condemner;
  readonly onOccurrence: OnMoverOccurrence;
  /** For short questions; another one after it was given up. */
  central(): CentralLink;
  gathererOf(centralQueue: string): Gatherer;
  /** Halts a source on central, in the background, and at once in memory. */
  halt(source: Source, why: { readonly code: DivergenceCode; readonly reason: string }): void;
}
