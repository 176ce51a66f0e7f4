// One call per SQL function that a worker needs besides the batch's own transaction. The connection has plain types, as the
// handler sees them, so bigints come as text here.
import type { Connection } from '../../postgres/connection.ts';
import type { CoopBatch, CoopMember } from '../../queue/coop.ts';
import type { BatchTransaction } from './batch-transaction.ts';

export interface Narrowing {
  readonly lastEventId: number | undefined;
  readonly suspect:
    | { readonly first: number; readonly last: number; readonly events: number; readonly deaths: number }
    | undefined;
}

type Slice = readonly [first: number, last: number];

export async function hasNarrowing(connection: Connection, { queue, group }: CoopMember, batch: CoopBatch) {
  const rows = await connection.query(
    `select 1 from tributary.narrowing
      where central_queue = $1 and group_name = $2 and start_tick = $3 and end_tick = $4`,
    [queue, group, batch.startTick, batch.endTick],
  );
  return rows.length > 0;
}

/** @returns the last event of the batch that is done, where a part of it was committed before. */
export async function progressOf(
  connection: Connection,
  { queue, group }: CoopMember,
  batch: CoopBatch,
): Promise<number | undefined> {
  const [row] = await connection.query(
    `select last_event_id from tributary.narrowing
      where central_queue = $1 and group_name = $2 and start_tick = $3 and end_tick = $4`,
    [queue, group, batch.startTick, batch.endTick],
  );
  return row?.last_event_id == null ? undefined : Number(row.last_event_id);
}

/** @param call the call of the handler that the last worker died in, where that is known. */
export async function openNarrowing(
  connection: Connection,
  { queue, group }: CoopMember,
  batch: CoopBatch,
  call?: { readonly first: number; readonly last: number; readonly events: number } | undefined,
): Promise<Narrowing> {
  const [row = {}] = await connection.query<Record<string, string | number | null>>(
    'select * from tributary.narrowing_open($1, $2, $3, $4, $5)',
    [queue, group, batch.startTick, batch.endTick, call ? [call.first, call.last, call.events] : null],
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
  { queue, group }: CoopMember,
  { batch, slice, events }: { batch: CoopBatch; slice?: Slice | undefined; events?: number | undefined },
): Promise<void> {
  await connection.query('select tributary.narrowing_mark($1, $2, $3, $4, $5)', [
    queue,
    group,
    [batch.startTick, batch.endTick],
    slice ?? null,
    events ?? null,
  ]);
}

export async function stepNarrowing(
  transaction: BatchTransaction,
  { queue, group }: CoopMember,
  { batch, lastEventId }: { readonly batch: CoopBatch; readonly lastEventId: number },
): Promise<void> {
  await transaction.query('select tributary.narrowing_step($1, $2, $3, $4, $5)', [
    batch.token,
    queue,
    group,
    [batch.startTick, batch.endTick],
    lastEventId,
  ]);
}

export async function endNarrowing(
  transaction: BatchTransaction,
  { queue, group }: CoopMember,
  batch: CoopBatch,
): Promise<void> {
  await transaction.query('select tributary.narrowing_end($1, $2, $3)', [
    queue,
    group,
    [batch.startTick, batch.endTick],
  ]);
}
