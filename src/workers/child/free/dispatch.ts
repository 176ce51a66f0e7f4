// Passes events to a free handler: one by one over lanes, or gathered for a `batch` handler.
import type { Handler } from '../../../handler/contract.ts';
import type { BatchEvent } from '../../../handler/event.ts';
import { TIMING } from '../../../lifecycle/timing.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import { Gathering } from '../groups/coalesce.ts';
import { ByKey } from './by-key.ts';
import type { FreeCalls, Result } from './calls.ts';
import { Lanes } from './lanes.ts';
import type { FreeProgress } from './progress.ts';

/** Events between two ids that are, or have lately been, in calls of the handler. */
export interface AtWork {
  readonly first: number;
  readonly last: number;
  readonly events: number;
}

export interface DispatchTools {
  readonly calls: FreeCalls;
  readonly progress: Pick<FreeProgress<Result | undefined>, 'read' | 'isComplete'>;
  done(event: BatchEvent, result: Result | undefined): void;
  /** The result of the event's call at an earlier opening of the batch. */
  carried(event: BatchEvent): { readonly result: Result | undefined } | undefined;
  /**
   * Called before events start. @returns how many may, of `most`.
   * @throws where the batch cannot go on here, or must not.
   */
  before(most: number): Promise<number>;
  /** Commits done events, if it is time to. */
  passDone(): Promise<void>;
  /** Called before each call, with all that is at work then. */
  note(atWork: AtWork): void;
  /** Throws the same as `before`, without waiting. */
  assertGoesOn(): void;
  /** No event behind this one may begin. */
  mostId(): number | undefined;
  /** Events of one key of a lane that may be at work. */
  readonly keysAtOnce: number;
}

export interface Dispatch {
  /** Events of lanes have to be read with their keys. */
  readonly needsKeys: boolean;
  /** The next events of the batch; some of them may begin later. */
  feed(events: readonly BatchEvent[]): Promise<void>;
  /** All that was fed is done. */
  finish(): Promise<void>;
  /** All calls at work have ended; no other begins. */
  settle(): Promise<void>;
  /** A call at work has ended. @returns false where none is at work. */
  next(): Promise<boolean>;
}

/** Events of one key of a lane go one after the other, or as many at once as the queue says. */
export function dispatchOf(
  handler: Handler,
  { lane }: Pick<CoopBatch, 'lane'>,
  tools: DispatchTools,
): Dispatch {
  if (handler.event === undefined) return new InPieces(handler, tools);
  const { concurrency = 1 } = handler;
  return new OverLanes({ concurrency, needsKeys: lane !== undefined && concurrency > 1 }, tools);
}

type EventHandlers = Extract<Handler, { event: unknown }>;
type BatchHandlers = Exclude<Handler, EventHandlers>;

/** For handlers with `event`. */
class OverLanes implements Dispatch {
  readonly needsKeys: boolean;
  readonly #tools: DispatchTools;
  readonly #lanes: Lanes;
  readonly #byKey: ByKey;
  readonly #atWork = new Set<number>();
  #allowed = 0;
  #isStarting = false;

  constructor(
    { concurrency, needsKeys }: { readonly concurrency: number; readonly needsKeys: boolean },
    tools: DispatchTools,
  ) {
    this.needsKeys = needsKeys;
    this.#tools = tools;
    this.#lanes = new Lanes(concurrency);
    this.#byKey = new ByKey(tools.keysAtOnce);
  }

  async feed(events: readonly BatchEvent[]): Promise<void> {
    const { carried, done, progress } = this.#tools;
    progress.read(events);
    for (const event of events) {
      const ended = carried(event);
      if (ended !== undefined) done(event, ended.result);
      else this.#byKey.add(event);
    }
    await this.#start();
  }

