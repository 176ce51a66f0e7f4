// A batch from its token to its end: as a whole in one transaction, or in slices when it has killed workers before.
//
// Invariant: the effects of an event, what became of it, and the end of the batch (or of its slice) commit together, under
// the token; who has lost the token commits nothing.
// Fails by: any error before the commit leaves nothing; the batch is handed out again and its openings are counted.
import type { BatchEvent } from '../../handler/event.ts';
import type { Connection } from '../../postgres/connection.ts';
import type { CoopBatch, CoopMember } from '../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from './batch-environment.ts';
import { readBatch } from './batch-reader.ts';
import { BatchTransaction, TooManySavepoints } from './batch-transaction.ts';
import { Gathering, inPieces, type Piece } from './coalesce.ts';
import {
  endNarrowing,
  hasNarrowing,
  markNarrowing,
  openNarrowing,
  stepNarrowing,
  writeOutcomes,
} from './doors.ts';
import { failureLog, KILLED } from './failure-log.ts';
import { runFree } from './free/run.ts';
import { type GroupRunner, InHalves, OneByOne } from './groups.ts';
import { Abandoned, HandlerCalls } from './handler-call.ts';
import { OutcomeBook } from './outcomes.ts';
import { readAhead } from './read-ahead.ts';
import { condemned, firstWidth, nextWidth, sliceEnd } from './slices.ts';

/** Opened so often, a batch is held to kill its workers. */
const OPENINGS_OF_A_KILLER = 3;
/** Outcomes in memory before they are written. */
const MOST_OUTCOMES = 200;
/** What the server grants a transaction beyond the handler's own time. */
const IDLE_SLACK_MS = 15_000;

export async function runBatch(
  connection: Connection,
  batch: CoopBatch,
  environment: BatchEnvironment,
): Promise<BatchResult> {
  if (environment.handler.transaction === false) return await runFree({ connection, batch, environment });
  // Each try has its own book: what one decided is rolled back with it.
  const begin = () => new BatchRun(connection, batch, environment);
  const isKiller = batch.openings >= OPENINGS_OF_A_KILLER;
  // Where slices were committed before, the batch can only go on in slices.
  if (isKiller || (batch.openings > 1 && (await hasNarrowing(connection, environment.membership, batch)))) {
    return await begin().inSlices({ isHunting: true });
  }
  // No transaction may be open while the rate is waited for, so each part that it allows is one of its own.
  if (environment.rate !== undefined) return await begin().inSlices({ isHunting: false });
  try {
    return await begin().asAWhole();
  } catch (error) {
    if (!(error instanceof TooManySavepoints)) throw error;
    await connection.script('rollback');
    return await begin().inSlices({ isHunting: false });
  }
}

/** Takes the mark of a running slice off, by a worker that has lived through what went wrong. */
export async function unmark(
  connection: Connection,
  membership: CoopMember,
  batch: CoopBatch,
): Promise<void> {
  await markNarrowing(connection, membership, { batch });
}

class BatchRun {
  readonly #connection: Connection;
  readonly #batch: CoopBatch;
  readonly #environment: BatchEnvironment;
  readonly #book: OutcomeBook;
  #events = 0;
  #putOff = 0;
  #dead = 0;
  #hasOverrun = false;

  constructor(connection: Connection, batch: CoopBatch, environment: BatchEnvironment) {
    this.#connection = connection;
    this.#batch = batch;
    this.#environment = environment;
    this.#book = new OutcomeBook(environment.retry);
  }

