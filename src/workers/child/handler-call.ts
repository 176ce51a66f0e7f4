// One call of the handler inside the batch's transaction, and what came of it.
//
// Invariant: when `call` has resolved, no statement of the handler is under way on the batch's connection.
// Order: the handler · its last statements · what it sent · the next call.
// Fails by: `Abandoned`, when the batch as a whole cannot go on (connection lost, central in trouble, told to stop).
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { BatchEvent } from '../../handler/event.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { BatchTransaction } from './batch-transaction.ts';
import { CallContext, type ContextEnvironment } from './call-context.ts';
import type { GuardedClient } from './guarded-client.ts';
import { invoke } from './invoke.ts';
import type { LifeSigns } from './life-signs.ts';
import type { OutcomeBook } from './outcomes.ts';

/** The batch is given up as it is: everything of it is rolled back, and it is handed out again. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';

  constructor(reason: string, cause?: unknown) {
    super(reason, cause === undefined ? {} : { cause });
  }
}

export type CallResult =
  | { readonly ok: true; readonly touched: boolean }
  | { readonly ok: false; readonly touched: boolean; readonly error: unknown };

export interface CallEnvironment extends ContextEnvironment {
  readonly timeoutMs: number;
  readonly signs: LifeSigns;
  /** Cancels the statement that runs on the batch's connection, from outside. */
  cancelStatement(): Promise<void>;
}

/** What a cancelled statement gets to end. */
const CANCEL_WITHIN_MS = 5_000;

export class HandlerCalls {
  readonly #environment: CallEnvironment;
  readonly #transaction: BatchTransaction;
  readonly #book: OutcomeBook;
  readonly #onOverrun: () => void;

  /** @param onOverrun a call did not come back in time, so something of the handler may still run in this process. */
  constructor(
    environment: CallEnvironment,
    transaction: BatchTransaction,
    book: OutcomeBook,
    onOverrun: () => void,
  ) {
    this.#environment = environment;
    this.#transaction = transaction;
    this.#book = book;
    this.#onOverrun = onOverrun;
  }

  /** One event to an `event` handler, or several to a `batch` handler. Never throws but `Abandoned`. */
  async call(events: readonly BatchEvent[]): Promise<CallResult> {
    const { handler, signs, stopNow, timeoutMs } = this.#environment;
    const context = new CallContext(events, this.#environment, {
      book: this.#book,
      lend: () => this.#transaction.lend(),
    });
    let failure = await invoke(events, context, { handler, timeoutMs, signs, onOverrun: this.#onOverrun });
    const client = context.end();
    let touched = client?.isUsed ?? false;
    let isOurs = client?.isOurs(failure?.error) ?? false;
    if (client?.isUsed) {
      if (context.hasOverrun) await this.#cancel(client);
      const unawaited = await client.settled();
      if (unawaited !== undefined && failure === undefined) {
        failure = { error: unawaited };
        isOurs = client.isOurs(unawaited);
      }
      this.#assertThere(failure);
      if (failure === undefined && this.#transaction.isAborted) failure = { error: wentOn() };
    }
    if (stopNow.aborted) throw new Abandoned('The worker was told to stop at once.');
    if (failure === undefined && context.outbox.size > 0) {
      touched = true;
      isOurs = true;
      failure = await this.#send(context);
    }
    if (failure === undefined) return { ok: true, touched };
    if (isOurs && isCentralInTrouble(failure.error)) {
      throw new Abandoned('Central is in trouble.', failure.error);
    }
    return { ok: false, touched, error: failure.error };
  }

  async #send({ outbox }: CallContext): Promise<{ readonly error: unknown } | undefined> {
    try {
      for (const sending of outbox.sendings()) await this.#transaction.send(sending);
      return undefined;
    } catch (error) {
      this.#assertThere({ error });
      return { error };
    }
  }

  #assertThere(failure: { readonly error: unknown } | undefined): void {
    if (this.#transaction.isLost) throw new Abandoned('The connection to central was lost.', failure?.error);
  }

  async #cancel(client: GuardedClient): Promise<void> {
    const controller = new AbortController();
    await this.#environment.cancelStatement();
    const isSettled = await Promise.race([
      client.settled().then(() => true),
      wait(CANCEL_WITHIN_MS, controller.signal).then(() => false),
    ]);
    controller.abort();
    if (!isSettled) throw new Abandoned('A statement of the handler could not be cancelled.');
  }
}

const wentOn = () =>
  new TributaryError('A statement of the handler failed, and the handler went on as if it had not.', {
    code: 'handler-client',
    kind: 'halting',
    remedy:
      'In PostgreSQL a failed statement undoes the whole transaction: let the error out of the handler.',
  });

/** No disk, no memory, no connection, shutting down: the event is not to blame. */
export function isCentralInTrouble(error: unknown): boolean {
  return /^(08|53|58|57P)/.test(sqlstateOf(error) ?? '');
}
