// Puts delayed events into their central queues when they are due, and keeps the tables that they wait in small.
//
// Invariant: what has gone is known by rows that the delivering transaction writes (sql/tributary/functions/delayed/), so a
// crash at any point repeats nothing and leaves nothing out, and two that deliver at once take turns.
// Fails by: a queue that takes no events is left alone for some seconds; the others go on.
import type { CentralLink } from '../central/central-link.ts';
import type { Queue } from '../config/config.ts';
import { failPoint } from '../lifecycle/fail-point.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { PendingTicks, tickOn } from '../upkeep/pending-ticks.ts';

export interface DelayedDeliveryOptions {
  /** Central queues. */
  readonly queues: readonly Pick<Queue, 'name' | 'unique'>[];
  readonly onTrouble: (what: string, error: unknown) => void;
}

/** Of one transaction: it lasts milliseconds, and a batch of the workers stays as small as those that movers bring. */
const MOST_AT_ONCE = 10_000;
/** Of events that one step sorts into slices. */
const SORTED_AT_ONCE = 5_000;
/** A table of delayed events of this size is full. */
const FULL_BYTES = 32 * 1024 * 1024;
/** Runs are kept this long, for `trace`. */
const RUNS_KEPT = '2 hours';

export class DelayedDelivery {
  readonly name = 'delayed events';
  readonly #link: CentralLink;
  readonly #options: DelayedDeliveryOptions;
  readonly #ticks = new PendingTicks();
  readonly #restsUntilMs = new Map<string, number>();
  #tidyAtMs = 0;
  /** When an event was due last. */
  #dueMs = performance.now();

  /** @param link used by this alone. */
  constructor(link: CentralLink, options: DelayedDeliveryOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** @returns how long there is nothing to do, in ms. */
  async runOnce(): Promise<number> {
    const due = await this.#due();
    if (due === undefined) return TIMING.centralTicks.retryMs;
    let isSoon = false;
    if (due.length > 0) this.#dueMs = performance.now();
    for (const queue of due) isSoon = (await this.#deliver(queue)) || isSoon;
    await this.#tick();
    isSoon = (await this.#tidy()) || isSoon;
    const isCalm = performance.now() - this.#dueMs > TIMING.delays.calmAfterMs;
    const everyMs = isCalm ? TIMING.delays.calmMs : TIMING.delays.everyMs;
    const restMs = isSoon ? TIMING.delays.turnMs : everyMs;
    return Math.min(restMs, this.#ticks.dueInMs ?? restMs);
  }

  /** Undefined: central did not say. */
  async #due(): Promise<string[] | undefined> {
    const nowMs = performance.now();
    const names = this.#options.queues.map(({ name }) => name);
    const queues = names.filter((queue) => (this.#restsUntilMs.get(queue) ?? 0) <= nowMs);
    try {
      const rows = await this.#link.query<{ queue: string }>(
        'select d as queue from tributary.delayed_due($1) d',
        [queues],
      );
      return rows.map(({ queue }) => queue);
    } catch (error) {
      this.#options.onTrouble('delayed events', error);
      return undefined;
    }
  }

  async #deliver(queue: string): Promise<boolean> {
    const { unique } = this.#options.queues.find(({ name }) => name === queue) ?? {};
    try {
      await failPoint('delayed:before');
      const [row] = await this.#link.query<{ events: number | null; is_more: boolean; xid: number | null }>(
        'select events, is_more, xid from tributary.deliver_delayed($1, $2, $3)',
        [queue, MOST_AT_ONCE, unique?.forMs ?? null],
      );
      await failPoint('delayed:delivered');
      if (row?.xid != null) this.#ticks.committed(queue, row.xid);
      return row?.is_more === true;
    } catch (error) {
      this.#restsUntilMs.set(queue, performance.now() + TIMING.delays.troubleMs);
      this.#options.onTrouble(`delayed events of ${queue}`, error);
      return false;
    }
  }

  /** What a crash leaves without a tick, central's upkeep ticks. */
  async #tick(): Promise<void> {
    try {
      await this.#ticks.ask(tickOn(this.#link));
    } catch (error) {
      this.#options.onTrouble('ticks of delayed events', error);
    }
  }

  async #tidy(): Promise<boolean> {
    if (performance.now() < this.#tidyAtMs) return false;
    try {
      const [row] = await this.#link.query<{ is_more: boolean }>(
        'select tributary.sort_delayed($1, $2) as is_more',
        [FULL_BYTES, SORTED_AT_ONCE],
      );
      if (row?.is_more === true) return true;
      await this.#link.query('select tributary.tidy_delayed($1::interval)', [RUNS_KEPT]);
      const keptMs = Math.max(
        ...this.#options.queues.map(({ unique }) => unique?.forMs ?? 0),
        TIMING.delays.leftOutKeptMs,
      );
      await this.#link.query("select tributary.rotate_unique($1 * interval '1 millisecond')", [keptMs]);
    } catch (error) {
      this.#options.onTrouble('tables of delayed events', error);
    }
    this.#tidyAtMs = performance.now() + TIMING.delays.tidyEveryMs;
    return false;
  }
}
