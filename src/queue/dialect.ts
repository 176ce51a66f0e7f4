// Type and function names for transaction ids and snapshots. PostgreSQL has two families of them, and a PgQ uses one: its
// ticks tell which, and all statements about snapshots are made with the names given here.

/** SQL names, as the placeholders of the .sql files know them. */
export interface Dialect {
  /** Type of `ev_txid`. It has no arithmetic in every family: cast to text and bigint before reckoning. */
  readonly xid: string;
  /** Type of `tick_snapshot`. */
  readonly snapshot: string;
  /** Functions of a snapshot. */
  readonly xmin: string;
  readonly xmax: string;
  readonly xip: string;
  /** Function of a transaction id and a snapshot. */
  readonly visible: string;
  readonly current_snapshot: string;
}

const TXID: Dialect = {
  xid: 'bigint',
  snapshot: 'txid_snapshot',
  xmin: 'txid_snapshot_xmin',
  xmax: 'txid_snapshot_xmax',
  xip: 'txid_snapshot_xip',
  visible: 'txid_visible_in_snapshot',
  current_snapshot: 'txid_current_snapshot',
};

const XID8: Dialect = {
  xid: 'xid8',
  snapshot: 'pg_snapshot',
  xmin: 'pg_snapshot_xmin',
  xmax: 'pg_snapshot_xmax',
  xip: 'pg_snapshot_xip',
  visible: 'pg_visible_in_snapshot',
  current_snapshot: 'pg_current_snapshot',
};

/** An expression that says of which type the snapshots of a PgQ are; null: it has no ticks. */
export const snapshotTypeSql = (schema: string): string =>
  `(select format_type(atttypid, null) from pg_attribute
    where attrelid = to_regclass('${schema}.tick') and attname = 'tick_snapshot')`;

/** @param snapshotType the answer to `snapshotTypeSql`. */
export function dialectOf(snapshotType: unknown): Dialect {
  return snapshotType === XID8.snapshot ? XID8 : TXID;
}
