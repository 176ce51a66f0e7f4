// One call of the handler: its context, its time limit, and what came of it.
//
// Invariant: when `call` has resolved, no statement of the handler is under way on the batch's connection.
// Fails by: `Abandoned`, when the batch as a whole cannot go on (connection lost, central in trouble, told to stop).
import type { Logger } from 'pino';
import { BadUnit, parseDuration } from '../../config/units.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Context, Event, Handler, RetryOptions } from '../../handler/contract.ts';
import { BatchEvent } from '../../handler/event.ts';
import { wait } from '../../lifecycle/wait.ts';
import type { BatchTransaction } from './batch-transaction.ts';
import type { GuardedClient } from './guarded-client.ts';
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

export interface CallEnvironment {
  readonly handler: Handler;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** Aborted when the worker must end before the batch is done. */
  readonly stopNow: AbortSignal;
  /** Cancels the statement that runs on the batch's connection, from outside. */
  cancelStatement(): Promise<void>;
}

/** What a handler gets after the signal, to come back by itself. */
const GRACE_MS = 2_000;
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
    const context = new CallContext(events, this.#environment, this.#transaction, this.#book);
    let failure: { readonly error: unknown } | undefined;
    try {
      const answer = this.#start(events, context);
      if (answer instanceof Promise) await this.#inTime(answer, context);
    } catch (error) {
      failure = { error };
    }
    const client = context.end();
    if (client?.isUsed) {
      if (context.hasOverrun) await this.#cancel(client);
      const unawaited = await client.settled();
      if (unawaited !== undefined) failure ??= { error: unawaited };
      if (this.#transaction.isLost)
        throw new Abandoned('The connection to central was lost.', failure?.error);
      if (failure === undefined && this.#transaction.isAborted) failure = { error: wentOn() };
    }
    if (this.#environment.stopNow.aborted) throw new Abandoned('The worker was told to stop at once.');
    const touched = client?.isUsed ?? false;
    if (failure === undefined) return { ok: true, touched };
    if (client?.isOurs(failure.error) && isCentralInTrouble(failure.error)) {
      throw new Abandoned('Central is in trouble.', failure.error);
    }
    return { ok: false, touched, error: failure.error };
  }

  #start(events: readonly BatchEvent[], context: Context): unknown {
    const { handler } = this.#environment;
    const answer =
      handler.event === undefined
        ? handler.batch(events, context)
        : handler.event(events[0] as BatchEvent, context);
    // Somebody else's kind of promise counts as well.
    return typeof (answer as { then?: unknown } | undefined)?.then === 'function'
      ? Promise.resolve(answer)
      : answer;
  }

  async #inTime(answer: Promise<unknown>, context: CallContext): Promise<void> {
    const { timeoutMs } = this.#environment;
    let timer: NodeJS.Timeout | undefined;
    const overrun = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new TributaryError(`The handler took longer than ${timeoutMs} ms.`, {
          code: 'handler-timeout',
          kind: 'halting',
          remedy: 'Raise `timeout:` of the queue, or give `context.signal` to what it waits for.',
        });
        context.abort(error);
        timer = setTimeout(() => {
          context.hasOverrun = true;
          this.#onOverrun();
          reject(error);
        }, GRACE_MS);
      }, timeoutMs);
    });
    try {
      await Promise.race([answer, overrun]);
    } finally {
      clearTimeout(timer);
      answer.catch(() => {});
    }
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

class CallContext implements Context {
  readonly #events: readonly BatchEvent[];
  readonly #environment: CallEnvironment;
  readonly #transaction: BatchTransaction;
  readonly #book: OutcomeBook;
  /** The handler did not come back in time. */
  hasOverrun = false;
  #client: GuardedClient | undefined;
  #controller: AbortController | undefined;
  readonly #stop = () => this.#controller?.abort(this.#environment.stopNow.reason);
  #isOver = false;

  constructor(
    events: readonly BatchEvent[],
    environment: CallEnvironment,
    transaction: BatchTransaction,
    book: OutcomeBook,
  ) {
    this.#events = events;
    this.#environment = environment;
    this.#transaction = transaction;
    this.#book = book;
    // Whoever takes the context apart gets functions that work alone.
    this.retry = this.retry.bind(this);
    this.dead = this.dead.bind(this);
  }

  get client(): GuardedClient {
    this.#client ??= this.#transaction.lend();
    return this.#client;
  }

  get log(): Logger {
    const { log, handler } = this.#environment;
    const [event] = this.#events;
    if (handler.event === undefined || event === undefined) return log;
    return log.child({ event: event.id, origin: String(event.origin) });
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const { stopNow } = this.#environment;
      if (stopNow.aborted) this.#stop();
      else stopNow.addEventListener('abort', this.#stop, { once: true });
    }
    return this.#controller.signal;
  }

  get attempt(): number {
    return 1 + this.#events.reduce((most, { retry }) => Math.max(most, retry), 0);
  }

  retry(event: Event, { after }: RetryOptions = {}): void {
    this.#book.postponed(this.#own(event), after === undefined ? undefined : msUntil(after));
  }

  dead(event: Event, reason: string): void {
    this.#book.condemned(this.#own(event), 'handler', String(reason));
  }

  abort(reason: Error): void {
    this.#controller?.abort(reason);
  }

  /** Ends the call: its client, if it was asked for, takes no more statements. */
  end(): GuardedClient | undefined {
    this.#isOver = true;
    this.#client?.end();
    if (this.#controller !== undefined) this.#environment.stopNow.removeEventListener('abort', this.#stop);
    return this.#client;
  }

  #own(event: Event): BatchEvent {
    if (this.#isOver) {
      throw new TributaryError('The handler has returned; it is too late for `retry` and `dead`.', {
        code: 'handler-context',
        kind: 'halting',
      });
    }
    if (!(event instanceof BatchEvent) || !this.#events.includes(event)) {
      throw new TributaryError('`retry` and `dead` take an event that this call was given.', {
        code: 'handler-context',
        kind: 'halting',
      });
    }
    return event;
  }
}

function msUntil(after: string | Date): number {
  if (after instanceof Date) return Math.max(0, after.getTime() - Date.now());
  try {
    return parseDuration(after);
  } catch (error) {
    if (!(error instanceof BadUnit)) throw error;
    throw new TributaryError(`\`after\` ${error.message}.`, { code: 'handler-context', kind: 'halting' });
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
function isCentralInTrouble(error: unknown): boolean {
  return /^(08|53|58|57P)/.test(sqlstateOf(error) ?? '');
}
