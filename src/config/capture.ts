// What `capture:` of the file says: changes of which tables of the shards become events, and of which queue.

/** Tables by name; `schema` and `table` are regular expressions, for PostgreSQL as for JavaScript. */
export interface TablePattern {
  /** As the file has it. */
  readonly text: string;
  readonly schema: string;
  readonly table: string;
  /** It may stand for any number of tables, and for none. */
  readonly isPattern: boolean;
  /** These tables are left out. */
  readonly isExcluded: boolean;
}

export interface Capture {
  readonly name: string;
  readonly tables: readonly TablePattern[];
  /** The source queue, on every shard. */
  readonly queue: string;
  /** What events look like; absent: `json` where the shard's PgQ has the trigger for it, else `url`. */
  readonly format?: CaptureFormat;
  /** The columns that events carry; absent: all but `ignore`. */
  readonly columns?: readonly string[];
  readonly ignore?: readonly string[];
  /** What tells rows apart; absent: the primary key. */
  readonly key?: readonly string[];
  /** An SQL condition on `row`. */
  readonly when?: string;
  /** Events of updates carry the row as it was. */
  readonly old: boolean;
  /** Events carry the id of their transaction on the shard. */
  readonly transactionId: boolean;
}

/** By `pgq.jsontriga` or `pgq.logutriga`. */
export type CaptureFormat = 'json' | 'url';
