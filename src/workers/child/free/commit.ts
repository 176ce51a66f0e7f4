// Writes what became of events that were handled without a transaction, in one that follows them.
//
// Invariant: the step over an event, what was decided about it and what was sent for it commit together, under the token.
// Order: sends (the transaction owns its id first) · outcomes · the step, or the end of the batch · commit.
// Fails by: any error; the events come again then, for their effects elsewhere have happened: at least once.

import { sqlstateOf } from '../../../errors/sqlstate.ts';
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchEnvironment } from '../batch-environment.ts';
import { BatchTransaction } from '../batch-transaction.ts';
import { endNarrowing, openNarrowing, stepNarrowing } from '../doors.ts';
import { isCentralInTrouble } from '../handler-call.ts';
import { Outbox } from '../outbox.ts';
import type { Outcomes } from '../outcomes.ts';
import { sliceEnd } from '../slices.ts';
import { writeOutcomes } from '../write-outcomes.ts';
import type { FreeCalls, Result } from './calls.ts';
import type { Done } from './progress.ts';

type Passed = Done<Result | undefined>;

export interface CommitTools {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
  readonly calls: FreeCalls;
}

/** Our statements follow one another at once. */
const IDLE_MS = 15_000;
/** Each has a savepoint where one of them was refused. */
const CAREFULLY = 40;

export class Commits {
  readonly #tools: CommitTools;
  #hasNarrowing: boolean;
  putOff = 0;
  dead = 0;

  /** @param hasNarrowing there is a row for the progress of this batch already. */
  constructor(tools: CommitTools, { hasNarrowing }: { readonly hasNarrowing: boolean }) {
    this.#tools = tools;
    this.#hasNarrowing = hasNarrowing;
  }

  newTransaction(): BatchTransaction {
    const { batch, connection, environment } = this.#tools;
    return new BatchTransaction(connection, {
      idleLimitMs: IDLE_MS,
      token: batch.token,
      onSent: environment.onSent,
    });
  }

  /** Passes these events, which are everything up to the last of them; with `isLast` they end the batch. */
  async write(done: readonly Passed[], { isLast }: { readonly isLast: boolean }): Promise<void> {
    const { connection, environment } = this.#tools;
    if (!isLast) await this.#openNarrowing();
    try {
      await this.#together(done, isLast);
    } catch (error) {
      if (!(error instanceof SendRefused)) throw error;
      await connection.script('rollback');
      await this.#openNarrowing();
      const ids = done.map(({ event }) => event.id);
      for (let from = 0, end = 0; from < done.length; from = end) {
        end = sliceEnd(ids, from, CAREFULLY);
        await this.#carefully(done.slice(from, end));
      }
      if (isLast) await this.#together([], true);
    }
    await environment.tickSent();
  }

  async #openNarrowing(): Promise<void> {
    const { batch, connection, environment } = this.#tools;
    if (!this.#hasNarrowing) await openNarrowing(connection, environment.membership, batch);
    this.#hasNarrowing = true;
  }

  async #together(done: readonly Passed[], isLast: boolean): Promise<void> {
    const transaction = this.newTransaction();
    await transaction.begin();
    const outboxes = done.flatMap(({ result }) => (result === undefined ? [] : [result.outbox]));
    try {
      for (const sending of Outbox.sendings(outboxes)) await transaction.send(sending);
    } catch (error) {
      throw transaction.isLost || isNobodysFault(error) ? error : new SendRefused();
    }
    await this.#end(transaction, { done, isLast });
  }

  /** Finds who is to blame: what was sent for one call has a savepoint of its own. */
  async #carefully(done: readonly Passed[]): Promise<void> {
    const transaction = this.newTransaction();
    await transaction.begin();
    for (const { result } of done) {
      if (result === undefined || result.outbox.size === 0) continue;
      transaction.mark();
      try {
        for (const sending of result.outbox.sendings()) await transaction.send(sending);
      } catch (error) {
        if (transaction.isLost || isNobodysFault(error)) throw error;
        await transaction.rollBackToMark();
        this.#tools.calls.fail(result, error);
      }
    }
    await transaction.seal();
    await this.#end(transaction, { done, isLast: false });
  }

  async #end(
    transaction: BatchTransaction,
    { done, isLast }: { readonly done: readonly Passed[]; readonly isLast: boolean },
  ): Promise<void> {
    const { batch, environment } = this.#tools;
    const { membership } = environment;
    const outcomes = outcomesOf(done);
    await writeOutcomes(transaction, membership, outcomes);
    const lastEventId = done.at(-1)?.event.id;
    if (isLast && this.#hasNarrowing) await endNarrowing(transaction, membership, batch);
    if (!isLast && lastEventId !== undefined)
      await stepNarrowing(transaction, membership, { batch, lastEventId });
    await transaction.commit(isLast ? `select tributary.coop_finish_batch(${batch.token})` : 'select');
    this.putOff += outcomes.putOff.length;
    this.dead += outcomes.dead.length;
  }
}

/** Something that was sent cannot be inserted: whoever sent it has failed. */
class SendRefused extends Error {}

/** Central's trouble, or a collision with another transaction. */
function isNobodysFault(error: unknown): boolean {
  return isCentralInTrouble(error) || /^40/.test(sqlstateOf(error) ?? '40');
}

function outcomesOf(done: readonly Passed[]): Outcomes {
  const all = done.flatMap(({ result }) => (result === undefined ? [] : [result.book.take()]));
  return {
    putOff: all.flatMap(({ putOff }) => putOff),
    dead: all.flatMap(({ dead }) => dead),
    recovered: all.flatMap(({ recovered }) => recovered),
  };
}
