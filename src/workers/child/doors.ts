// One call per SQL function that a worker needs besides the batch's own transaction. The connection has plain types, as the
// handler sees them, so bigints come as text here.
import type { Connection } from '../../postgres/connection.ts';
import type { BatchTransaction } from './batch-transaction.ts';
import type { Outcomes } from './outcomes.ts';

/** Who asks: a member of the group on a central queue. */
export interface Membership {
  readonly queue: string;
  readonly group: string;
  /** The slot's name, `orders#3`. */
  readonly member: string;
}

export interface Batch {
  /** The right to finish it; fresh at every hand-out. */
  readonly token: number;
  readonly ticks: readonly [start: number, end: number];
  /** How often it has been handed out, this time included. */
  readonly openings: number;
  /** The member that had it before and died. */
  readonly takenOverFrom: string | undefined;
}

export interface Narrowing {
  readonly lastEventId: number | undefined;
  readonly suspect:
    | { readonly first: number; readonly last: number; readonly events: number; readonly deaths: number }
    | undefined;
}

type Slice = readonly [first: number, last: number];

export interface NextOptions {
  /** Members that did not touch their batch for so long are dead. */
  readonly deadAfterMs: number;
  /** Small ticks are taken together until so many events. */
  readonly events: number;
}

/** Registers the member, and the group where it is missing. */
export async function register(connection: Connection, { queue, group, member }: Membership): Promise<void> {
  await connection.query('select tributary.coop_register($1, $2, $3)', [queue, group, member]);
}

/** An open batch stays, for whoever takes it. */
export async function unregister(
  connection: Connection,
  { queue, group, member }: Membership,
): Promise<void> {
  await connection.query('select tributary.coop_unregister($1, $2, $3)', [queue, group, member]);
}

/** A batch of this member, a dead one's, or the next one; in a transaction of its own. */
export async function nextBatch(
  connection: Connection,
  { queue, group, member }: Membership,
  { deadAfterMs, events }: NextOptions,
): Promise<Batch | undefined> {
  const [row] = await connection.query<{
    batch_id: string | null;
    start_tick: string;
    end_tick: string;
    openings: number;
    taken_over_from: string | null;
  }>(
    `select batch_id, start_tick, end_tick, openings, taken_over_from
       from tributary.coop_next_batch($1, $2, $3, dead_interval => $4 * interval '1 millisecond', min_count => $5)`,
    [queue, group, member, deadAfterMs, events],
  );
  if (row?.batch_id == null) return undefined;
  return {
    token: Number(row.batch_id),
    ticks: [Number(row.start_tick), Number(row.end_tick)],
    openings: row.openings,
    takenOverFrom: row.taken_over_from ?? undefined,
  };
}

export async function hasNarrowing(connection: Connection, { queue, group }: Membership, batch: Batch) {
  const rows = await connection.query(
    `select 1 from tributary.narrowing
      where central_queue = $1 and group_name = $2 and start_tick = $3 and end_tick = $4`,
    [queue, group, ...batch.ticks],
  );
  return rows.length > 0;
}

export async function openNarrowing(
  connection: Connection,
  { queue, group }: Membership,
  batch: Batch,
): Promise<Narrowing> {
  const [row = {}] = await connection.query<Record<string, string | number | null>>(
    'select * from tributary.narrowing_open($1, $2, $3, $4)',
    [queue, group, ...batch.ticks],
  );
  const number = (name: string) => Number(row[name]);
  return {
    lastEventId: row.last_event_id == null ? undefined : number('last_event_id'),
    suspect:
      row.suspect_events == null
        ? undefined
        : {
            first: number('suspect_first'),
            last: number('suspect_last'),
            events: number('suspect_events'),
            deaths: number('deaths'),
          },
  };
}

/** @param slice undefined: no slice is running, because the worker has lived through what went wrong. */
export async function markNarrowing(
  connection: Connection,
  { queue, group }: Membership,
  { batch, slice, events }: { batch: Batch; slice?: Slice | undefined; events?: number | undefined },
): Promise<void> {
  await connection.query('select tributary.narrowing_mark($1, $2, $3, $4, $5)', [
    queue,
    group,
    batch.ticks,
    slice ?? null,
    events ?? null,
  ]);
}

export async function stepNarrowing(
  transaction: BatchTransaction,
  { queue, group }: Membership,
  { batch, lastEventId }: { readonly batch: Batch; readonly lastEventId: number },
): Promise<void> {
  await transaction.query('select tributary.narrowing_step($1, $2, $3, $4, $5)', [
    batch.token,
    queue,
    group,
    batch.ticks,
    lastEventId,
  ]);
}

export async function endNarrowing(
  transaction: BatchTransaction,
  { queue, group }: Membership,
  batch: Batch,
): Promise<void> {
  await transaction.query('select tributary.narrowing_end($1, $2, $3)', [queue, group, batch.ticks]);
}

/** Writes what became of single events, in the batch's transaction. */
export async function writeOutcomes(
  transaction: BatchTransaction,
  { queue, group }: Membership,
  { putOff, dead, recovered }: Outcomes,
): Promise<void> {
  if (putOff.length > 0) {
    await transaction.query('select tributary.put_off($1, $2, $3)', [queue, group, JSON.stringify(putOff)]);
  }
  if (dead.length > 0) {
    await transaction.query('select tributary.bury($1, $2, $3)', [queue, group, JSON.stringify(dead)]);
  }
  if (recovered.length > 0) {
    await transaction.query('select tributary.retried($1, $2, $3)', [queue, group, recovered]);
  }
}
