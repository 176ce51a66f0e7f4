// One try at a batch: what its transactions, its runner and its outcomes have in common, whichever way it is handled.
//
// Invariant: what the book decides is written in the transaction of the effects, never for events behind a cut.
import type { BatchEvent } from '../../handler/event.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { CoopBatch } from '../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from './batch-environment.ts';
import { BatchTransaction } from './batch-transaction.ts';
import { Gathering, type Piece } from './coalesce.ts';
import { endNarrowing, stepNarrowing } from './doors.ts';
import { failureLog, KILLED } from './failure-log.ts';
import { type GroupRunner, type GroupTools, InHalves, OneByOne } from './groups.ts';
import { Abandoned, HandlerCalls } from './handler-call.ts';
import { OutcomeBook } from './outcomes.ts';
import { writeOutcomes } from './write-outcomes.ts';

/** Outcomes in memory before they are written. */
const MOST_OUTCOMES = 200;
const MOST_OUTCOME_BYTES = 8_000_000;
/** What the server grants a transaction beyond the handler's own time. */
const IDLE_SLACK_MS = 15_000;

export class BatchWork {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
  /** Something of the batch may have been committed before its end. */
  isInParts: boolean;
  readonly #book: OutcomeBook;
  #events = 0;
  #putOff = 0;
  #dead = 0;
  #hasOverrun = false;

  constructor(connection: Connection, batch: CoopBatch, environment: BatchEnvironment) {
    this.connection = connection;
    this.batch = batch;
    this.environment = environment;
    this.isInParts = batch.openings > 1;
    this.#book = new OutcomeBook(environment.retry);
  }

  transaction(): BatchTransaction {
    return new BatchTransaction(this.connection, {
      idleLimitMs: this.environment.timeoutMs + IDLE_SLACK_MS,
      token: this.batch.token,
      onSent: this.environment.onSent,
    });
  }

  /** Undefined where every event is handled. */
  gathering(): Gathering | undefined {
    const { handler } = this.environment;
    if (handler.event !== undefined || handler.coalesce === undefined) return undefined;
    return new Gathering(handler, (event) => this.#book.done(event));
  }

  runner(transaction: BatchTransaction, more: Pick<GroupTools, 'behind' | 'isFailing'> = {}): GroupRunner {
    const { failureRate, handler, log } = this.environment;
    const tools = {
      calls: new HandlerCalls(this.environment, transaction, this.#book, () => {
        this.#hasOverrun = true;
      }),
      transaction,
      book: this.#book,
      rate: failureRate,
      cut: async ({ id }: BatchEvent) => {
        await this.commitPart(transaction, id);
        this.environment.onAdvanced();
        await transaction.begin();
      },
      onCall: (events: readonly BatchEvent[]) => this.#note(events),
      onFailure: failureLog(log),
      ...more,
    };
    return handler.event === undefined ? new InHalves(tools) : new OneByOne(tools);
  }

  async handle({ all, failed }: Piece, runner: GroupRunner): Promise<void> {
    const say = failureLog(this.environment.log);
    for (const [event, error] of failed) say(event, this.#book.failed(event, error), error);
    const events = failed.size === 0 ? all : all.filter((event) => !failed.has(event));
    if (events.length > 0) await runner.run(events);
  }

  condemn(event: BatchEvent): void {
    this.#book.condemned(event, 'killed', KILLED);
  }

  /** Commits what is done up to this event; whoever opens the batch again goes on behind it. */
  async commitPart(transaction: BatchTransaction, lastEventId: number): Promise<void> {
    await this.#writeOutcomes(transaction, lastEventId);
    await stepNarrowing(transaction, this.environment.membership, { batch: this.batch, lastEventId });
    await transaction.commit('select');
    this.isInParts = true;
  }

  async finish(transaction: BatchTransaction): Promise<void> {
    await this.#writeOutcomes(transaction);
    if (this.isInParts) await endNarrowing(transaction, this.environment.membership, this.batch);
    await transaction.commit(`select tributary.coop_finish_batch(${this.batch.token})`);
  }

  /** Writes outcomes before they take much memory. */
  async writeManyOutcomes(transaction: BatchTransaction): Promise<void> {
    const { bytes, size } = this.#book;
    if (size >= MOST_OUTCOMES || bytes >= MOST_OUTCOME_BYTES) await this.#writeOutcomes(transaction);
  }

  progress(events: number): void {
    this.#events += events;
    this.environment.signs.progress();
    if (this.environment.stopNow.aborted) throw new Abandoned('The worker was told to stop at once.');
  }

  result(): BatchResult {
    return { events: this.#events, putOff: this.#putOff, dead: this.#dead, hasOverrun: this.#hasOverrun };
  }

  #note(events: readonly BatchEvent[]): void {
    const { startTick, endTick } = this.batch;
    const [first, last] = [events[0]?.id ?? 0, events.at(-1)?.id ?? 0];
    this.environment.recorder?.note({ startTick, endTick, first, last, events: events.length });
  }

  async #writeOutcomes(transaction: BatchTransaction, lastEventId?: number): Promise<void> {
    if (this.#book.size === 0) return;
    const outcomes = this.#book.take(lastEventId);
    await transaction.seal();
    await writeOutcomes(transaction, this.environment.membership, outcomes);
    this.#putOff += outcomes.putOff.length;
    this.#dead += outcomes.dead.length;
  }
}
