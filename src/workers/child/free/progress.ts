// Which events of a batch are done where many are at work at a time: an event can be passed once all before it are done.
//
// Invariant: `take` gives out everything up to some event, in order, and no other event has the id of that one; so events
// that are not done come after it, and are found again by id.
import type { BatchEvent } from '../../../handler/event.ts';

export interface DoneEvent<Result> {
  readonly event: BatchEvent;
  readonly result: Result;
}

export class FreeProgress<Result> {
  /** In the order of the batch; undefined: not done. */
  readonly #results = new Map<BatchEvent, { readonly result: Result } | undefined>();

  /** Events that are not passed yet, done or not. */
  get size(): number {
    return this.#results.size;
  }

  /** The next events of the batch, none of them done; all that share an id at once. */
  read(events: readonly BatchEvent[]): void {
    for (const event of events) this.#results.set(event, undefined);
  }

  done(event: BatchEvent, result: Result): void {
    this.#results.set(event, { result });
  }

  /** All done events, also those behind some that are not. */
  get allDone(): DoneEvent<Result>[] {
    return [...this.#results].flatMap(([event, done]) => (done === undefined ? [] : [{ event, ...done }]));
  }

  /** Whether `take` would give something, unless all of it shares one id with an event that is not done. */
  get isReady(): boolean {
    for (const result of this.#results.values()) return result !== undefined;
    return false;
  }

  /** Whether this event and all before it are done. */
  isDoneUpTo(id: number): boolean {
    for (const [event, result] of this.#results) if (result === undefined) return event.id > id;
    return true;
  }

  /** All events are done. */
  get isComplete(): boolean {
    for (const result of this.#results.values()) if (result === undefined) return false;
    return true;
  }

  /** The events that can be passed now. */
  take(): DoneEvent<Result>[] {
    const taken: DoneEvent<Result>[] = [];
    let undone: BatchEvent | undefined;
    for (const [event, done] of this.#results) {
      if (done === undefined) {
        undone = event;
        break;
      }
      taken.push({ event, result: done.result });
    }
    while (undone !== undefined && taken.at(-1)?.event.id === undone.id) taken.pop();
    for (const { event } of taken) this.#results.delete(event);
    return taken;
  }
}
