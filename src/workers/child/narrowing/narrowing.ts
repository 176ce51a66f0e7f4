// One call per SQL function that a worker needs besides the batch's own transaction. The connection has plain types, as the
// handler sees them, so bigints come as text here.
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch, CoopMember } from '../../../queue/coop.ts';
import type { FatalCall as Death } from '../../protocol.ts';
import type { BatchTransaction } from '../transaction/batch-transaction.ts';
import type { SuspectSlice } from './slice-plan.ts';

export interface Narrowing {
  readonly lastEventId: number | undefined;
  readonly suspect: SuspectSlice | undefined;
}

/** Batches of several lanes may have the same ticks: each lane's notes have a name of their own. */
const noteName = ({ group }: CoopMember, { lane }: CoopBatch): string =>
  lane === undefined ? group : `${group}@${lane}`;

type Slice = readonly [first: number, last: number];

export async function hasNarrowing(connection: Connection, member: CoopMember, batch: CoopBatch) {
  const rows = await connection.query(
    `select 1 from tributary.narrowing
      where central_queue = $1 and group_name = $2 and start_tick = $3 and end_tick = $4`,
    [member.queue, noteName(member, batch), batch.startTick, batch.endTick],
  );
  return rows.length > 0;
}

/** @returns the last event of the batch that is done, where a part of it was committed before. */
export async function progressOf(
  connection: Connection,
  member: CoopMember,
  batch: CoopBatch,
): Promise<number | undefined> {
  const [row] = await connection.query(
    `select last_event_id from tributary.narrowing
      where central_queue = $1 and group_name = $2 and start_tick = $3 and end_tick = $4`,
    [member.queue, noteName(member, batch), batch.startTick, batch.endTick],
  );
  return row?.last_event_id == null ? undefined : Number(row.last_event_id);
}

/** @param death the call that the last worker died in, where it belongs to this batch. */
export async function openNarrowing(
  connection: Connection,
  member: CoopMember,
  batch: CoopBatch,
  death?: Death | undefined,
): Promise<Narrowing> {
  const [row = {}] = await connection.query<Record<string, string | number | null>>(
    'select * from tributary.narrowing_open($1, $2, $3, $4, $5, $6)',
    [
      ...[member.queue, noteName(member, batch), batch.startTick, batch.endTick],
      death ? [death.token, death.first, death.last, death.events] : null,
      death?.isCertain ?? false,
    ],
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
            kills: number('kills'),
          },
  };
}

export async function markNarrowing(
  connection: Connection,
  member: CoopMember,
  { batch, slice, events }: { readonly batch: CoopBatch; readonly slice: Slice; readonly events: number },
): Promise<void> {
  await connection.query('select tributary.narrowing_mark($1, $2, $3, $4, $5)', [
    member.queue,
    noteName(member, batch),
    [batch.startTick, batch.endTick],
    slice,
    events,
  ]);
}

export async function stepNarrowing(
  transaction: BatchTransaction,
  member: CoopMember,
  { batch, lastEventId }: { readonly batch: CoopBatch; readonly lastEventId: number },
): Promise<void> {
  await transaction.query('select tributary.narrowing_step($1, $2, $3, $4, $5)', [
    batch.token,
    member.queue,
    noteName(member, batch),
    [batch.startTick, batch.endTick],
    lastEventId,
  ]);
}
