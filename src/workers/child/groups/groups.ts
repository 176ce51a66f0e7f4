// Runs events through the handler in groups that share one savepoint, and finds the event that throws.
//
// Invariant: when `run` has resolved, each event is either done, its effects in the transaction (or in one before it, which a
// cut has committed), or in the book as put off or dead, with none of its effects there.
// Order: savepoint · events · check of deferred constraints · on a failure: roll back to the savepoint, book the event, run
// again those of the group that had written; then a new savepoint, so that none of these is repeated for a later failure.
// Where only the check fails, those that had written are run again in halves, down to the event that fails alone. A cut comes
// between two groups.
// Fails by: `Abandoned`, or `TooManySavepoints` where no cut was possible in time.
import type { BatchEvent } from '../../../handler/event.ts';
import { type Soon, soon } from '../../../lifecycle/soon.ts';
import type { CallResult, HandlerCalls } from '../call/handler-call.ts';
import type { OutcomeBook } from '../call/outcomes.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import { isCollision, RERUNS } from '../transaction/collisions.ts';
import type { TrackRecord } from '../tries/track-record.ts';
import { cleanCuts } from './clean-cuts.ts';
import { FailureRate } from './failure-rate.ts';
import { callSize, groupSize, mustCut, type TransactionProgress } from './group-size.ts';

export interface GroupRunner {
  /** @throws Abandoned, TooManySavepoints */
  run(events: readonly BatchEvent[]): Promise<void>;
}

export interface GroupTools {
  readonly calls: Pick<HandlerCalls, 'call' | 'check'>;
  readonly transaction: Pick<BatchTransaction, 'savepoint' | 'rollBackToSavepoint' | 'savepoints'>;
  readonly book: OutcomeBook;
  /** Kept from batch to batch where it is given. */
  readonly rate?: FailureRate;
  /** The batch failed before it came here: it may be cut at once. */
  readonly isFailing?: boolean;
  /** How many events of the batch are still to come behind those that are run, as far as is known. */
  behind?(): number;
  /** Called before each call of the handler, to note it for the case that the worker dies. */
  onCall?(events: readonly BatchEvent[]): void;
  /** Called when the handler has returned. */
  onReturn?(): void;
  /** Nothing may be handled behind an event that was put off before `pause` was called. */
  readonly isPausing?: boolean;
  /** Called between two groups with the last event that is settled; throws where what follows has to wait. */
  pause?(last: BatchEvent): Promise<void>;
  /** Counts events that went well and events that failed. */
  readonly record?: Pick<TrackRecord, 'done' | 'undone' | 'failed'>;
  /** Commits everything up to this event and goes on in a fresh transaction; absent: the batch cannot be cut. */
  cut?(last: BatchEvent): Promise<void>;
  /** Called for each event that the handler failed on. */
  onFailure(event: BatchEvent, outcome: 'put-off' | 'dead', error: unknown): void;
}

/** What both kinds of handlers share: one attempt, and the decision where a transaction ends. */
class Attempts {
  readonly tools: GroupTools;
  readonly rate: FailureRate;
  #hasFailed: boolean;
  /** The event that was put off, where nothing behind it may be handled now. */
  paused: BatchEvent | undefined;
  /** The last event that is settled in this transaction. */
  #last: BatchEvent | undefined;

  constructor(tools: GroupTools) {
    this.tools = tools;
    this.rate = tools.rate ?? new FailureRate();
    this.#hasFailed = tools.isFailing ?? false;
  }

  call(events: readonly BatchEvent[]): Soon<CallResult> {
    const { book, calls, onCall } = this.tools;
    for (const event of events) book.forget(event);
    onCall?.(events);
    return soon(calls.call(events), (result) => this.#returned(events, result));
  }

  #returned(events: readonly BatchEvent[], result: CallResult): CallResult {
    const { book, onReturn, record } = this.tools;
    onReturn?.();
    if (!result.ok) this.#hasFailed = true;
    else for (const event of events) book.done(event);
    if (result.ok) record?.done(events);
    return result;
  }

