// What central knows of an event's way from its shard: the source, the positions that may have moved it, and where it came to.
import type { OriginColumn } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { iso } from './find-event.ts';
import type { TracedMove } from './shape.ts';

export interface TracedSource {
  readonly id: number;
  readonly shard: string;
  readonly queue: string;
  /** Where it leads to, or the first of several. */
  readonly centralQueue: string;
  /** All of them, where there are several. */
  readonly routes?: readonly string[];
  /** Its shard's name and those that it had before: origins begin with any of them. */
  readonly names: readonly string[];
}

/** Commits that may have moved the event. */
export interface Moves {
  /** Ascending; only the first one where it is known which tick saw the event. */
  readonly candidates: readonly TracedMove[];
  /** Positions are kept from here on; undefined: there is none. */
  readonly keptFrom: string | undefined;
  /** The first candidate is the oldest position that is kept: the event may have been moved before it. */
  readonly isOldest: boolean;
  /** Up to this event id the source has been moved, about. */
  readonly movedTo: number;
}

/** Looked through where it is not known which tick saw the event. */
const MOST_CANDIDATES = 500;

export async function readTracedSource(
  central: Connection,
  shard: string,
  queue: string,
): Promise<TracedSource | undefined> {
  const [row] = await central.query<{
    id: number;
    shard: string;
    queue: string;
    central_queue: string;
    routes: string[] | null;
    former_names: string[] | null;
  }>(
    `select s.id, s.shard, s.queue, s.central_queue, s.routes, h.former_names
     from tributary.source s left join tributary.shard h on h.name = s.shard
     where s.queue = $2 and (s.shard = $1 or $1 = any (h.former_names))
     order by s.shard <> $1 limit 1`,
    [shard, queue],
  );
  if (row === undefined) return undefined;
  return {
    id: row.id,
    shard: row.shard,
    queue: row.queue,
    centralQueue: row.central_queue,
    ...(row.routes === null ? {} : { routes: row.routes }),
    names: [...new Set([row.shard, shard, ...(row.former_names ?? [])])],
  };
}

/** @param seenBy the first tick of the shard that saw the event; undefined: not known. */
export async function readMoves(
  central: Connection,
  source: number,
  { id, seenBy }: { readonly id: number; readonly seenBy: number | undefined },
): Promise<Moves> {
  const rows = await central.query<{
    n: number;
    xid: number | null;
    mover: string | null;
    at_ms: number;
  }>(
    `select p.n, p.xid, p.mover, extract(epoch from p.at)::float8 * 1000 as at_ms
     from tributary.position p
     where p.source = $1 and case when $2::bigint is null then coalesce(p.end_tick_event_seq, p.tick_event_seq) >= $3
         else p.tick_id >= $2 or p.end_tick_id >= $2 and p.last_event_id >= $3 end
     order by p.n limit $4`,
    [source, seenBy ?? null, id, seenBy === undefined ? MOST_CANDIDATES : 1],
  );
  const [ends] = await central.query<{ n: number; at_ms: number; moved_to: number }>(
    `select o.n, extract(epoch from o.at)::float8 * 1000 as at_ms, coalesce(e.last_event_id, e.tick_event_seq) as moved_to
     from (select p.n, p.at from tributary.position p where p.source = $1 order by p.n limit 1) o
     cross join (select p.last_event_id, p.tick_event_seq from tributary.position p
                 where p.source = $1 order by p.n desc limit 1) e`,
    [source],
  );
  return {
    candidates: rows.map(({ n, xid, mover, at_ms }) => ({
      at: iso(at_ms),
      transaction: xid === null ? null : String(xid),
      mover,
      n,
    })),
    keptFrom: ends === undefined ? undefined : iso(ends.at_ms),
    isOldest: rows[0] !== undefined && rows[0].n === ends?.n,
    movedTo: ends?.moved_to ?? 0,
  };
}

/** The event that one of these commits brought. */
export async function readArrival(
  central: Connection,
  { table, column, origins, moves }: Arrival,
): Promise<{ readonly id: number; readonly move: TracedMove } | undefined> {
  const byTransaction = new Map(moves.map((move) => [move.transaction, move]));
  byTransaction.delete(null);
  if (byTransaction.size === 0) return undefined;
  const [row] = await central.query<{ ev_id: number; ev_txid: number }>(
    `select e.ev_id, e.ev_txid from ${table} e
     where e.ev_txid = any ($1::bigint[]) and e.ev_owner is null and e.ev_${column} = any ($2) limit 1`,
    [[...byTransaction.keys()], origins],
  );
  const move = byTransaction.get(String(row?.ev_txid));
  return row === undefined || move === undefined ? undefined : { id: row.ev_id, move };
}

interface Arrival {
  /** The parent of the central queue's event tables, quoted where needed. */
  readonly table: string;
  readonly column: Exclude<OriginColumn, 'none'>;
  readonly origins: readonly string[];
  readonly moves: readonly TracedMove[];
}
