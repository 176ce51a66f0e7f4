// Writes what became of events that were handled without a transaction, in a transaction that follows.
//
// Invariant: the step over an event, what was decided about it and what was sent for it commit together, under the token.
// Order: sends (the transaction owns its id first) · outcomes · the step, or the end of the batch · commit. Where that fails it
// is done again in ever smaller parts; an event whose result cannot be written alone has failed.
// Fails by: central's trouble; the results are kept for the next opening of the batch, so that the handler is not called
// again.
import { canBeEventsFault } from '../../../errors/sqlstate.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchEnvironment } from '../batch-environment.ts';
import type { Outcomes } from '../call/outcomes.ts';
import { PartNote } from '../call/part-note.ts';
import { writeOutcomes } from '../call/write-outcomes.ts';
import { assertOfEvents } from '../narrowing/central-trouble.ts';
import { type Range, rangeOf } from '../narrowing/losses.ts';
import { openNarrowing, stepNarrowing } from '../narrowing/narrowing.ts';
import { sliceEnd } from '../reading/same-id.ts';
import { BatchTransaction } from '../transaction/batch-transaction.ts';
import { isCollision, RERUNS } from '../transaction/collisions.ts';
import { Outbox } from '../transaction/outbox.ts';
import type { FreeCalls } from './calls.ts';
import { eventByEvent, type Passed } from './shares.ts';

interface WriteEnd {
  /** They end the batch. */
  readonly isLast: boolean;
}

export interface CommitTools {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
  readonly calls: FreeCalls;
}

/** A write that fails is cut into this many parts. */
const PARTS = 8;

export class Commits {
  readonly #tools: CommitTools;
  readonly #note: PartNote;
  #hasNarrowing: boolean;
  #atWork: Range | undefined;
  putOff = 0;
  dead = 0;

  /** @param hasNarrowing there is a row for the progress of this batch already. */
  constructor(tools: CommitTools, { hasNarrowing }: { readonly hasNarrowing: boolean }) {
    this.#tools = tools;
    const { batch, environment } = tools;
    const { host, membership, tally, work } = environment;
    this.#note = new PartNote({ batch, membership, work, host, calls: tally.part });
    this.#note.begun();
    this.#hasNarrowing = hasNarrowing;
  }

  newTransaction(): BatchTransaction {
    const { batch, connection, environment } = this.#tools;
    return new BatchTransaction(connection, {
      idleLimitMs: TIMING.worker.freeIdleMs,
      token: batch.token,
      onSent: environment.onSent,
    });
  }

  /** The events of the transaction that is open. */
  get atWork(): Range | undefined {
    return this.#atWork;
  }

  /** Passes these events, which are everything up to the last of them; with `isLast` they end the batch. */
  async write(done: readonly Passed[], { isLast }: WriteEnd): Promise<void> {
    const { batch, environment } = this.#tools;
    const loss = environment.losses.of(batch);
    if (!isLast || loss !== undefined) await this.#openNarrowing();
    if (loss !== undefined || (await this.#attempt(done, { isLast })) !== undefined) {
      await this.#openNarrowing();
      const width = (loss?.events ?? done.length) / PARTS;
      await this.#inParts(eventByEvent(done), Math.ceil(width));
      if (isLast) await this.#together([], { isLast });
    }
    await environment.tickSent();
  }

  async #inParts(done: readonly Passed[], width: number): Promise<void> {
    const ids = done.map(({ event }) => event.id);
    for (let from = 0, end = 0; from < done.length; from = end) {
      end = sliceEnd(ids, from, width);
      await this.#part(done.slice(from, end));
    }
  }

  async #part(done: readonly Passed[]): Promise<void> {
    const { batch, calls, environment } = this.#tools;
    const { losses } = environment;
    const [first, last] = [done[0]?.event.id, done.at(-1)?.event.id];
    const loss = losses.of(batch);
    const isLost = first === last && loss?.events === 1 && loss.first === first;
    const isLast = false;
    let failure = isLost ? { error: loss.error } : await this.#attempt(done, { isLast });
    if (isLost) losses.forget();
    if (failure === undefined) return;
    if (first !== last) return await this.#inParts(done, Math.ceil(done.length / PARTS));
    for (let rerun = 0; isCollision(failure?.error) && rerun < RERUNS; rerun += 1)
      failure = await this.#attempt(done, { isLast });
    if (failure === undefined) return;
    const { error } = failure;
    // An error here is central's trouble, unless the event itself cannot be written.
    const unwritten = await this.#attempt(
      done.map(({ event }) => ({ event, result: calls.failed(event, error) })),
      { isLast },
    );
    if (unwritten === undefined) return;
    if (!canBeEventsFault(unwritten.error)) throw unwritten.error;
    await this.#together(
      done.map(({ event }) => ({ event, result: calls.unwritable(event, unwritten.error) })),
      { isLast },
    );
  }

  /** @returns the error. @throws where that is central's trouble. */
  async #attempt(done: readonly Passed[], end: WriteEnd): Promise<{ readonly error: unknown } | undefined> {
    const { batch, connection } = this.#tools;
    try {
      await this.#together(done, end);
      return undefined;
    } catch (error) {
      await assertOfEvents(error, { connection, batch, stopNow: NEVER });
      return { error };
    } finally {
      if (!connection.failed) this.#atWork = undefined;
    }
  }

  async #openNarrowing(): Promise<void> {
    const { batch, connection, environment } = this.#tools;
    if (!this.#hasNarrowing) await openNarrowing(connection, environment.membership, batch);
    this.#hasNarrowing = true;
  }

  async #together(done: readonly Passed[], { isLast }: WriteEnd): Promise<void> {
    this.#atWork = done.length === 0 ? undefined : rangeOf(done.map(({ event }) => event));
    const transaction = this.newTransaction();
    await transaction.begin();
    const outboxes = done.flatMap(({ result }) => (result === undefined ? [] : [result.outbox]));
    for (const sending of Outbox.sendings(outboxes)) await transaction.send(sending);
    await transaction.publish(Outbox.messages(outboxes));
    const { batch, environment } = this.#tools;
    const { membership } = environment;
    const outcomes = outcomesOf(done);
    const lastEventId = done.at(-1)?.event.id;
    await writeOutcomes(transaction, membership, outcomes, {
      batch,
      lastEventId: isLast ? undefined : lastEventId,
      hasResults: environment.hasResults,
    });
    if (!isLast && lastEventId !== undefined)
      await stepNarrowing(transaction, membership, { batch, lastEventId });
    const [putOff, dead] = [outcomes.putOff.length, outcomes.dead.length];
    const part = { lastEventId: isLast ? undefined : lastEventId, events: done.length, putOff, dead };
    this.#note.wroteOnly(outcomes);
    const note = this.#note.sql(part);
    await (isLast ? transaction.finish(note) : transaction.commit(note));
    this.#note.begun();
    this.putOff += putOff;
    this.dead += dead;
    environment.tally.deliveries.note(done.map(({ event }) => event));
    environment.tally.settled({ events: done.length, putOff, dead });
  }
}

/** Done events are written even by a worker that has to stop. */
const NEVER = new AbortController().signal;

function outcomesOf(done: readonly Passed[]): Outcomes {
  const all = done.flatMap(({ result }) => (result === undefined ? [] : [result.book.outcomes()]));
  return {
    putOff: all.flatMap(({ putOff }) => putOff),
    dead: all.flatMap(({ dead }) => dead),
    recovered: all.flatMap(({ recovered }) => recovered),
  };
}
