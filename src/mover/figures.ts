// How far a source is behind, from what a round saw. Pure but for the source it is noted on.
import { sameTick } from '../central/position.ts';
import type { SeenQueue } from '../shards/round.ts';
import type { Source } from './source.ts';

/**
 * Nothing behind is claimed only where the shard was asked for rows beyond the newest tick and the position is that tick;
 * else events are estimated from sequences, seconds from the oldest tick that is not moved or, none, from the newest one.
 */
export function takeFigures(source: Source, seen: SeenQueue, nowMs: number): void {
  const { figures, position } = source;
  const { newest, nowUs } = seen;
  figures.atMs = nowMs;
  figures.lastTick = newest?.id;
  const waitingMs =
    newest !== undefined && seen.lastSeq > newest.eventSeq ? (nowUs - newest.timeUs) / 1000 : 0;
  if (newest !== undefined && !seen.hasMore)
    source.ticker.saw({ newestId: newest.id, tickedId: seen.ticked, waitingMs }, nowMs);
  if (position === undefined || newest === undefined) return;
  const isAtNewest =
    seen.start !== undefined && seen.end === undefined && sameTick(seen.start, position.tick);
  if (isAtNewest && seen.uncovered === false) {
    figures.eventsBehind = 0;
    figures.isExact = true;
    figures.secondsBehind = 0;
    source.inFlightSinceUs = undefined;
    return;
  }
  if (isAtNewest && seen.uncovered === undefined && waitingMs === 0) return;
  figures.isExact = false;
  figures.eventsBehind = Math.max(0, seen.lastSeq - position.tick.eventSeq);
  source.inFlightSinceUs ??= seen.oldestTickUs;
  const sinceUs = source.inFlightSinceUs ?? seen.oldestTickUs ?? newest.timeUs;
  figures.secondsBehind = Math.max(0, (nowUs - sinceUs) / 1e6);
}
