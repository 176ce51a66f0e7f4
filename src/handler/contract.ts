// What a user writes and what he is given: the handler, the event, the context.
import type { Logger } from 'pino';
import type { PgClient } from '../postgres/connection.ts';

/** Where an event comes from. `String(origin)` is `shard:queue:id`, the idempotency key of the event. */
export interface Origin {
  /** The shard's name, or `@central` for an event that was inserted on central directly. */
  readonly shard: string;
  readonly queue: string;
  /** The event's id there. */
  readonly id: number;
  toString(): string;
}

export interface Event {
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
   * `data` as JSON, parsed once. The type is your word for it: nothing checks it.
   * @throws an error that names the event when the data is no JSON.
   */
  json<T = unknown>(): T;
}

/**
 * A `pg` client inside the transaction that finishes the batch: what it writes commits together with the batch, or not
 * at all. It refuses begin, commit, rollback and savepoints, and ends with the call that it was given to.
 */
export type HandlerClient = Pick<PgClient, 'query' | 'escapeIdentifier' | 'escapeLiteral'>;

export interface RetryOptions {
  /** `500ms`, `30s`, `5m`, `2h`, `1d`, or the moment itself. Default: the queue's backoff. */
  readonly after?: string | Date;
}

export interface Context {
  readonly client: HandlerClient;
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
}

/** Called once per event, in order. An event that throws is rolled back and retried alone; the others go on. */
export interface EventHandler {
  event(event: Event, context: Context): unknown;
  readonly batch?: never;
}

/**
 * Called with all events of a batch, at most 2,000 at a time; larger batches come in several calls in one transaction.
 * If it throws it is called again with halves, down to the events that throw alone.
 */
export interface BatchHandler {
  batch(events: readonly Event[], context: Context): unknown;
  readonly event?: never;
}

export type Handler = EventHandler | BatchHandler;

/** Gives types to a handler and changes nothing: `export default defineHandler({ async event(event, { client }) { … } })`. */
export function defineHandler<H extends Handler>(handler: H & Handler): H {
  return handler;
}
