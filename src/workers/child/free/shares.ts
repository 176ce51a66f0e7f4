// Divides the result of a call with several events among its events, for writing them one by one or later. Pure.
import type { BatchEvent } from '../../../handler/event.ts';
import type { Result } from './calls.ts';
import type { DoneEvent } from './progress.ts';

/** An event that is done; the result of its call is with the call's first event. */
export type Passed = DoneEvent<Result | undefined>;

/**
 * Each event with its own share of what its call decided and sent. A kept result has the events of an earlier reading, which
 * are matched by their ids and their order.
 */
export function eventByEvent(done: readonly Passed[]): Passed[] {
  const waiting = new Map<number, Result[]>();
  return done.map(({ event, result }) => {
    if (result === undefined) return { event, result: waiting.get(event.id)?.shift() };
    const [own, ...others] = sharesOf(result);
    for (const share of others) {
      const id = share.events[0]?.id ?? 0;
      waiting.set(id, [...(waiting.get(id) ?? []), share]);
    }
    return { event, result: own };
  });
}

function sharesOf({ events, book, outbox }: Result): Result[] {
  const others = new Set(events.slice(1));
  const shareOf = (event: BatchEvent | undefined, isMeant: (event: BatchEvent) => boolean): Result => ({
    events: event === undefined ? [] : [event],
    book: book.only(isMeant),
    outbox: outbox.only(isMeant),
  });
  // What belongs to no other event is the first one's.
  return [
    shareOf(events[0], (event) => !others.has(event)),
    ...[...others].map((event) => shareOf(event, (other) => other === event)),
  ];
}
