// A batch whose handler says `transaction: false`: no transaction is open while it runs, and its events are passed after it.
//
// Invariant: an event is passed only when its call is done, and all before it are; at least once. The connection is used by
// this loop alone, never by a call.
// Order: read a part · calls · commit what is done now and then (progress, outcomes, sends) · the next part · the end.
// Fails by: a death repeats what was done since the last commit; central's trouble repeats nothing. A worker that drains
// begins no more calls, waits for those at work, commits them, and hands the rest back: the next worker goes on behind them.
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from '../batch-environment.ts';
import { Abandoned } from '../call/handler-call.ts';
import { hasNarrowing, markNarrowing, type Narrowing, openNarrowing } from '../narrowing/narrowing.ts';
import { fatalEvent, SlicePlan } from '../narrowing/slice-plan.ts';
import { suspicionOf } from '../narrowing/suspicion.ts';
import { HandedBack } from '../rate-limit.ts';
import { estimate } from '../reading/estimate.ts';
import { readAhead } from '../reading/read-ahead.ts';
import { untilProbe } from '../tries/probing.ts';
import { FreeCalls, type Result } from './calls.ts';
import { Commits } from './commit.ts';
import { type AtWork, type Dispatch, dispatchOf } from './dispatch.ts';
import { type DoneEvent, FreeProgress } from './progress.ts';

/** Characters of sent events that are not committed; beyond this no call begins. */
const MOST_UNCOMMITTED = 16_000_000;
/** Counted for an event besides its text. */
const EACH_COSTS = 200;

export interface FreeRunOptions {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
}

/** @throws HandedBack where the worker had to drain before the batch was done. */
export async function runFree({ connection, batch, environment }: FreeRunOptions): Promise<BatchResult> {
  const { membership } = environment;
  environment.carried.opened(batch);
  const { isSuspected, call } = suspicionOf(batch, environment.suspect);
  const isKnown = batch.openings > 1 && (await hasNarrowing(connection, membership, batch));
  const narrowing =
    isKnown || isSuspected ? await openNarrowing(connection, membership, batch, call) : undefined;
  const past = { isSuspected: isSuspected || narrowing?.suspect !== undefined, narrowing };
  return await new FreeRun({ connection, batch, environment }, past).run();
}

interface Past {
  /** The batch is suspected of having killed a worker. */
  readonly isSuspected: boolean;
  readonly narrowing: Narrowing | undefined;
}

class FreeRun {
  readonly #options: FreeRunOptions;
  readonly #past: Past;
  readonly #calls: FreeCalls;
  readonly #commits: Commits;
  readonly #dispatch: Dispatch;
  readonly #progress = new FreeProgress<Result | undefined>();
  /** Taken from the progress, and not committed yet. */
  #writing: readonly DoneEvent<Result | undefined>[] = [];
  #committedMs = performance.now();
  /** A marked slice is at work: a commit would remove the mark. */
  #isMarked = false;
  #uncommitted = 0;
  /** The first event that was put off whose followers have to wait: nothing behind it begins, until all before it are done. */
  #pausedAt: number | undefined;
  #read = 0;
  #passed = 0;

