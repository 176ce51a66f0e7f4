// One try at a batch: its transactions, its runner and its outcomes, whether it is handled as a whole, in parts or in slices.
//
// Invariant: outcomes in the book are written in the transaction of the effects, never for events behind a cut.
import { canBeEventsFault } from '../../../errors/sqlstate.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from '../batch-environment.ts';
import { failureLog, KILLED, unwritable } from '../call/failure-log.ts';
import { Abandoned, HandlerCalls } from '../call/handler-call.ts';
import { OutcomeBook } from '../call/outcomes.ts';
import { PartNote } from '../call/part-note.ts';
import { writeOutcomes } from '../call/write-outcomes.ts';
import { type EventPiece, Gathering } from '../groups/coalesce.ts';
import { type GroupRunner, type GroupTools, InHalves, OneByOne } from '../groups/groups.ts';
import { joinedRange, type Range, rangeOf } from '../narrowing/losses.ts';
import { stepNarrowing } from '../narrowing/narrowing.ts';
import { BatchTransaction } from '../transaction/batch-transaction.ts';
import { Tripped } from '../tries/probing.ts';
import { NONE, type SettledCounts, sum } from './counts.ts';
import { KeyPaused } from './key-paused.ts';

export class Attempt {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
  readonly #book: OutcomeBook;
  readonly #partNote: PartNote;
  /** Counts of committed events, by this try and those before it. */
  #done: SettledCounts;
  /** Counts of the open transaction. */
  #open: SettledCounts = NONE;
  #hasOverrun: boolean;
  #committedId = Number.NEGATIVE_INFINITY;
  #transaction: BatchTransaction | undefined;
  /** The events of the transaction so far, and of the call that is at work. */
  #range: Range | undefined;
  #call: Range | undefined;
  /** Events that are settled in the transaction that is open, for those who count. */
  #settled = 0;
  /** The events that are at work, and how many of them a cut has counted already. */
  #piece: readonly BatchEvent[] = [];
  #cutOff = 0;

  constructor(
    connection: Connection,
    batch: CoopBatch,
    environment: BatchEnvironment,
    { hasOverrun = false, ...done }: Partial<BatchResult> = {},
  ) {
    this.#done = { ...NONE, ...done };
    this.#hasOverrun = hasOverrun;
    this.connection = connection;
    this.batch = batch;
    this.environment = environment;
    this.#book = new OutcomeBook(environment.retry);
    const { host, membership, tally, work } = environment;
    this.#partNote = new PartNote({ batch, membership, work, host, calls: tally.part });
  }

  /** After a failure: another try at the events that are not committed, with a book of its own. */
  again(): Attempt {
    this.environment.record.progress.again(this.#done.events);
    const committed = { ...this.#done, hasOverrun: this.#hasOverrun };
    return new Attempt(this.connection, this.batch, { ...this.environment, first: undefined }, committed);
  }

  transaction(): BatchTransaction {
    const { constraints, onSent, timeoutMs } = this.environment;
    const { token } = this.batch;
    this.#range = undefined;
    this.environment.record.begun();
    this.environment.tally.deliveries.discard();
    this.#partNote.begun();
    this.#transaction = new BatchTransaction(this.connection, {
      ...{ token, constraints, onSent },
      idleLimitMs: timeoutMs + TIMING.worker.idleSlackMs,
    });
    return this.#transaction;
  }

  /** The events that may have caused a loss of the connection: those of the call at work, if it uses the connection, else the transaction's. */
  get atWork(): Range | undefined {
    return this.#call !== undefined && this.#transaction?.isUsed ? this.#call : this.#range;
  }

