// What a round is asked about one source.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { RoundRequest } from '../../shards/round.ts';
import type { MoverContext } from '../context.ts';
import { LEAST_WINDOW_BYTES, WINDOW_BYTES } from '../limits/sizes.ts';
import type { MovableSource } from '../source/source.ts';
import { FEWEST_TICKS } from '../source/window-estimate.ts';
import type { Movable } from './turn-look.ts';

/** Inside a window that was begun its end must be found, however far it is. */
const ALL_TICKS = 1_000_000;

export interface TurnState {
  readonly nowMs: number;
  /** When events of the shard moved last. */
  readonly movedAtMs: number;
  /** Whether the source may read on; else it is only seen and ticked. */
  readonly isReadable: boolean;
  /** Whether a look found events in no tick. */
  readonly isUncovered: boolean;
}

export function requestOf(
  { source, queue }: Movable,
  { nowMs, movedAtMs, isReadable, isUncovered }: TurnState,
  { budget, gathererOf }: Pick<MoverContext, 'budget' | 'gathererOf'>,
): RoundRequest {
  // Small windows while others hold much memory: many readers that each wait with a part of one would block each other.
  const windowBytes = Math.max(LEAST_WINDOW_BYTES, Math.min(WINDOW_BYTES, budget.room / 2));
  const isBusy = nowMs - movedAtMs < TIMING.shard.recentlyMovedMs;
  const { ahead, windows } = source;
  const gatherer = gathererOf(source);
  return {
    queue,
    tickId: ahead.tick.id,
    endTickId: ahead.inside?.end.id,
    limit: Math.min(windows.eventsFor(windowBytes), Math.max(1, gatherer.mostFrom(source))),
    ticks: isReadable ? ticksOf(source) : FEWEST_TICKS,
    tick: source.ticker.mayTick(nowMs),
    isUncovered,
    read: isBusy && isReadable && gatherer.isHealthy && gatherer.takes(source),
  };
}

/** How many ticks a round looks at for the end of the next window. */
const ticksOf = ({ ahead, windows }: MovableSource): number =>
  ahead.inside === undefined ? windows.ticks : ALL_TICKS;

/** Whether the shard answers at all. */
export const askNothing = (connection: Connection) =>
  connection.script('select 1', { timeoutMs: TIMING.shard.roundMs });
