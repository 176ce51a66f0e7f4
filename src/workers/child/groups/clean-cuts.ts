// Where events can be parted so that what one transaction wrote on its shard stays together. Pure.
//
// Central knows no transactions of shards, but it knows windows: what one commit of a mover brought from one source. A
// shard's transaction is in one window as a whole (unless that was larger than `mover.whole`), so between windows is between
// transactions. Two movers that commit at the same time may interleave their rows.
import type { BatchEvent } from '../../../handler/event.ts';

/** Computed only once somebody asks. @returns whether a cut in front of the event at a place parts no window. */
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
