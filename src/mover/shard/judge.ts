// What to do with one source now: a pure function of central's position and of what the shard says about its ticks.
import { type Fingerprint, type Position, sameTick } from '../../central/position.ts';
import type { HaltCode } from '../../errors/codes.ts';
import { fewerXids } from '../../queue/ahead.ts';
import type { SeenQueue } from '../../shards/round.ts';
import type { Tick } from '../../shards/ticks.ts';

export type PositionVerdict =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'window';
      readonly start: Tick;
      readonly end: Tick;
      readonly afterEventId: number | undefined;
    }
  | { readonly kind: 'diverged'; readonly code: DivergenceCode; readonly reason: string };

/** How it is stored: on a younger server new events have to be looked for by their ids, see repair.ts. */
export type DivergenceCode = Extract<HaltCode, 'diverged' | 'younger-server'>;

/**
 * The start is always central's position; the shard only says how far one can go. A tick that is gone, or that bears the
 * same id with another fingerprint, means that the shard or central went back in time: then nothing is guessed.
 * @param watermark tick of our registration on the shard, which is never ahead of what central had.
 */
export function judgePosition(position: Position, seen: SeenQueue, watermark?: number): PositionVerdict {
  const { tick, inside } = position;
  if (seen.newest === undefined || seen.newest.id < tick.id) {
    return diverged(
      `the shard has no tick as new as ${tick.id}, which has been moved already: it was restored or promoted from an older state, or the queue was created anew`,
    );
  }
  if (seen.start === undefined) {
    if (watermark !== undefined && watermark > tick.id)
      return diverged(
        `central is older than what was moved into it (tick ${tick.id}, and the shard was told that central had ${watermark}), and the shard keeps no events so old: \`keep:\` would have kept them`,
      );
    return diverged(
      `tick ${tick.id}, where moving stopped, does not exist on the shard any more: it was rotated away, or the queue was created anew`,
    );
  }
  if (!sameTick(seen.start, tick)) {
    return diverged(
      `tick ${tick.id} on the shard is not the tick that was moved (${difference(tick, seen.start)}): the shard was restored, or the queue was created anew`,
    );
  }
  // What is inserted from here on would count as moved: its transactions are older than those that the tick knows as ended.
  if (seen.missingXids > 0)
    return {
      kind: 'diverged',
      code: 'younger-server',
      reason: `${fewerXids(seen.missingXids)}, then take \`--rewind\``,
    };
  if (inside !== undefined) {
    if (seen.end === undefined) {
      return diverged(
        `tick ${inside.end.id}, the end of a window that was begun, does not exist on the shard any more`,
      );
    }
    if (!sameTick(seen.end, inside.end)) {
      return diverged(
        `tick ${inside.end.id}, the end of a window that was begun, has changed (${difference(inside.end, seen.end)})`,
      );
    }
  }
  if (seen.end === undefined || seen.startSnapshot === undefined) return { kind: 'nothing' };
  return {
    kind: 'window',
    start: { ...seen.start, snapshot: seen.startSnapshot },
    end: seen.end,
    afterEventId: inside?.lastEventId,
  };
}

function diverged(reason: string): PositionVerdict {
  return { kind: 'diverged', code: 'diverged', reason };
}

function difference(stored: Fingerprint, found: Fingerprint): string {
  if (stored.timeUs !== found.timeUs) {
    return `made at ${new Date(found.timeUs / 1000).toISOString()}, not at ${new Date(stored.timeUs / 1000).toISOString()}`;
  }
  if (stored.eventSeq !== found.eventSeq) return `event sequence ${found.eventSeq}, not ${stored.eventSeq}`;
  return 'another snapshot';
}
