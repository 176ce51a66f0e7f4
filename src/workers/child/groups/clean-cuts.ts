// Where a batch can be cut so that events of one transaction on a shard stay together. Pure.
//
// Central knows no transactions of shards, but it knows windows: what one commit of a mover brought from one source. A
// shard's transaction is in one window as a whole (unless that was larger than `mover.whole`), so between windows is between
// transactions. Two movers that commit at the same time may interleave their rows.
import type { BatchEvent } from '../../../handler/event.ts';

/** Computed at the first call. @returns whether a cut in front of the event at an index parts no window. */
export function cleanCuts(events: readonly BatchEvent[]): (at: number) => boolean {
  let clean: Set<number> | undefined;
  return (at) => {
    clean ??= betweenWindows(events);
    return clean.has(at);
  };
}

function betweenWindows(events: readonly BatchEvent[]): Set<number> {
  const windows = events.map(({ row, origin }) => `${row.txid} ${origin.shard} ${origin.queue}`);
  const lastOf = new Map(windows.map((window, at) => [window, at]));
  const clean = new Set<number>();
  let reach = 0;
  windows.forEach((window, at) => {
    if (reach < at) clean.add(at);
    reach = Math.max(reach, lastOf.get(window) ?? at);
  });
  return clean;
}
