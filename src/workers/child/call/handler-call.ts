// One call of the handler inside the batch's transaction, and what came of it.
//
// Invariant: when `call` has resolved, no statement of the handler is under way on the batch's connection.
// Order: the handler · its last statements · what it sent · the next call.
// Fails by: `Abandoned`, when the batch as a whole cannot go on (connection lost, worker must stop). Any other error, of the
// call or of what it left behind, is the call's failure.
import { TributaryError } from '../../../errors/tributary-error.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { type Soon, soon } from '../../../lifecycle/soon.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import { wait } from '../../../lifecycle/wait.ts';
import type { LifeSigns } from '../life-signs.ts';
import type { Tally } from '../tally.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import type { GuardedClient } from '../transaction/guarded-client.ts';
import { Outbox } from '../transaction/outbox.ts';
import { CallContext, type ContextEnvironment, type ContextTools } from './call-context.ts';
import { type CallFailure, type InvokeOptions, invoke } from './invoke.ts';
import type { OutcomeBook } from './outcomes.ts';

/** The batch is given up as it is: everything of it is rolled back, and it is handed out again. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
  /** The error of the events at work, where they are certainly the cause. */
  readonly blame: { readonly error: unknown } | undefined;

  constructor(
    reason: string,
    { cause, blame }: { readonly cause?: unknown; readonly blame?: { readonly error: unknown } } = {},
  ) {
    super(reason, cause === undefined ? {} : { cause });
    this.blame = blame;
  }
}

export type CallResult =
  | { readonly ok: true; readonly touched: boolean }
  | { readonly ok: false; readonly touched: boolean; readonly error: unknown };

interface Written {
  readonly outbox: Outbox;
  /** A statement may have left a setting behind. */
  readonly maySet: boolean;
  readonly touched: boolean;
}

export interface CallEnvironment extends ContextEnvironment {
  readonly timeoutMs: number;
  readonly signs: LifeSigns;
  readonly tally: Pick<Tally, 'called'>;
  /** Cancels the statement that runs on the batch's connection, from outside. */
  cancelStatement(): Promise<void>;
}

export class HandlerCalls {
  readonly #environment: CallEnvironment;
  readonly #transaction: BatchTransaction;
  readonly #tools: ContextTools;
  readonly #options: InvokeOptions;

  /** @param onOverrun called when a call did not return in time, so something of the handler may still run in this process. */
  constructor(
    environment: CallEnvironment,
    transaction: BatchTransaction,
    book: OutcomeBook,
    onOverrun: () => void,
  ) {
    this.#environment = environment;
    this.#transaction = transaction;
    this.#tools = { book, clientFor: () => transaction.clientFor() };
    const { handler, signs, tally, timeoutMs } = environment;
    this.#options = { handler, timeoutMs, signs, tally, onOverrun };
  }

  /** One event to an `event` handler, or several to a `batch` handler. @throws Abandoned */
  call(events: readonly BatchEvent[]): Soon<CallResult> {
    const begunMs = performance.now();
    const spoken = this.#transaction.beforeCall();
    if (spoken === undefined) return this.#call(events, begunMs);
    return this.#ofCentral(() => spoken).then(() => this.#call(events, begunMs));
  }

