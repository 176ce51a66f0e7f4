// A batch whose handler says `transaction: false`: no transaction is open while it runs, and its events are passed after it.
//
// Invariant: an event is passed only when its call is done, and all before it are; at least once. The connection is used by
// this loop alone, never by a call.
// Order: read a part · calls · commit what is done now and then (progress, outcomes, sends) · the next part · the end.
// Fails by: a death repeats what was done since the last commit; central's trouble repeats nothing. Told to drain, it begins nothing more, waits for what is at
// work, commits it, and hands the rest back: whoever takes the batch goes on behind the progress.
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { BatchEnvironment, BatchResult } from '../batch-environment.ts';
import { Abandoned } from '../call/handler-call.ts';
import { hasNarrowing, markNarrowing, type Narrowing, openNarrowing } from '../narrowing/narrowing.ts';
import { condemned, SlicePlan } from '../narrowing/slice-plan.ts';
import { suspicionOf } from '../narrowing/suspicion.ts';
import { HandedBack } from '../rate-limit.ts';
import { estimate } from '../reading/estimate.ts';
import { readAhead } from '../reading/read-ahead.ts';
import { untilProbe } from '../tries/probing.ts';
import { FreeCalls, type Result } from './calls.ts';
import { Commits } from './commit.ts';
import { type AtWork, type Dispatch, dispatchOf } from './dispatch.ts';
import { type DoneEvent, FreeProgress } from './progress.ts';

/** What was sent and is not committed may hold so much text; where it holds more, nothing begins. */
const MOST_UNCOMMITTED = 16_000_000;
/** What an event takes besides its text. */
const EACH_COSTS = 200;

export interface FreeRunOptions {
  readonly connection: Connection;
  readonly batch: CoopBatch;
  readonly environment: BatchEnvironment;
}

/** @throws HandedBack where the worker was told to drain before the batch was done. */
export async function runFree({ connection, batch, environment }: FreeRunOptions): Promise<BatchResult> {
  const { membership } = environment;
  environment.carried.opened(batch);
  const { isKiller, call } = suspicionOf(batch, environment.suspect);
  const isKnown = batch.openings > 1 && (await hasNarrowing(connection, membership, batch));
  const narrowing =
    isKnown || isKiller ? await openNarrowing(connection, membership, batch, call) : undefined;
  const isHunting = isKiller || narrowing?.suspect !== undefined;
  return await new FreeRun({ connection, batch, environment }, { isHunting, narrowing }).run();
}

interface Past {
  /** The batch has killed a worker. */
  readonly isHunting: boolean;
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
  /** A slice is at work that a commit would take the mark off. */
  #isMarked = false;
  #uncommitted = 0;
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
    this.#dispatch = dispatchOf(options.environment.handler, {
      calls: this.#calls,
      progress: this.#progress,
      done: (event, result) => {
        this.#progress.done(event, result);
        options.environment.record.progress.passed(1);
        this.#uncommitted += charactersOf(result);
      },
      carried: (event) => options.environment.carried.take(event),
      before: (most) => this.#before(most),
      passDone: () => this.#passDone(),
      note: (call) => this.#note(call),
      assertGoesOn: () => this.#assertGoesOn(),
    });
  }

  async run(): Promise<BatchResult> {
    try {
      await this.#work();
      await this.#commit({ isLast: true });
    } catch (error) {
      // Before the batch goes to another: nothing of it may be at work here any more.
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

  /** The batch cannot go on here now: what has ended is kept until it does. */
  #carry(error: unknown): void {
    const { batch, connection, environment } = this.#options;
    if (connection.failed) environment.losses.note(batch, this.#commits.atWork, error);
    environment.carried.keep(batch, [...this.#writing, ...this.#progress.allDone]);
  }

  async #work(): Promise<void> {
    const { batch, connection, environment } = this.#options;
    const { recorder, source, size } = environment;
    const { isHunting, narrowing } = this.#past;
    const suspect = narrowing?.suspect;
    const plan = new SlicePlan({ suspect, isRecorded: recorder !== undefined });
    let afterId = narrowing?.lastEventId;
    for (let isAll = false; !isAll; ) {
      // What is read and not passed stays within what one reading may hold, also behind an event that takes long.
      await this.#untilLess(() => this.#progress.size >= size.rows);
      const read = await readAhead(() => this.#commits.newTransaction(), {
        token: batch.token,
        source,
        size,
        afterId,
      });
      isAll = read.isAll;
      await estimate(connection, { batch, record: environment.record, read });
      this.#read += read.events.length;
      const ids = read.events.map(({ id }) => id);
      for (let from = 0, end = 0; from < ids.length; from = end) {
        const slice = isHunting ? plan.narrowing(ids, from) : { end: ids.length, isMarked: false };
        end = slice.end;
        const events = read.events.slice(from, end);
        if (slice.isMarked) await this.#hunt(events, condemned(suspect));
        else await this.#dispatch.feed(events);
        afterId = ids[end - 1];
        plan.passed(afterId ?? 0);
      }
    }
    await this.#dispatch.finish();
  }

  /** A slice that is marked while nothing else is at work, so that one that kills its worker is known. */
  async #hunt(slice: readonly BatchEvent[], guilty: number | undefined): Promise<void> {
    const { batch, connection, environment } = this.#options;
    await this.#dispatch.finish();
    await this.#commit({ isLast: false });
    const ids = slice.map(({ id }) => id);
    const innocent = slice.filter(({ id }) => id !== guilty);
    const killers = slice.filter(({ id }) => id === guilty);
    this.#progress.read(killers);
    for (const event of killers) this.#progress.done(event, this.#calls.killer(event));
    if (innocent.length > 0) {
      const marked: readonly [number, number] = [ids[0] ?? 0, ids.at(-1) ?? 0];
      const events = new Set(ids).size;
      await markNarrowing(connection, environment.membership, { batch, slice: marked, events });
      this.#isMarked = true;
      await this.#dispatch.feed(innocent);
      await this.#dispatch.finish();
      this.#isMarked = false;
    }
    await this.#commit({ isLast: false });
  }

  /** What is at work, where it outlives this process. */
  #note({ first, last, events }: AtWork): void {
    const { batch, environment } = this.#options;
    const { startTick, endTick } = batch;
    environment.recorder?.note({ startTick, endTick, first, last, events });
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
        ? `The worker was told to end after ${this.#passed} events of the batch; another one goes on with the rest.`
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
    if (environment.draining.aborted || environment.stopNow.aborted) {
      throw new HandedBack('The worker was told to end before the batch was done.');
    }
  }
}

const charactersOf = (result: Result | undefined): number =>
  result === undefined ? 0 : result.outbox.characters + result.outbox.size * EACH_COSTS;