  constructor(options: FreeRunOptions, past: Past) {
    this.#options = options;
    this.#past = past;
    this.#calls = new FreeCalls(options.environment);
    this.#commits = new Commits(
      { ...options, calls: this.#calls },
      { hasNarrowing: past.narrowing !== undefined },
    );
    this.#dispatch = dispatchOf(options.environment.handler, options.batch, {
      calls: this.#calls,
      progress: this.#progress,
      done: (event, result) => {
        this.#progress.done(event, result);
        if (options.batch.isPausing && result?.book.hasPutOff)
          this.#pausedAt = Math.min(event.id, this.#pausedAt ?? event.id);
        options.environment.record.progress.passed(1);
        this.#uncommitted += charactersOf(result);
      },
      carried: (event) => options.environment.carried.take(event),
      before: (most) => this.#before(most),
      passDone: () => this.#passDone(),
      note: (call) => this.#note(call),
      assertGoesOn: () => this.#assertGoesOn(),
      mostId: () => this.#pausedAt,
      keysAtOnce: options.environment.keysAtOnce ?? 1,
    });
  }

  async run(): Promise<BatchResult> {
    try {
      await this.#work();
      await this.#commit({ isLast: true });
    } catch (error) {
      // Before the batch goes to another worker: no call of it may be at work here any more.
      await this.#dispatch.settle();
      const end = error instanceof HandedBack ? await this.#handBack().catch((thrown) => thrown) : error;
      this.#carry(end);
      throw end;
    } finally {
      this.#calls.end();
    }
    const { dead, putOff } = this.#commits;
    return { events: this.#read, putOff, dead, hasOverrun: this.#calls.hasOverrun };
  }

  /** The batch cannot go on here now: results are kept for its next opening. */
  #carry(error: unknown): void {
    const { batch, connection, environment } = this.#options;
    if (connection.failed) environment.losses.note(batch, this.#commits.atWork, error);
    environment.carried.keep(batch, [...this.#writing, ...this.#progress.allDone]);
  }

  async #work(): Promise<void> {
    const { batch, connection, environment } = this.#options;
    const { recorder, source, size } = environment;
    const { isSuspected, narrowing } = this.#past;
    const suspect = narrowing?.suspect;
    const plan = new SlicePlan({ suspect, isRecorded: recorder !== undefined });
    let afterId = narrowing?.lastEventId;
    for (let isAll = false; !isAll; ) {
      // Reads on only while fewer events are read and not passed than one reading has, even behind an event that takes long.
      await this.#untilLess(() => this.#progress.size >= size.rows);
      const read = await readAhead(() => this.#commits.newTransaction(), {
        batch,
        source,
        size,
        afterId,
        hasKeys: this.#dispatch.needsKeys,
      });
      isAll = read.isAll;
      await estimate(connection, { batch, record: environment.record, read });
      this.#read += read.events.length;
      const ids = read.events.map(({ id }) => id);
      for (let from = 0, end = 0; from < ids.length; from = end) {
        const slice = isSuspected ? plan.narrowing(ids, from) : { end: ids.length, isMarked: false };
        end = slice.end;
        const events = read.events.slice(from, end);
        if (slice.isMarked) await this.#runMarked(events, fatalEvent(suspect));
        else await this.#dispatch.feed(events);
        afterId = ids[end - 1];
        plan.passed(afterId ?? 0);
      }
    }
    await this.#dispatch.finish();
  }

  /** Runs a slice marked and alone, so that it is known if it kills its worker. */
  async #runMarked(slice: readonly BatchEvent[], fatal: number | undefined): Promise<void> {
    const { batch, connection, environment } = this.#options;
    await this.#dispatch.finish();
    await this.#commit({ isLast: false });
    const ids = slice.map(({ id }) => id);
    const others = slice.filter(({ id }) => id !== fatal);
    const killing = slice.filter(({ id }) => id === fatal);
    this.#progress.read(killing);
    for (const event of killing) this.#progress.done(event, this.#calls.killed(event));
    if (others.length > 0) {
      const marked: readonly [number, number] = [ids[0] ?? 0, ids.at(-1) ?? 0];
      const events = new Set(ids).size;
      await markNarrowing(connection, environment.membership, { batch, slice: marked, events });
      this.#isMarked = true;
      await this.#dispatch.feed(others);
      await this.#dispatch.finish();
      this.#isMarked = false;
    }
    await this.#commit({ isLast: false });
  }

  /** Notes the calls at work where it outlives this process. */
  #note(call: AtWork): void {
    const { batch, environment } = this.#options;
    environment.recorder?.note(batch, call);
  }

  /** Commits now and then, and waits for the rate of the queue. */
  async #before(most: number): Promise<number> {
    const { connection, environment } = this.#options;
    const { handler, rate } = environment;
    this.#assertMayGoOn();
    await this.#passDone();
    await this.#untilLess(() => this.#uncommitted >= MOST_UNCOMMITTED);
    const probed = Math.min(most, await this.#untilProbe());
    if (rate !== undefined)
      return await rate.take(connection, { most: probed, isOneByOne: handler.event !== undefined });
    return handler.event === undefined || probed < most ? probed : 1;
  }

  async #untilProbe(): Promise<number> {
    const { draining, record, signs } = this.#options.environment;
    const onWaiting = async () => {
      signs.progress();
      await this.#passDone();
    };
    return await untilProbe(record.breaker, { signal: draining, onWaiting });
  }

  async #passDone(): Promise<void> {
    if (this.#isMarked) return;
    if (this.#progress.isReady && performance.now() - this.#committedMs >= TIMING.worker.freeCommitEveryMs)
      await this.#commit({ isLast: false });
  }

  async #untilLess(isTooMuch: () => boolean): Promise<void> {
    while (!this.#isMarked && isTooMuch()) {
      this.#assertGoesOn();
      const before = this.#progress.size;
      await this.#commit({ isLast: false });
      if (this.#progress.size === before && !(await this.#dispatch.next())) return;
    }
  }

  async #commit({ isLast }: { readonly isLast: boolean }): Promise<void> {
    const { environment } = this.#options;
    const done = this.#progress.take();
    this.#committedMs = performance.now();
    if (done.length === 0 && !isLast) return;
    this.#writing = done;
    await this.#commits.write(done, { isLast });
    this.#writing = [];
    this.#passed += done.length;
    this.#uncommitted -= done.reduce((sum, { result }) => sum + charactersOf(result), 0);
    environment.signs.progress();
    if (!isLast) environment.onAdvanced();
  }

  async #handBack(): Promise<never> {
    const { environment } = this.#options;
    await this.#commit({ isLast: false });
    throw new HandedBack(
      environment.draining.aborted
        ? `The worker has to end after ${this.#passed} events of the batch; another one goes on with the rest.`
        : this.#pausedAt !== undefined
          ? `A key is paused: the batch goes on behind ${this.#passed} events, without those that wait.`
          : `Nothing succeeds: the batch waits behind ${this.#passed} of its events.`,
    );
  }

  #assertGoesOn(): void {
    this.#assertMayGoOn();
    if (this.#options.environment.record.breaker.isTripped)
      throw new HandedBack('Nothing succeeds: the batch waits.');
  }

  #assertMayGoOn(): void {
    const { connection, environment } = this.#options;
    if (connection.failed) throw new Abandoned('The connection to central was lost.');
    if (this.#pausedAt !== undefined && this.#progress.isDoneUpTo(this.#pausedAt))
      throw new HandedBack('A key is paused: the batch goes on without the events that wait behind it.');
    if (environment.draining.aborted || environment.stopNow.aborted) {
      throw new HandedBack('The worker has to end before the batch is done.');
    }
  }
}

const charactersOf = (result: Result | undefined): number =>
  result === undefined ? 0 : result.outbox.characters + result.outbox.size * EACH_COSTS;