  /** A call whose deferred constraints are checked at once. What failed is undone. */
  async checkedCall(events: readonly BatchEvent[]): Promise<CallResult> {
    const { calls, transaction } = this.tools;
    transaction.savepoint();
    let result = await this.call(events);
    const violated = result.ok && result.touched ? await calls.check() : undefined;
    if (violated !== undefined) result = this.violated(violated);
    if (!result.ok) await transaction.rollBackToSavepoint();
    return result;
  }

  violated({ error }: { readonly error: unknown }): CallResult {
    this.#hasFailed = true;
    this.tools.record?.undone();
    return { ok: false, touched: true, error };
  }

  giveUp(event: BatchEvent, error: unknown): void {
    const { book, onFailure, record } = this.tools;
    this.rate.note(event, true);
    const isCounted = record?.failed(event, error) ?? true;
    onFailure(event, book.failed(event, error, { isCounted }), error);
    this.noteIfPaused([event]);
  }

  noteIfPaused(events: readonly BatchEvent[]): void {
    if (this.tools.isPausing) this.paused ??= events.find((event) => this.tools.book.isPutOff(event));
  }

  /** Everything up to this event is settled. */
  settled(event: BatchEvent | undefined): void {
    this.#last = event ?? this.#last;
  }

  /** Ends the transaction in front of the event at `at` where it must not grow any further. */
  async cutIfNeeded(events: readonly BatchEvent[], at: number, isClean: (at: number) => boolean) {
    const { cut, pause, transaction } = this.tools;
    const last = this.#last;
    if (last === undefined || last.id === events[at]?.id) return;
    await pause?.(last);
    if (cut === undefined) return;
    const { savepoints } = transaction;
    if (!mustCut({ savepoints, hasFailed: this.#hasFailed }, () => isClean(at))) return;
    this.#last = undefined;
    await cut(last);
  }

  /** What the size of the next group or call depends on. */
  progress(events: readonly BatchEvent[], at: number): TransactionProgress {
    const { behind, transaction } = this.tools;
    const event = events[at];
    return {
      savepoints: transaction.savepoints,
      hasFailed: this.#hasFailed,
      remaining: events.length - at + (behind?.() ?? 0),
      rate: event === undefined ? 0 : this.rate.of(event),
      isSure: event !== undefined && this.rate.isSureOf(event),
    };
  }
}

/** For handlers with `event`: one call each, in order. */
export class OneByOne implements GroupRunner {
  readonly #attempts: Attempts;

  constructor(tools: GroupTools) {
    this.#attempts = new Attempts(tools);
  }

  async run(events: readonly BatchEvent[]): Promise<void> {
    const attempts = this.#attempts;
    const isClean = cleanCuts(events);
    for (let at = 0; at < events.length; ) {
      await attempts.cutIfNeeded(events, at, isClean);
      const end = endOfKind(events, at, groupSize(attempts.progress(events, at)));
      attempts.tools.transaction.savepoint();
      at += await this.#group(events.slice(at, end), { isRepeat: false });
      attempts.settled(events[at - 1]);
    }
  }

  /** @returns how many are handled: a failure ends the group. */
  async #group(group: readonly BatchEvent[], { isRepeat }: { readonly isRepeat: boolean }): Promise<number> {
    const { rate, tools } = this.#attempts;
    const written: BatchEvent[] = [];
    let end = 0;
    for (const event of group) {
      const called = this.#attempts.call([event]);
      const result = called instanceof Promise ? await called : called;
      end += 1;
      if (result.ok) {
        if (!isRepeat) rate.note(event, false);
        if (result.touched) written.push(event);
        this.#attempts.noteIfPaused([event]);
        if (this.#attempts.paused !== undefined) break;
        continue;
      }
      if (await tools.transaction.rollBackToSavepoint()) await this.#repeat(written);
      if (this.#attempts.paused === undefined) await this.#settle(event, result);
      return this.#pausedIn(group) ?? end;
    }
    const violated = written.length === 0 ? undefined : await tools.calls.check();
    if (violated !== undefined) {
      this.#attempts.paused = undefined;
      await tools.transaction.rollBackToSavepoint();
      await this.#part(written, this.#attempts.violated(violated));
      this.#attempts.noteIfPaused(group);
    }
    return this.#pausedIn(group) ?? end;
  }

  /** @returns how many of them are handled where one was put off that pauses its key: those behind it are not. */
  #pausedIn(group: readonly BatchEvent[]): number | undefined {
    const { paused } = this.#attempts;
    return paused === undefined ? undefined : group.indexOf(paused) + 1;
  }

  /** Runs again the events of a group that was undone because a deferred constraint is violated. */
  async #part(written: readonly BatchEvent[], result: CallResult): Promise<void> {
    const [event] = written;
    if (event !== undefined && written.length === 1) return await this.#settle(event, result);
    const middle = written.length >>> 1;
    await this.#repeat(written.slice(0, middle));
    if (this.#attempts.paused === undefined) await this.#repeat(written.slice(middle));
  }

  /** Runs again events that went well and were undone with another one of their group. */
  async #repeat(events: readonly BatchEvent[]): Promise<void> {
    const { transaction } = this.#attempts.tools;
    for (let at = 0; at < events.length && this.#attempts.paused === undefined; ) {
      transaction.savepoint();
      at += await this.#group(events.slice(at), { isRepeat: true });
    }
  }

  /** An event that failed, with nothing of it left in the transaction. */
  async #settle(event: BatchEvent, first: CallResult): Promise<void> {
    let result = first;
    for (let rerun = 0; !result.ok && isCollision(result.error) && rerun < RERUNS; rerun += 1)
      result = await this.#attempts.checkedCall([event]);
    if (!result.ok) this.#attempts.giveUp(event, result.error);
  }
}

/** A piece of a call that failed; it begins where the one before it ends. */
interface GroupPiece {
  readonly end: number;
  /** It holds a failing event, if all before it in the same call goes well. */
  isBad: boolean;
}

/** For handlers with `batch`: many at once; after a throw in halves, down to the events that throw alone. */
export class InHalves implements GroupRunner {
  readonly #attempts: Attempts;