  /** Of these events, those behind the last part that was committed. */
  uncommitted(events: readonly BatchEvent[]): readonly BatchEvent[] {
    return events.filter(({ id }) => id > this.#committedId);
  }

  /** Undefined where every event is handled. */
  gathering(): Gathering | undefined {
    const { handler } = this.environment;
    if (handler.event !== undefined || handler.coalesce === undefined) return undefined;
    return new Gathering(handler, (event) => this.#book.done(event));
  }

  runner(transaction: BatchTransaction, more: Pick<GroupTools, 'behind' | 'isFailing'> = {}): GroupRunner {
    const { failureRate, handler, log, record } = this.environment;
    const tools = {
      calls: new HandlerCalls(this.environment, transaction, this.#book, () => {
        this.#hasOverrun = true;
      }),
      transaction,
      book: this.#book,
      rate: failureRate,
      record,
      isPausing: this.batch.isPausing,
      cut: async ({ id }: BatchEvent) => {
        this.#settleUpTo(id);
        await this.commitPart(transaction, id);
        this.environment.onAdvanced();
        await transaction.begin();
      },
      pause: async ({ id }: BatchEvent) => {
        const { isTripped } = record.breaker;
        if (!isTripped && !this.hasPaused) return;
        this.#settleUpTo(id);
        await this.commitPart(transaction, id);
        this.environment.onAdvanced();
        throw isTripped ? new Tripped(id) : new KeyPaused(id);
      },
      onCall: (events: readonly BatchEvent[]) => this.#note(events),
      onReturn: () => {
        this.#call = undefined;
      },
      onFailure: failureLog(log, record.folding),
      ...more,
    };
    return handler.event === undefined ? new InHalves(tools) : new OneByOne(tools);
  }

  async handle({ all, failed }: EventPiece, runner: GroupRunner): Promise<void> {
    this.#piece = all;
    this.environment.tally.deliveries.note(all);
    this.#cutOff = 0;
    for (const [event, error] of failed) this.#failed(event, error);
    const events = failed.size === 0 ? all : all.filter((event) => !failed.has(event));
    if (events.length === 0) return;
    try {
      await runner.run(events);
    } catch (error) {
      if (error instanceof Tripped || error instanceof KeyPaused)
        this.passed(all.filter(({ id }) => id <= error.lastEventId).length);
      throw error;
    }
  }

  /** The event has killed its workers. */
  killed(event: BatchEvent): void {
    this.#book.dead(event, 'killed', KILLED);
  }

  /** Writes the failure of events whose effects are rolled back, in a transaction of its own. @throws central's trouble; KeyPaused */
  async fail(events: readonly BatchEvent[], error: unknown): Promise<void> {
    const last = events.at(-1)?.id ?? 0;
    let hasPaused = false;
    const write = async (decide: (event: BatchEvent) => void) => {
      this.discard();
      const transaction = this.transaction();
      await transaction.begin();
      events.forEach(decide);
      this.settled(events.length);
      hasPaused = this.hasPaused;
      await this.commitPart(transaction, last);
    };
    try {
      await write((event) => this.#failed(event, error));
    } catch (unwritten) {
      // Else the event itself cannot be put off.
      if (!canBeEventsFault(unwritten)) throw unwritten;
      await this.connection.script('rollback');
      await write((event) => this.#book.dead(event, 'handler', unwritable(unwritten)));
    }
    this.advanced(events.length);
    if (hasPaused) throw new KeyPaused(last);
  }

  /** An event was put off, and nothing behind it may be handled before that is committed. */
  get hasPaused(): boolean {
    return this.batch.isPausing && this.#book.hasPutOff;
  }

  /** The transaction was rolled back. */
  discard(): void {
    this.#book.clear();
    this.#partNote.begun();
    this.#open = NONE;
    this.#call = undefined;
    this.#settled = this.#cutOff = 0;
  }

  /** These many events of the open transaction need nothing more, those that were passed over included. */
  settled(events: number): void {
    this.#settled += events - this.#cutOff;
    this.#cutOff = 0;
  }

  /** Commits what is done up to this event; the next opening of the batch goes on behind it. */
  async commitPart(transaction: BatchTransaction, lastEventId: number): Promise<void> {
    await this.#writeOutcomes(transaction, lastEventId);
    await stepNarrowing(transaction, this.environment.membership, { batch: this.batch, lastEventId });
    await transaction.commit(this.#noteSql(lastEventId));
    this.#committedId = lastEventId;
    this.#committed();
  }

  async finish(transaction: BatchTransaction): Promise<void> {
    await this.#writeOutcomes(transaction);
    await transaction.finish(this.#noteSql());
    this.#committed();
  }

  /** Writes outcomes before they take much memory; those that pause keys where the part ends, which is soon. */
  async writeManyOutcomes(transaction: BatchTransaction): Promise<void> {
    if (this.#book.isLarge && !this.hasPaused) await this.#writeOutcomes(transaction);
  }

  /** This many more events of the open transaction were handled. @throws Abandoned where the worker has to stop at once */
  progress(events: number): void {
    this.#count({ events });
    this.environment.record.progress.passed(events);
    this.#assertMayGoOn();
  }

  /** This many more events are committed, with what belongs to them. @throws Abandoned where the worker has to stop at once */
  advanced(events: number): void {
    this.passed(events);
    this.#assertMayGoOn();
  }

  result(): BatchResult {
    return { ...sum(this.#done, this.#open), hasOverrun: this.#hasOverrun };
  }

  #failed(event: BatchEvent, error: unknown): void {
    const { log, record } = this.environment;
    const isCounted = record.failed(event, error);
    failureLog(log, record.folding)(event, this.#book.failed(event, error, { isCounted }), error);
  }

  #note(events: readonly BatchEvent[]): void {
    const call = rangeOf(events);
    this.#call = call;
    this.#range = joinedRange(this.#range, call);
    this.environment.recorder?.note(this.batch, call);
  }

  #assertMayGoOn(): void {
    this.environment.signs.progress();
    if (this.environment.stopNow.aborted) throw new Abandoned('The worker has to stop at once.');
  }

  /** This many more are committed. */
  passed(events: number): void {
    this.#done = sum(this.#done, { ...NONE, events });
    this.environment.record.progress.passed(events);
  }

  #count(counts: Partial<SettledCounts>): void {
    this.#open = sum(this.#open, { ...NONE, ...counts });
  }

  /** A cut ends the transaction within a piece. */
  #settleUpTo(lastEventId: number): void {
    const events = this.#piece.filter(({ id }) => id <= lastEventId).length;
    this.#settled += events - this.#cutOff;
    this.#cutOff = events;
  }

  #committed(): void {
    const { putOff, dead } = this.#open;
    this.environment.tally.settled({ events: this.#settled, putOff, dead });
    this.#settled = 0;
    this.#partNote.begun();
    this.#done = sum(this.#done, this.#open);
    this.#open = NONE;
    this.#range = undefined;
    this.environment.record.committed();
  }

  #noteSql(lastEventId?: number): string {
    const { putOff, dead } = this.#open;
    return this.#partNote.sql({ lastEventId, events: this.#settled, putOff, dead });
  }

  async #writeOutcomes(transaction: BatchTransaction, lastEventId?: number): Promise<void> {
    if (this.#book.size === 0) return;
    const outcomes = this.#book.take(lastEventId);
    await transaction.releaseSavepoint();
    const { hasResults, membership } = this.environment;
    const { batch } = this;
    await writeOutcomes(transaction, membership, outcomes, { batch, lastEventId, hasResults });
    this.#partNote.wrote(outcomes);
    this.#count({ putOff: outcomes.putOff.length, dead: outcomes.dead.length });
  }
}
