// The figures of one shard's sources as central stores them. Pure but for the loop it reads.
import type { LagFigure } from '../central/source-states.ts';
import type { ShardLoop } from './shard-loop.ts';
import type { Source } from './source.ts';

/** A source that moved within so many ms is shown as moving. */
const MOVING_MS = 10_000;

export function lagOf(loop: ShardLoop, nowMs: number): LagFigure[] {
  return loop.sources.map((source) => {
    const { figures } = source;
    const { state, reason } = stateOf(loop, source, nowMs);
    return {
      source: source.id,
      age_s: figures.atMs === 0 ? 0 : Math.max(0, (nowMs - figures.atMs) / 1000),
      state,
      reason,
      events_behind: figures.eventsBehind ?? null,
      exact: figures.isExact,
      seconds_behind: figures.secondsBehind ?? null,
      last_tick: figures.lastTick ?? null,
    };
  });
}

function stateOf(loop: ShardLoop, source: Source, nowMs: number): { state: string; reason: string | null } {
  if (source.trouble !== undefined) return source.trouble;
  if (loop.trouble !== undefined) return { state: 'unreachable', reason: loop.trouble };
  const isMoving = nowMs - source.movedAtMs < MOVING_MS || (source.figures.eventsBehind ?? 0) > 0;
  return { state: isMoving ? 'moving' : 'idle', reason: null };
}
