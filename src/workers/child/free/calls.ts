// One call of a handler that has no transaction, and what came of it.
//
// Invariant: what a call decided (put off, dead, sent) is kept until its events are passed, then written; it is dropped when
// the call fails. A call that fails after the worker had to stop at once has neither failed nor been done.
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { BatchEnvironment } from '../batch-environment.ts';
import { CallContext } from '../call/call-context.ts';
import { failureLog, KILLED, unwritable } from '../call/failure-log.ts';
import { invoke } from '../call/invoke.ts';
import { OutcomeBook } from '../call/outcomes.ts';
import { Outbox } from '../transaction/outbox.ts';

/** What is to be written for a call. */
export interface Result {
  readonly events: readonly BatchEvent[];
  readonly book: OutcomeBook;
  readonly outbox: Outbox;
}

export type CallEnd =
  /** Without a result where nothing is to be written. */
  | { readonly end: 'done'; readonly result: Result | undefined }
  | { readonly end: 'failed'; readonly error: unknown }
  /** The worker had to stop: the next worker of the batch calls it again. */
  | { readonly end: 'stopped' };

export class FreeCalls {
  readonly #environment: BatchEnvironment;
  readonly #atWork = new Set<() => void>();
  readonly #onStop = () => {
    this.#timer = setTimeout(() => this.#cut(), TIMING.handler.freeGraceMs);
  };
  #timer: NodeJS.Timeout | undefined;
  #hasOverrun = false;

  constructor(environment: BatchEnvironment) {
    this.#environment = environment;
    const { stopNow } = environment;
    if (stopNow.aborted) this.#onStop();
    else stopNow.addEventListener('abort', this.#onStop, { once: true });
  }

  /** Of the batch. */
  end(): void {
    clearTimeout(this.#timer);
    this.#environment.stopNow.removeEventListener('abort', this.#onStop);
  }

  /** Something of the handler may still run in this process. */
  get hasOverrun(): boolean {
    return this.#hasOverrun;
  }

  /**
   * One event to an `event` handler, or several to a `batch` handler. Never throws.
   * @param passedOver events that `coalesce` left out; done as well, if these are.
   */
  async call(events: readonly BatchEvent[], passedOver: readonly BatchEvent[] = []): Promise<CallEnd> {
    const { handler, record, retry, signs, stopNow, tally, timeoutMs } = this.#environment;
    const book = new OutcomeBook(retry);
    const context = new CallContext(events, this.#environment, { book });
    const onOverrun = () => {
      this.#hasOverrun = true;
    };
    const options = { handler, timeoutMs, signs, tally, onOverrun };
    const failure = await this.#unlessCut(Promise.resolve(invoke(events, context, options)));
    context.end();
    if (failure === 'cut') return { end: 'stopped' };
    const wrong = failure ?? context.answerCalls();
    if (wrong !== undefined) return stopNow.aborted ? { end: 'stopped' } : { end: 'failed', ...wrong };
    for (const event of [...events, ...passedOver]) book.done(event);
    record.done(events);
    record.committed();
    const { outbox } = context;
    return { end: 'done', result: book.size + outbox.size === 0 ? undefined : { events, book, outbox } };
  }

  /** The result of an event whose call, or what it decided or sent, has failed. */
  failed(event: BatchEvent, error: unknown): Result {
    const { centralQueues, log, record, retry } = this.#environment;
    const isCounted = record.failed(event, error);
    const book = new OutcomeBook(retry);
    failureLog(log, record.folding)(event, book.failed(event, error, { isCounted }), error);
    return { events: [event], book, outbox: new Outbox(centralQueues) };
  }

  /** The result of an event that failed and cannot be put off. */
  unwritable(event: BatchEvent, error: unknown): Result {
    return this.#dead(event, 'handler', unwritable(error));
  }

  /** The result of an event that killed the workers that tried it. */
  killed(event: BatchEvent): Result {
    return this.#dead(event, 'killed', KILLED);
  }

  #dead(event: BatchEvent, kind: 'handler' | 'killed', reason: string): Result {
    const { centralQueues, retry } = this.#environment;
    const book = new OutcomeBook(retry);
    book.dead(event, kind, reason);
    return { events: [event], book, outbox: new Outbox(centralQueues) };
  }

  async #unlessCut<T>(call: Promise<T>): Promise<T | 'cut'> {
    return await new Promise((resolve) => {
      const cut = () => resolve('cut');
      this.#atWork.add(cut);
      void call.then((answer) => {
        this.#atWork.delete(cut);
        resolve(answer);
      });
    });
  }

  #cut(): void {
    if (this.#atWork.size > 0) this.#hasOverrun = true;
    for (const cut of this.#atWork) cut();
  }
}
