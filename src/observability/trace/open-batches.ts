// Where the group of an event stands, in its lane where it has lanes, and the open batch that has the event.
import type { Connection } from '../../postgres/connection.ts';
import { iso } from './find-event.ts';
import type { HandledEvent, HandlingFacts } from './handled.ts';

export interface Lane {
  readonly lane: number;
  readonly at: number;
  readonly batch: number | null;
}

/** @returns undefined where the group has none. */
export async function readLane(
  central: Connection,
  { queue, group, id, txid }: HandledEvent,
): Promise<Lane | undefined> {
  if (txid === undefined) return undefined;
  const [row] = await central.query<{ [Name in keyof Lane]: Lane[Name] | null }>(
    `select l.* from pgq.consumer c
      join pgq.subscription s on s.sub_consumer = c.co_id
      join pgq.queue q on q.queue_id = s.sub_queue
      cross join lateral tributary.lane_of($1, $2, $3, $4) l
      where q.queue_name = $1 and c.co_name = $2`,
    [queue, group, id, txid],
  );
  if (row?.lane == null || row.at === null) return undefined;
  return { lane: row.lane, at: row.at, batch: row.batch };
}

/** What this event waits for with its key: an event in front that failed, its turn, or its rate. */
export interface InFront {
  readonly waitsFor: 'retry' | 'turn' | 'rate';
  readonly id: number;
  readonly key: string;
  readonly error: string | null;
  readonly nextAt: string;
}

export async function readInFront(
  central: Connection,
  { queue, group, id }: HandledEvent,
): Promise<InFront | undefined> {
  const [row] = await central.query<{
    waits_for: InFront['waitsFor'];
    id: number;
    key: string;
    error: string | null;
    next_ms: number;
  }>(
    `select k.waits_for, k.ev_id as id, k.key, k.last_error as error, extract(epoch from k.next_at)::float8 * 1000 as next_ms
      from pgq.consumer c
      join pgq.subscription s on s.sub_consumer = c.co_id
      join pgq.queue q on q.queue_id = s.sub_queue
      join tributary.lane_waiting w on w.queue_id = s.sub_queue and w.sub_id = s.sub_id and w.ev_id = $3
      join tributary.paused_key k on k.queue_id = w.queue_id and k.sub_id = w.sub_id and k.hash = w.hash
      where q.queue_name = $1 and c.co_name = $2
        and case when k.waits_for = 'retry' then k.ev_id <> $3 else k.batch is null or w.ev_id > k.upto end`,
    [queue, group, id],
  );
  return (
    row && { waitsFor: row.waits_for, id: row.id, key: row.key, error: row.error, nextAt: iso(row.next_ms) }
  );
}

export async function readBatches(
  central: Connection,
  { queue, group, id, seenBy }: HandledEvent,
  lane: Lane | undefined,
): Promise<Pick<HandlingFacts, 'group' | 'open'>> {
  const [main] = await central.query<{ tick: number; event_seq: number | null; sub_id: number }>(
    `select s.sub_last_tick as tick, t.tick_event_seq as event_seq, s.sub_id
     from pgq.queue q
     join pgq.subscription s on s.sub_queue = q.queue_id
     join pgq.consumer c on c.co_id = s.sub_consumer
     left join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = s.sub_last_tick
     where q.queue_name = $1 and c.co_name = $2`,
    [queue, group],
  );
  if (main === undefined) return { group: undefined, open: undefined };
  const [open] =
    seenBy === undefined
      ? []
      : await central.query<{ member: string; token: number; active_ms: number; done: number | null }>(
          `select tributary.coop_member_of($2, c.co_name) as member, s.sub_batch as token,
               extract(epoch from s.sub_active)::float8 * 1000 as active_ms, n.last_event_id as done
           from pgq.queue q
           join pgq.subscription s on s.sub_queue = q.queue_id and s.sub_id = $4
           join pgq.consumer c on c.co_id = s.sub_consumer
           left join tributary.narrowing n on n.central_queue = q.queue_name
               and n.group_name = $2 || coalesce('@' || $6::int4, '')
               and n.start_tick = s.sub_last_tick and n.end_tick = s.sub_next_tick
           where q.queue_name = $1 and s.sub_batch is not null and s.sub_last_tick < $3 and s.sub_next_tick >= $3
               and c.co_name <> $2 and ($6::int4 is null or s.sub_batch = $5)
           limit 1`,
          [queue, group, seenBy, main.sub_id, lane?.batch ?? null, lane?.lane ?? null],
        );
  return {
    // What is handed out of another lane says nothing about it.
    group: { tick: lane?.at ?? main.tick, eventSeq: main.event_seq ?? undefined },
    open:
      open === undefined
        ? undefined
        : {
            member: open.member,
            token: String(open.token),
            activeAt: iso(open.active_ms),
            isDone: open.done !== null && open.done >= id,
          },
  };
}
