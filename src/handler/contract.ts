// What a user writes and what he is given: the handler, the event, the context.
import type { Logger } from 'pino';
import type { PgPoolClient } from '../postgres/connection.ts';

/** One central queue on the way of an event that handlers sent on. */
export interface OriginStep {
  readonly queue: string;
  /** The event's id in that queue. */
  readonly id: number;
}

/**
 * Where an event comes from. `String(origin)` is the idempotency key of the event: `shard:queue:id`, and for an event that
 * a handler sent `shard:queue:id>queue:id`, with one more `>queue:id` for each further queue that it was sent to.
 */
export interface Origin {
  /** The shard's name, or `@central` for an event that was inserted on central directly. */
  readonly shard: string;
  readonly queue: string;
  /** The event's id there. */
  readonly id: number;
  /** The central queues that it was sent to since, the event itself last; empty where no handler sent it. */
  readonly steps: readonly OriginStep[];
  toString(): string;
}

/** @typeParam Payload what `json()` gives: your word for it, nothing checks it. */
export interface Event<Payload = unknown> {
  /** The id in the central queue; it stays the same when the event is retried. */
  readonly id: number;
  /** When the transaction that made the event began, on its shard. */
  readonly time: Date;
  readonly type: string | null;
  /** The text as it was inserted. */
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
  /** How often the event failed before; 0 at first. */
  readonly retry: number;
  /** Use `String(event.origin)` as the idempotency key of effects outside the central database. */
  readonly origin: Origin;
  /**
   * `data` as JSON, parsed once for each call.
   * @throws an error that names the event when the data is no JSON.
   */
  json<T = Payload>(): T;
}

/**
 * A `pg` client inside the transaction that finishes the batch: what it writes commits together with the batch, or not
 * at all. It refuses begin, commit, rollback and savepoints, and ends with the call that it was given to. It is typed as a
 * client of a `pg` pool, so that Drizzle, Kysely, Knex and others take it; to release it does nothing.
 */
export type HandlerClient = PgPoolClient;

/** What `setup` and `teardown` are given. */
export interface ProcessContext {
  /** Bound to queue and slot. */
  readonly log: Logger;
  readonly queue: string;
  /** Absent: the queue has no `groups`. */
  readonly group?: string;
  readonly slot: string;
}

/** Once per worker process, around its work: for pools and caches of your own. */
interface ProcessHooks {
  /** Before the first event, within 30 s. Where it throws the queue is parked, as where the handler cannot be loaded. */
  setup?(context: ProcessContext): unknown;
  /** Behind the last event, within 5 s, where the process ends in order; one that is killed or crashes calls nothing. */
  teardown?(context: ProcessContext): unknown;
}

export interface RetryOptions {
  /** `500ms`, `30s`, `5m`, `2h`, `1d`, or the moment itself. Default: the queue's backoff. */
  readonly after?: string | Date;
}

/** An event that a handler sends. Absent fields are null; `data` that is no text goes in as its JSON. */
export interface SentEvent {
  readonly type?: string | null;
  readonly data?: unknown;
  readonly extra1?: string | null;
  readonly extra2?: string | null;
  readonly extra3?: string | null;
  readonly extra4?: string | null;
}

export interface SendOptions {
  /** The events wait this long before they go into the queue, by central's clock: `500ms`, `30s`, `5m`, `2h`, `1d`. */
  readonly after?: string;
  /** Or until this moment. */
  readonly at?: Date;
  /** The event of this call that the sent ones come from. Needed in a `batch` handler; else it is the event at hand. */
  readonly from?: Event;
}

export interface PublishOptions {
  /** What browsers listen for with `addEventListener`; default `message`. */
  readonly type?: string;
  /** The event of this call that it belongs to; in a `batch` handler, where it is left out, the last one. */
  readonly from?: Event;
}

export interface ProgressOptions {
  /** Default: the channel of the last `publish` of this call, else `String(event.origin)`. */
  readonly channel?: string;
}