  constructor(tools: GroupTools) {
    this.#attempts = new Attempts(tools);
  }

  async run(events: readonly BatchEvent[]): Promise<void> {
    const attempts = this.#attempts;
    const isClean = cleanCuts(events);
    /** Last first. */
    const pieces: GroupPiece[] = [];
    for (let at = 0; at < events.length; ) {
      await attempts.cutIfNeeded(events, at, isClean);
      const size = callSize(attempts.progress(events, at));
      const piece = pieces.pop() ?? { end: endOfKind(events, at, size), isBad: false };
      const length = piece.end - at;
      const part = Math.min(size, piece.isBad && length > 1 ? length >>> 1 : length);
      if (part < length) {
        pieces.push(piece, { end: at + part, isBad: false });
      } else if (await this.#piece(events.slice(at, piece.end))) {
        at = piece.end;
        attempts.settled(events[at - 1]);
      } else {
        // The next piece was taken for bad only because this one was taken for good.
        const next = pieces.at(-1);
        if (next !== undefined) next.isBad = false;
        pieces.push({ end: piece.end, isBad: true });
      }
    }
  }

  /** @returns whether these are settled; else nothing of them is in the transaction. */
  async #piece(events: readonly BatchEvent[]): Promise<boolean> {
    const { rate } = this.#attempts;
    for (let rerun = 0; ; rerun += 1) {
      const result = await this.#attempts.checkedCall(events);
      if (result.ok) {
        rate.noteDone(events);
        this.#attempts.noteIfPaused(events);
        return true;
      }
      if (isCollision(result.error) && rerun < RERUNS) continue;
      const [event] = events;
      if (event === undefined || events.length > 1) return false;
      this.#attempts.giveUp(event, result.error);
      return true;
    }
  }
}

/** At most `size` events: those that failed before are not mixed with others, of which far fewer fail. */
function endOfKind(events: readonly BatchEvent[], at: number, size: number): number {
  const isRetried = (events[at]?.retry ?? 0) > 0;
  let end = at + 1;
  while (end < events.length && end - at < size && (events[end]?.retry ?? 0) > 0 === isRetried) end += 1;
  return end;
}
