// How far a source is behind, from what a round saw. Pure but for the source it is noted on.
import { type Position, sameTick } from '../../central/position.ts';
import type { SeenQueue } from '../../shards/round.ts';
import type { Source } from './source.ts';

/**
 * Nothing behind is claimed only where the shard was asked for rows beyond its newest tick, reading has come up to that
 * tick, and all that was read is committed; else events are estimated from sequences, never as 0, and seconds are the age
 * of the oldest event that is not moved, as far as it was seen; else of the oldest tick that the position has not passed.
 * What a round could not tell keeps its age.
 */
export function takeFigures(source: Source, seen: SeenQueue, nowMs: number): void {
  const { figures, position, ahead, handed, tickTimes: sightings } = source;
  const { newest, nowUs } = seen;
  // The sequence alone does not tell: who commits late took his numbers before the tick.
  const isWaiting = newest !== undefined && (seen.lastSeq > newest.eventSeq || seen.uncovered === true);
  const seenMs = newest === undefined ? 0 : sightings.sawUnticked(newest.id, { isWaiting, nowMs });
  const waitingMs = isWaiting ? Math.max((nowUs - newest.timeUs) / 1000, seenMs) : 0;
  if (newest !== undefined && !seen.hasMore)
    source.ticker.saw({ newestId: newest.id, tickedId: seen.ticked, waitingMs }, nowMs);
  if (newest === undefined || position === undefined || ahead === undefined) return;
  // A shard that went back in time says nothing about our position.
  if (seen.start === undefined || !sameTick(seen.start, ahead.tick) || seen.missingXids > 0) return;
  const oldestUs = seen.oldestEventUs ?? seen.oldestTickUs;
  if (oldestUs !== undefined) sightings.saw(ahead.tick.id, oldestUs, nowMs);
  sightings.passed(position.tick.id);
  const isReadToEnd = seen.end === undefined && !seen.hasMore && ahead.inside === undefined;
  const isAllMoved = isReadToEnd && isSame(handed, position);
  if (isAllMoved && seen.uncovered === undefined) return;
  figures.atMs = nowMs;
  figures.lastTick = newest.id;
  figures.tickless = undefined;
  if (isAllMoved && seen.uncovered === false) {
    figures.eventsBehind = 0;
    figures.isExact = true;
    figures.secondsBehind = 0;
    sightings.sawNothing(nowUs);
    return;
  }
  const movedSeq = position.inside?.lastEventId ?? position.tick.eventSeq;
  const from = isAllMoved ? ahead : position;
  figures.eventsBehind = Math.max(1, seen.lastSeq - movedSeq);
  figures.isExact = false;
  const otherwise = { us: newest.timeUs, ms: seenMs };
  figures.secondsBehind = sightings.ageMs(from.tick.id, { nowUs, nowMs, otherwise }) / 1000;
  if (isAllMoved && seen.ticked === undefined)
    figures.tickless = seen.tickerPaused ? 'paused' : seen.external ? 'external' : 'silent';
}

/** By value: a position that was read from central is another object. */
function isSame(a: Position | undefined, b: Position): boolean {
  return a !== undefined && sameTick(a.tick, b.tick) && a.inside?.lastEventId === b.inside?.lastEventId;
}