  async asAWhole(): Promise<BatchResult> {
    const { handler, source, size, cancelStatement } = this.#environment;
    const transaction = this.#transaction();
    const runner = this.#runner(transaction);
    const isGathering = handler.batch !== undefined;
    const chunks = readBatch(transaction, this.#batch.token, { source, size, isGathering, cancelStatement });
    for await (const { piece, read } of inPieces(chunks, this.#gathering())) {
      await this.#handle(piece, runner);
      if (this.#book.size >= MOST_OUTCOMES) await this.#writeOutcomes(transaction);
      this.#progress(read);
    }
    await this.#writeOutcomes(transaction);
    await transaction.commit(`select tributary.coop_finish_batch(${this.#batch.token})`);
    return this.#result();
  }

  /** @param options.isHunting marks each slice before it is run, so that one that kills its worker is known. */
  async inSlices({ isHunting }: { readonly isHunting: boolean }): Promise<BatchResult> {
    const { membership } = this.#environment;
    const { suspect, lastEventId } = await openNarrowing(this.#connection, membership, this.#batch);
    let last = lastEventId;
    let width = firstWidth(suspect);
    for (;;) {
      const { events } = await this.#readAhead(last);
      if (events.length === 0) break;
      const ids = events.map(({ id }) => id);
      for (let from = 0; from < events.length; ) {
        const end = sliceEnd(ids, from, await this.#allowed(ids, { from, width }));
        await this.#slice(events.slice(from, end), { isHunting, guilty: condemned(suspect) });
        last = ids[end - 1] as number;
        from = end;
        width = nextWidth(width, last, suspect);
      }
    }
    const transaction = this.#transaction();
    await transaction.begin();
    await endNarrowing(transaction, membership, this.#batch);
    await transaction.commit(`select tributary.coop_finish_batch(${this.#batch.token})`);
    return this.#result();
  }

  /** The width of the next slice, as soon as the queue's rate allows it. */
  async #allowed(
    ids: readonly number[],
    { from, width }: { readonly from: number; readonly width: number },
  ): Promise<number> {
    const { rate, handler } = this.#environment;
    if (rate === undefined) return width;
    return await rate.take(this.#connection, {
      most: sliceEnd(ids, from, width) - from,
      least: sliceEnd(ids, from, 1) - from,
      isOneByOne: handler.event !== undefined,
    });
  }

  async #slice(
    events: readonly BatchEvent[],
    { isHunting, guilty }: { readonly isHunting: boolean; readonly guilty: number | undefined },
  ): Promise<void> {
    const { membership } = this.#environment;
    const ids = events.map(({ id }) => id);
    const lastEventId = ids.at(-1) ?? 0;
    const innocent = events.filter(({ id }) => id !== guilty);
    if (isHunting && innocent.length > 0) {
      await markNarrowing(this.#connection, membership, {
        batch: this.#batch,
        slice: [ids[0] ?? 0, lastEventId],
        events: new Set(ids).size,
      });
    }
    const transaction = this.#transaction();
    await transaction.begin();
    const runner = this.#runner(transaction);
    for await (const { piece } of inPieces([innocent], this.#gathering())) await this.#handle(piece, runner);
    for (const event of events) if (event.id === guilty) this.#condemn(event);
    await this.#writeOutcomes(transaction);
    await stepNarrowing(transaction, membership, { batch: this.#batch, lastEventId });
    await transaction.commit('select');
    this.#progress(events.length);
  }

  async #readAhead(afterId: number | undefined) {
    const { source, size } = this.#environment;
    const { token } = this.#batch;
    return await readAhead(() => this.#transaction(), { token, source, size, afterId });
  }

  #condemn(event: BatchEvent): void {
    this.#book.condemned(event, 'killed', KILLED);
  }

  #transaction(): BatchTransaction {
    return new BatchTransaction(this.#connection, {
      idleLimitMs: this.#environment.timeoutMs + IDLE_SLACK_MS,
      token: this.#batch.token,
      onSent: this.#environment.onSent,
    });
  }

  #gathering(): Gathering | undefined {
    const { handler } = this.#environment;
    if (handler.event !== undefined || handler.coalesce === undefined) return undefined;
    return new Gathering(handler, (event) => this.#book.done(event));
  }

  async #handle({ all, failed }: Piece, runner: GroupRunner): Promise<void> {
    const say = failureLog(this.#environment.log);
    for (const [event, error] of failed) say(event, this.#book.failed(event, error), error);
    const events = failed.size === 0 ? all : all.filter((event) => !failed.has(event));
    if (events.length > 0) await runner.run(events);
  }

  #runner(transaction: BatchTransaction): GroupRunner {
    const { handler, log } = this.#environment;
    const calls = new HandlerCalls(this.#environment, transaction, this.#book, () => {
      this.#hasOverrun = true;
    });
    const tools = {
      calls,
      transaction,
      book: this.#book,
      onFailure: failureLog(log),
    };
    return handler.event === undefined ? new InHalves(tools) : new OneByOne(tools);
  }

  async #writeOutcomes(transaction: BatchTransaction): Promise<void> {
    if (this.#book.size === 0) return;
    const outcomes = this.#book.take();
    await transaction.seal();
    await writeOutcomes(transaction, this.#environment.membership, outcomes);
    this.#putOff += outcomes.putOff.length;
    this.#dead += outcomes.dead.length;
  }

  #progress(events: number): void {
    this.#events += events;
    this.#environment.onProgress(events);
    if (this.#environment.stopNow.aborted) throw new Abandoned('The worker was told to stop at once.');
  }

  #result(): BatchResult {
    return {
      events: this.#events,
      putOff: this.#putOff,
      dead: this.#dead,
      hasOverrun: this.#hasOverrun,
    };
  }
}
