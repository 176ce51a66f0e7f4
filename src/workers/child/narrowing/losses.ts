// Which events of a batch were at work when the connection to central was lost; the worker remembers them over several
// openings. One loss may have any cause; events that are at work at every loss are the cause.
//
// Invariant: for one batch at a time; each further loss leaves the events that were at work both times.
import type { BatchEvent } from '../../../handler/event.ts';
import type { CoopBatch } from '../../../queue/coop.ts';

/** After this many losses with the same events at work, they are the cause. */
const TIMES = 2;

/** Events by their ids. */
export interface Range {
  readonly first: number;
  readonly last: number;
  readonly events: number;
}

export function rangeOf(events: readonly BatchEvent[]): Range {
  return { first: events[0]?.id ?? 0, last: events.at(-1)?.id ?? 0, events: events.length };
}

export interface Loss extends Range {
  readonly times: number;
  readonly error: unknown;
}

type Ticks = Pick<CoopBatch, 'startTick' | 'endTick'>;

export class Losses {
  #batch: Ticks | undefined;
  #loss: Loss | undefined;

  /** @param blame the error of the events, where they are certainly the cause. */
  note(batch: Ticks, range: Range | undefined, error: unknown, blame?: { readonly error: unknown }): void {
    if (range === undefined) return;
    const before = this.#at(batch);
    this.#batch = batch;
    if (blame !== undefined) this.#loss = { ...range, times: TIMES, error: blame.error };
    else if (before === undefined || before.last < range.first || range.last < before.first)
      this.#loss = { ...range, times: 1, error };
    else this.#loss = { ...common(before, range), times: before.times + 1, error };
  }

  /** Where the connection was lost again and again. */
  of(batch: Ticks): Loss | undefined {
    const loss = this.#at(batch);
    return loss !== undefined && loss.times >= TIMES ? loss : undefined;
  }

  forget(): void {
    this.#loss = undefined;
  }

  #at({ startTick, endTick }: Ticks): Loss | undefined {
    return this.#batch?.startTick === startTick && this.#batch.endTick === endTick ? this.#loss : undefined;
  }
}

function common(one: Range, other: Range): Range {
  const first = Math.max(one.first, other.first);
  const last = Math.min(one.last, other.last);
  return { first, last, events: first === last ? 1 : Math.min(one.events, other.events) };
}

/** Of two calls; they come in order, some are repeated. */
export function joinedRange(range: Range | undefined, call: Range): Range {
  if (range === undefined || call.first < range.first) return call;
  if (call.last <= range.last) return range;
  return { first: range.first, last: call.last, events: range.events + call.events };
}
