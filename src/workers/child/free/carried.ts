// Results of calls without a transaction that could not be written, because the connection was lost or central was in trouble:
// the worker keeps them until the batch is opened again, so that the handler is not called again.
//
// Invariant: results of one batch only; each is given out once.
import type { BatchEvent } from '../../../handler/event.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { Result } from './calls.ts';
import { eventByEvent, type Passed } from './shares.ts';

export class Carried {
  #batch: Pick<CoopBatch, 'startTick' | 'endTick'> | undefined;
  /** By event id; ids may come twice in a batch. */
  #results = new Map<number, (Result | undefined)[]>();

  keep({ startTick, endTick }: CoopBatch, done: readonly Passed[]): void {
    this.#batch = { startTick, endTick };
    // A part of a call may have been written before the trouble.
    for (const { event, result } of eventByEvent(done)) {
      const results = this.#results.get(event.id);
      if (results === undefined) this.#results.set(event.id, [result]);
      else results.push(result);
    }
  }

  /** Forgets the results of another batch. */
  opened({ startTick, endTick }: CoopBatch): void {
    if (this.#batch?.startTick !== startTick || this.#batch.endTick !== endTick) this.#results.clear();
  }

  /** @returns undefined where the event has to be handled. */
  take({ id }: BatchEvent): { readonly result: Result | undefined } | undefined {
    const results = this.#results.get(id);
    if (results === undefined) return undefined;
    const result = results.shift();
    if (results.length === 0) this.#results.delete(id);
    return { result };
  }
}