  #call(events: readonly BatchEvent[], begunMs: number): Soon<CallResult> {
    const context = new CallContext(events, this.#environment, this.#tools);
    const thrown = invoke(events, context, this.#options);
    return soon(thrown, (failure) => this.#ended(failure, context, begunMs));
  }

  #ended(thrown: CallFailure, context: CallContext, begunMs: number): Soon<CallResult> {
    const client = context.end();
    if (client === undefined || !client.isUsed || client.isQuiet) return this.#judge(thrown, context, client);
    const settled = this.#settle(client, { context, thrown, begunMs });
    return settled.then((failure) => this.#judge(failure, context, client));
  }

  #judge(thrown: CallFailure, context: CallContext, client: GuardedClient | undefined): Soon<CallResult> {
    const { outbox } = context;
    let failure = thrown ?? context.answerCalls();
    const isUsed = client?.isUsed ?? false;
    if (isUsed) {
      failure ??= client?.unawaited;
      this.#assertThere(failure);
      if (this.#transaction.isAborted) failure ??= { error: wentOn() };
    }
    if (this.#environment.stopNow.aborted) throw new Abandoned('The worker has to stop at once.');
    const touched = isUsed || (failure === undefined && outbox.size > 0);
    const maySet = client?.maySet ?? false;
    if (failure !== undefined || (!maySet && outbox.size === 0)) return resultOf(failure, touched);
    return this.#finish({ outbox, maySet, touched });
  }

  /** Of a call that went well: undoes its settings, and sends. */
  async #finish({ outbox, maySet, touched }: Written): Promise<CallResult> {
    let failure = maySet ? await this.#attempt(() => this.#transaction.restore()) : undefined;
    failure ??= await this.#attempt(() => this.#send(outbox));
    return resultOf(failure, touched);
  }

  /** Checks deferred constraints of what the last calls wrote. @returns the violation. @throws Abandoned */
  async check(): Promise<CallFailure> {
    return await this.#attempt(() => this.#transaction.check());
  }

  async #send(outbox: Outbox): Promise<void> {
    for (const sending of outbox.sendings()) await this.#transaction.send(sending);
    await this.#transaction.publish(Outbox.messages([outbox]));
  }

  /** Waits for what is still under way, within the time of the call. */
  async #settle(
    client: GuardedClient,
    { context, thrown, begunMs }: { context: CallContext; thrown: CallFailure; begunMs: number },
  ): Promise<CallFailure> {
    const { timeoutMs } = this.#environment;
    let failure = thrown;
    const restMs = begunMs + timeoutMs - performance.now();
    const isSettled =
      !context.hasOverrun && (await isSettledWithin(client, Math.max(TIMING.handler.settleMs, restMs)));
    if (!isSettled) {
      failure ??= { error: tooLong(timeoutMs) };
      await this.#cancel(client, failure);
    }
    await client.settled();
    return failure;
  }

  /** Runs statements of ours whose errors count as the call's. */
  async #attempt(work: () => Promise<void>): Promise<CallFailure> {
    try {
      await work();
      return undefined;
    } catch (error) {
      this.#assertThere({ error });
      return { error };
    }
  }

  async #ofCentral(work: () => Promise<void>): Promise<void> {
    const failure = await this.#attempt(work);
    if (failure !== undefined) throw failure.error;
  }

  #assertThere(failure: CallFailure): void {
    if (this.#transaction.isLost)
      throw new Abandoned('The connection to central was lost.', { cause: failure?.error });
  }

  async #cancel(client: GuardedClient, blame: { readonly error: unknown }): Promise<void> {
    // Without a connection for it nothing can be cancelled.
    await this.#environment.cancelStatement().catch(() => {});
    if (await isSettledWithin(client, TIMING.connections.cancelMs)) return;
    const reason = 'A statement of the handler could not be cancelled.';
    this.#transaction.lose(new Error(reason));
    throw new Abandoned(reason, { blame });
  }
}

const resultOf = (failure: CallFailure, touched: boolean): CallResult =>
  failure === undefined ? { ok: true, touched } : { ok: false, touched, error: failure.error };

async function isSettledWithin(client: GuardedClient, ms: number): Promise<boolean> {
  const controller = new AbortController();
  const isSettled = await Promise.race([
    client.settled().then(() => true),
    wait(ms, controller.signal).then(() => false),
  ]);
  controller.abort();
  return isSettled;
}

const tooLong = (timeoutMs: number) =>
  new TributaryError(`A statement that the handler did not wait for took longer than ${timeoutMs} ms.`, {
    code: 'handler-timeout',
    kind: 'halting',
    remedy: 'Wait for every statement, and end every stream, before the handler returns.',
  });

const wentOn = () =>
  new TributaryError('A statement of the handler failed, and the handler went on as if it had not.', {
    code: 'handler-client',
    kind: 'halting',
    remedy:
      'In PostgreSQL a failed statement undoes the whole transaction: let the error out of the handler.',
  });