  async finish(): Promise<void> {
    do await this.#start();
    while (await this.#wait());
    await this.#lanes.idle();
    if (!this.#tools.progress.isComplete) this.#tools.assertGoesOn();
  }

  async settle(): Promise<void> {
    await this.#lanes.idle();
  }

  async next(): Promise<boolean> {
    const isAtWork = await this.#lanes.next();
    await this.#start();
    return isAtWork;
  }

  /** Starts what may begin, and those behind them that may meanwhile. */
  async #start(): Promise<void> {
    // What is waited for before an event begins may have waited for a call that ended.
    if (this.#isStarting) return;
    this.#isStarting = true;
    try {
      const { assertGoesOn, before, mostId } = this.#tools;
      for (;;) {
        const event = this.#byKey.take(mostId());
        if (event === undefined) return;
        if (this.#allowed === 0) this.#allowed = await before(this.#byKey.ready + 1);
        while (!this.#lanes.isFree) await this.#wait();
        assertGoesOn();
        this.#allowed -= 1;
        this.#lanes.start(() => this.#one(event));
      }
    } finally {
      this.#isStarting = false;
    }
  }

  /** Notes events that are done meanwhile, however long the others take. */
  async #wait(): Promise<boolean> {
    const isAtWork = await this.#lanes.next(TIMING.worker.freeNoteEveryMs);
    await this.#tools.passDone();
    return isAtWork;
  }

  async #one(event: BatchEvent): Promise<void> {
    const { calls, done, note } = this.#tools;
    this.#atWork.add(event.id);
    note({
      first: Math.min(...this.#atWork),
      last: Math.max(...this.#atWork),
      events: this.#atWork.size,
    });
    const end = await calls.call([event]);
    this.#atWork.delete(event.id);
    if (end.end === 'stopped') return;
    done(event, end.end === 'done' ? end.result : calls.failed(event, end.error));
    this.#byKey.ended(event);
  }
}

/** For handlers with `batch`: one call after the other; after a throw in halves, down to the events that throw alone. */
class InPieces implements Dispatch {
  readonly needsKeys = false;
  readonly #tools: DispatchTools;
  readonly #gathering: Gathering;
  /** Retried events that a later one replaced: their tries are settled with the next call. */
  #passedOver: BatchEvent[] = [];

  constructor(handler: BatchHandlers, tools: DispatchTools) {
    this.#tools = tools;
    this.#gathering = new Gathering(handler, (event) => {
      if (event.row.wasPutOff) this.#passedOver.push(event);
    });
  }

  async feed(events: readonly BatchEvent[]): Promise<void> {
    for (const event of events) {
      this.#gathering.add(event);
      if (this.#gathering.isFull) await this.#piece();
    }
  }

  async finish(): Promise<void> {
    while (this.#gathering.size > 0) await this.#piece();
  }

  async settle(): Promise<void> {}

  async next(): Promise<boolean> {
    return false;
  }

  async #piece(): Promise<void> {
    const { before, calls, carried, done, progress } = this.#tools;
    const { all, failed } = this.#gathering.take(await before(this.#gathering.size));
    progress.read(all);
    const rest: BatchEvent[] = [];
    for (const event of all) {
      const ended = carried(event);
      if (ended !== undefined) done(event, ended.result);
      else if (failed.has(event)) done(event, calls.failed(event, failed.get(event)));
      else rest.push(event);
    }
    if (rest.length > 0) await this.#call(rest);
  }

  async #call(events: readonly BatchEvent[]): Promise<void> {
    const { assertGoesOn, calls, done, note } = this.#tools;
    const [first] = events as [BatchEvent];
    note({ first: first.id, last: events.at(-1)?.id ?? first.id, events: events.length });
    const end = await calls.call(events, this.#passedOver);
    if (end.end === 'done') {
      this.#passedOver = [];
      // The result goes with the first event: all of one call are passed together.
      for (const event of events) done(event, event === first ? end.result : undefined);
    } else if (end.end === 'failed' && events.length === 1) {
      done(first, calls.failed(first, end.error));
    } else {
      assertGoesOn();
      const middle = events.length >>> 1;
      await this.#call(events.slice(0, middle));
      assertGoesOn();
      await this.#call(events.slice(middle));
    }
  }
}
