// How many events a window may hold although its ticks are close: transactions that were open for long took their numbers
// long before they committed. Pure.
import { parseSnapshot } from '../../shards/snapshot.ts';
import type { Window } from '../../shards/window.ts';

export class LateWriters {
  /** Of transactions that were open where reading stood: the sequence when they were first seen open. */
  readonly #openSince = new Map<bigint, number>();

  /** Most events that the next window may hold, by sequence; called for one window after the other. */
  mostEventsIn({ start, end }: Pick<Window, 'start' | 'end'>): number {
    const open = new Set(parseSnapshot(start.snapshot).xip);
    for (const xid of this.#openSince.keys()) if (!open.has(xid)) this.#openSince.delete(xid);
    for (const xid of open) if (!this.#openSince.has(xid)) this.#openSince.set(xid, start.eventSeq);
    const stillOpen = new Set(parseSnapshot(end.snapshot).xip);
    const ended = [...this.#openSince].filter(([xid]) => !stillOpen.has(xid));
    return end.eventSeq - Math.min(start.eventSeq, ...ended.map(([, seq]) => seq));
  }
}
