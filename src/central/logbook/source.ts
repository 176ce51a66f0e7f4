// Where a source was lately, how long its events took from stage to stage, and who held its shard.
import type { CallOptions } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';

export interface SourceTrack {
  /** The newest first. Times are ISO 8601. */
  readonly positions: readonly {
    readonly at: string;
    /** The window from the tick before: up to this tick, or a part of it. */
    readonly fromTick: number | null;
    readonly tick: number;
    readonly isPart: boolean;
    readonly tickAt: string;
    /** Moved by this commit; null: the position before is not kept. */
    readonly events: number | null;
    /** Host whose mover made the commit; null: a command did. */
    readonly mover: string | null;
    /** When the last batch that has these events was handled to its end; null: it was not yet, or that is not known. */
    readonly handledAt: string | null;
  }[];
  /** The newest first; `until` null: it holds the shard now. */
  readonly holders: readonly {
    readonly host: string | null;
    readonly pid: number | null;
    readonly since: string;
    readonly until: string | null;
    /** False: it was silent, and last seen then. */
    readonly wasLetGo: boolean;
  }[];
}

const time = (expression: string): string =>
  `to_char((${expression}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const WINDOWS = `
select ${time('at')} as at, from_tick as "fromTick", to_tick as tick, is_part as "isPart", ${time('tick_at')} as "tickAt",
    events, mover, ${time('handled_at')} as "handledAt"
from tributary.source_windows($1, $2, $3, $4)`;

const HOLDERS = `
select host, pid, ${time('taken_at')} as since, ${time('ended_at')} as until, was_let_go as "wasLetGo" from (
    select host, pid, taken_at, null::timestamptz as ended_at, true as was_let_go
    from tributary.lease where resource = $1 and is_held
    union all
    select host, pid, taken_at, ended_at, was_let_go from tributary.past_term where resource = $1) held
order by taken_at desc limit 20`;

interface TrackWanted {
  readonly shard: string;
  readonly queue: string;
  /** Who handles its events: central queues, or groups of them. */
  readonly works: readonly string[];
  /** Most windows. */
  readonly limit: number;
}

export async function readSourceTrack(
  link: Pick<CentralLink, 'use'>,
  { shard, queue, works, limit }: TrackWanted,
  options: CallOptions,
): Promise<SourceTrack> {
  const wanted = [shard, queue, limit, works];
  return await link.use(async (central) => ({
    positions: await central.query<SourceTrack['positions'][number]>(WINDOWS, wanted, options),
    holders: await central.query<SourceTrack['holders'][number]>(HOLDERS, [`shard:${shard}`], options),
  }));
}
