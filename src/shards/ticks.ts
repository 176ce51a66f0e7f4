// Ticks as a shard has them, and which of them can end the next window. Pure.
import { createHash } from 'node:crypto';
import type { Fingerprint } from '../central/position.ts';
import { parseSnapshot, type Snapshot } from './snapshot.ts';

/** A tick with its snapshot's text. */
export interface Tick extends Fingerprint {
  readonly snapshot: string;
}

/** A tick as it was read: the fingerprint of most of them is never needed. */
export type PlainTick = Omit<Tick, 'md5'>;

export function toTick({ id, timeUs, eventSeq, snapshot }: PlainTick): Tick {
  return { id, timeUs, eventSeq, snapshot, md5: createHash('md5').update(snapshot).digest('hex') };
}

/**
 * Whether everything that had ended at `start` had ended at `end` too. Two tickers can write a tick whose snapshot is older
 * than that of the tick before: a window up to it would repeat events, so it is passed over.
 */
export function contains(end: Snapshot, start: Snapshot): boolean {
  if (end.xmax < start.xmax) return false;
  const open = new Set(start.xip);
  return end.xip.every((xid) => xid >= start.xmax || open.has(xid));
}

/**
 * The end of the next window: the newest usable tick with at most `limit` events by sequence, else the first usable one.
 * @param later the ticks after `start`, ascending.
 */
export function chooseEnd<T extends PlainTick>(
  start: PlainTick,
  later: readonly T[],
  limit: number,
): T | undefined {
  const from = parseSnapshot(start.snapshot);
  const isUsable = (tick: T) => contains(parseSnapshot(tick.snapshot), from);
  const within = later.findLast((tick) => tick.eventSeq <= start.eventSeq + limit && isUsable(tick));
  return within ?? later.find(isUsable);
}
