// PostgreSQL's snapshots as text, `xmin:xmax:xip,…`, and which rows of an event table a window can hold. Pure.

export interface Snapshot {
  readonly xmin: bigint;
  /** First transaction id that had not begun. */
  readonly xmax: bigint;
  /** Transactions in progress, ascending. */
  readonly xip: readonly bigint[];
}

export function parseSnapshot(text: string): Snapshot {
  const [xmin = '', xmax = '', xip = ''] = text.split(':');
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    xip: xip === '' ? [] : xip.split(',').map(BigInt),
  };
}

/** Where in the index on ev_txid a window's rows can be: `low`..`high`, and `late` one by one. All inclusive. */
export interface TxidBounds {
  readonly low: bigint;
  readonly high: bigint;
  readonly late: readonly bigint[];
}

/** Old transactions this near below the range are read with it rather than one by one. */
const NEARBY = 100n;

/**
 * Bounds for the window (start, end]: transactions that began after `start` lie from its xmax on; those that were open
 * at `start` and have ended since lie below. One ancient transaction must not make us read all that came after it, so
 * the range is lowered only by steps of at most 100 and what is older goes into the list.
 */
export function txidBounds(start: Snapshot, end: Snapshot): TxidBounds {
  const open = new Set(end.xip);
  const ended = start.xip.filter((xid) => !open.has(xid) && xid < end.xmax).sort((a, b) => (a < b ? 1 : -1));
  let low = start.xmax;
  const late: bigint[] = [];
  for (const xid of ended) {
    if (late.length === 0 && low - xid <= NEARBY) low = xid;
    else late.push(xid);
  }
  return { low, high: end.xmax - 1n, late: late.reverse() };
}
