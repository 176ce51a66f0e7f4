// Runs events through the handler in groups that share one savepoint, and finds the event that throws.
//
// Invariant: when `run` has resolved, each event is either done, its effects in the transaction, or in the book as put off
// or dead, with none of its effects there.
// Order: mark · events · on a throw: roll back to the mark, book the event, run again those of the group that had written.
import { sqlstateOf } from '../../errors/sqlstate.ts';
import type { BatchEvent } from '../../handler/event.ts';
import type { BatchTransaction } from './batch-transaction.ts';
import type { CallResult, HandlerCalls } from './handler-call.ts';
import type { OutcomeBook } from './outcomes.ts';

/** Events per savepoint, at first. */
const FIRST_GROUP = 20;
/** From so many savepoints on the groups double, so that their number stays far below 64 in batches of any size. */
const SAVEPOINTS_BEFORE_GROWTH = 25;
/** A deadlock or serialization failure says nothing about the event: it is run again at once, so often. */
const RERUNS = 2;

export function groupSize(savepoints: number): number {
  return FIRST_GROUP * 2 ** Math.max(0, savepoints - SAVEPOINTS_BEFORE_GROWTH);
}

export interface GroupRunner {
  /** @throws Abandoned, TooManySavepoints */
  run(events: readonly BatchEvent[]): Promise<void>;
}

interface Tools {
  readonly calls: HandlerCalls;
  readonly transaction: BatchTransaction;
  readonly book: OutcomeBook;
  /** Called for each event that the handler failed on. */
  onFailure(event: BatchEvent, fate: 'put-off' | 'dead', error: unknown): void;
}

/** For handlers with `event`: one call each, in order. */
export class OneByOne implements GroupRunner {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  async run(events: readonly BatchEvent[]): Promise<void> {
    const { transaction } = this.#tools;
    for (let at = 0; at < events.length; ) {
      const size = groupSize(transaction.savepoints);
      transaction.mark();
      await this.#group(events.slice(at, at + size));
      at += size;
    }
  }

  async #group(group: readonly BatchEvent[]): Promise<void> {
    const { book, transaction, onFailure } = this.#tools;
    const waiting = [...group].reverse();
    const written: BatchEvent[] = [];
    const reruns = new Map<BatchEvent, number>();
    for (let event = waiting.pop(); event !== undefined; event = waiting.pop()) {
      book.forget(event);
      const result = await this.#tools.calls.call([event]);
      if (result.ok) {
        book.done(event);
        if (result.touched) written.push(event);
        continue;
      }
      const wasUndone = await transaction.rollBackToMark();
      const count = reruns.get(event) ?? 0;
      if (isCollision(result) && count < RERUNS) {
        reruns.set(event, count + 1);
        waiting.push(event);
      } else {
        onFailure(event, book.failed(event, result.error), result.error);
      }
      // Those before it in the group were undone with it, and come first now.
      if (wasUndone) waiting.push(...written.splice(0).reverse());
    }
  }
}

/** For handlers with `batch`: all at once; after a throw in halves, down to the events that throw alone. */
export class InHalves implements GroupRunner {
  readonly #tools: Tools;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  async run(events: readonly BatchEvent[], reruns = 0): Promise<void> {
    const { book, calls, onFailure, transaction } = this.#tools;
    for (const event of events) book.forget(event);
    transaction.mark();
    const result = await calls.call(events);
    if (result.ok) {
      for (const event of events) book.done(event);
      return;
    }
    await transaction.rollBackToMark();
    const [event] = events;
    if (isCollision(result) && reruns < RERUNS) return await this.run(events, reruns + 1);
    if (event === undefined) return;
    if (events.length === 1) {
      onFailure(event, book.failed(event, result.error), result.error);
      return;
    }
    const middle = events.length >>> 1;
    await this.run(events.slice(0, middle));
    await this.run(events.slice(middle));
  }
}

function isCollision(result: CallResult): boolean {
  return !result.ok && ['40001', '40P01'].includes(sqlstateOf(result.error) ?? '');
}
