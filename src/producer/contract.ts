// What a user of the producer gives and gets: the event, the options, the producer itself.

/** The columns of an event besides `type` and `data`. */
export type ExtraColumn = 'extra1' | 'extra2' | 'extra3' | 'extra4';

/** Which column has what. One column has one of them. */
export interface ProducerColumns {
  /** Default: `extra1`. */
  readonly key?: ExtraColumn;
  /** Also that of `after`. Default: `extra2`. */
  readonly at?: ExtraColumn;
  /** Default: `extra3`. */
  readonly unique?: ExtraColumn;
  /** Default: none, and no trace is written. */
  readonly traceparent?: ExtraColumn;
}

interface EventFields {
  readonly type?: string | null;
  /** What the event is about, such as the number of the order: goes into the column of keys. */
  readonly key?: string | number | bigint | null;
  /** When the event is due, where the queue says `deliver_at`. */
  readonly at?: Date | null;
  /** The same, from now on by the clock of this process: `500ms`, `30s`, `5m`, `2h`, `1d`. */
  readonly after?: string | null;
  /** Of events with one text here the queue takes the first, where it says `unique`. */
  readonly unique?: string | number | bigint | null;
  /** W3C trace context, instead of what the option `traceparent` gives. */
  readonly traceparent?: string | null;
  readonly extra1?: string | null;
  readonly extra2?: string | null;
  readonly extra3?: string | null;
  readonly extra4?: string | null;
}

/** An event that does not exist yet. Text in `data` goes in as it is, anything else as its JSON. */
export type ProducedEvent<Data = unknown> = EventFields &
  (undefined extends Data ? { readonly data?: Data } : { readonly data: Data });

export interface ProducerOptions {
  /** Schema of PgQ on the shards. Default: `pgq`. */
  readonly schema?: 'pgq' | 'pgque';
  readonly columns?: ProducerColumns;
  /** The W3C `traceparent` of what runs now, asked for each event; it needs `columns: { traceparent: … }`. */
  readonly traceparent?: () => string | null | undefined;
}

/** A folder, or more about it. All producers of one shard on a machine may share one. */
export type SpoolOption = string | SpoolOptions;

export interface SpoolOptions {
  readonly folder: string;
  /** Whether an event is confirmed only once it is on the disk, and outlives a loss of power. Default: true. */
  readonly fsync?: boolean;
  /** What the folder may hold, such as `1GB`, which is the default. */
  readonly limit?: string;
  /** Size of one file in it. Default: `16MB`. */
  readonly segment?: string;
}

export interface SpoolingProducer<Queues> extends Producer<Queues> {
  /**
   * Appends an event, or an array of them that stay together, to the spool, outside of any transaction and whether or not the
   * shard can be reached. `tributary spool FOLDER` delivers it once, in the order of this process.
   * @returns a name of the record, for logs.
   * @throws TributaryError `spool-full` where it was not taken.
   */
  spool<Name extends QueueName<Queues>>(
    queue: Name,
    events: ProducedEvent<Queues[Name]> | readonly ProducedEvent<Queues[Name]>[],
  ): Promise<string>;
  /** Waits for what is on its way to the disk, and closes the file. */
  close(): Promise<void>;
}

/** Where a producer calls: one shard, and a process of Tributary that says what handlers returned. */
export interface CallsOption {
  /** The shard's name in the file of Tributary: it is part of each event's origin. */
  readonly shard: string;
  /** Its database, each event in a transaction of its own: a pool of pg, or anything that queries as it does. */
  readonly on: {
    query(
      text: string,
      values: unknown[],
    ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
  };
  /** Where a process of Tributary, any of them, serves HTTP: `http://10.0.0.5:7717`, with its `http.base`. */
  readonly url: string;
  /** `http.live.key` of the file; without one there, `http.token`. Not needed where every channel is open. */
  readonly key?: string | undefined;
}

export interface WaitOptions {
  /** How long to wait, such as `500ms`, `30s`, `5m`; default 30 s. */
  readonly timeout?: string | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProducerCallOptions extends WaitOptions {
  readonly type?: string | null;
  readonly key?: string | number | bigint | null;
}

export interface CallingProducer<Queues> extends Producer<Queues> {
  /**
   * Sends an event in a transaction of its own, and waits for what its handler returns, which its queue on central says with
   * `results: true`.
   * @throws TributaryError `call-failed` with the error that the event died of; `call-at-work`, with its origin, where that takes longer:
   * the event is handled all the same.
   */
  call<Result = unknown, Name extends QueueName<Queues> = QueueName<Queues>>(
    queue: Name,
    data: Queues[Name],
    options?: ProducerCallOptions,
  ): Promise<Result>;
  /** Waits for the answer to a call that was made before. An answer is kept for two minutes at least. */
  result<Result = unknown>(origin: string, options?: WaitOptions): Promise<Result>;
}

/** The names of a map of queues to the type of their data. */
export type QueueName<Queues> = keyof Queues & string;

export interface Producer<Queues> {
  /**
   * Puts an event, or all of an array by one statement, into a queue, in the transaction `tx`: they exist if and only if it
   * commits.
   * @param tx a transaction of pg (a client after `begin`), postgres.js, Knex, Kysely, Drizzle or Prisma.
   * @returns the event's id in that queue, or the ids in the order of the events.
   * @throws TributaryError with a sentence for the producer's own mistakes; what else the database says comes as the library gives it.
   */
  send<Name extends QueueName<Queues>>(
    tx: object,
    queue: Name,
    event: ProducedEvent<Queues[Name]>,
  ): Promise<string>;
  send<Name extends QueueName<Queues>>(
    tx: object,
    queue: Name,
    events: readonly ProducedEvent<Queues[Name]>[],
  ): Promise<string[]>;
}