/** The context of a handler that says `transaction: false`. */
export interface FreeContext {
  /** Bound to queue, slot and batch, and to the event where there is one. */
  readonly log: Logger;
  /** Aborted when the time is up, or when the worker has to stop before the batch is done. */
  readonly signal: AbortSignal;
  /** 1 at the first try. In a `batch` handler: that of the event that was tried most often. */
  readonly attempt: number;
  /** Hands the event out again later. What was written for it stays; to undo that as well, throw. Not counted as a failure. */
  retry(event: Event, options?: RetryOptions): void;
  /** Makes the event a dead event with this reason. What was written for it stays. */
  dead(event: Event, reason: string): void;
  /**
   * Inserts events into a central queue, in the transaction that finishes the event at hand: they exist if and only if
   * the call is counted as done. They go in when the handler has returned, or at their time with `after` or `at`.
   * @throws where there is no such central queue, or an event cannot be inserted as it is.
   */
  send(queue: string, events: SentEvent | readonly SentEvent[], options?: SendOptions): void;
  /**
   * Publishes `data`, as JSON, to all browsers that listen to the channel at `/live`, in the transaction that finishes the event
   * at hand: they get it when the call is counted as done, once that is committed, and never else. In order per channel.
   * @throws where the channel or the data cannot be published as they are.
   */
  publish(channel: string, data: unknown, options?: PublishOptions): void;
  /**
   * Says how far the call is, at once and outside of every transaction, as `{ done, total, text }` of type `progress`. Call it
   * as often as you like: of one channel the newest goes out, a few times a second.
   */
  progress(done: number, total: number, text?: string, options?: ProgressOptions): void;
}

export interface Context extends FreeContext {
  readonly client: HandlerClient;
}

/** Called once per event, in order. An event that throws is rolled back and retried alone; the others go on. */
export interface EventHandler<Payload = unknown> extends ProcessHooks {
  event(event: Event<Payload>, context: Context): unknown;
  readonly transaction?: true;
  readonly batch?: never;
  readonly concurrency?: never;
  readonly coalesce?: never;
}

/** As EventHandler, with no transaction open while it runs: for handlers that only call out. */
export interface FreeEventHandler<Payload = unknown> extends ProcessHooks {
  event(event: Event<Payload>, context: FreeContext): unknown;
  readonly transaction: false;
  /** How many events of a batch are handled at a time; default 1, which keeps their order. */
  readonly concurrency?: number;
  readonly batch?: never;
  readonly coalesce?: never;
}

/** What `coalesce` may give: null and undefined are no key. */
export type CoalesceKey = string | number | bigint | boolean | null | undefined;

interface Coalescing<Payload> extends ProcessHooks {
  /** Of many events of a batch with one key only the last is handed out; the others count as done. */
  coalesce?(event: Event<Payload>): CoalesceKey;
}

/**
 * Called with all events of a batch, at most 2,000 at a time; larger batches come in several calls in one transaction.
 * If it throws it is called again with halves, down to the events that throw alone.
 */
export interface BatchHandler<Payload = unknown> extends Coalescing<Payload> {
  batch(events: readonly Event<Payload>[], context: Context): unknown;
  readonly transaction?: true;
  readonly event?: never;
  readonly concurrency?: never;
}

/** As BatchHandler, with no transaction open while it runs. */
export interface FreeBatchHandler<Payload = unknown> extends Coalescing<Payload> {
  batch(events: readonly Event<Payload>[], context: FreeContext): unknown;
  readonly transaction: false;
  readonly event?: never;
  readonly concurrency?: never;
}

export type Handler<Payload = unknown> =
  | EventHandler<Payload>
  | FreeEventHandler<Payload>
  | BatchHandler<Payload>
  | FreeBatchHandler<Payload>;

/**
 * Gives types to a handler and changes nothing: `export default defineHandler({ async event(event, { client }) { … } })`.
 * `defineHandler<Order>(…)` makes `event.json()` an `Order`.
 */
export function defineHandler<H extends Handler>(handler: H & Handler): H;
export function defineHandler<Payload>(handler: Handler<Payload>): Handler<Payload>;
export function defineHandler(handler: Handler): Handler {
  return handler;
}
