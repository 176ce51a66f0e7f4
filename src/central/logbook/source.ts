// Where a source was lately, and who holds its shard.
import type { CallOptions } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';

export interface SourceTrack {
  /** The newest first. */
  readonly positions: readonly {
    readonly at: string;
    readonly tick: number;
    readonly tickAt: string;
    readonly moved: number;
  }[];
  readonly holders: readonly { readonly host: string; readonly since: string }[];
}

const TIME = `'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;

export async function readSourceTrack(
  link: Pick<CentralLink, 'use'>,
  { shard, queue, limit }: { readonly shard: string; readonly queue: string; readonly limit: number },
  options: CallOptions,
): Promise<SourceTrack> {
  return await link.use(async (central) => ({
    // By their key: position tables are never vacuumed, and the planner would read them whole.
    positions: await central.query<SourceTrack['positions'][number]>(
      `select to_char(p.at at time zone 'UTC', ${TIME}) as at, p.tick_id as tick,
          to_char(to_timestamp(p.tick_time_us / 1000000.0) at time zone 'UTC', ${TIME}) as "tickAt", p.moved
       from (select id from tributary.source where shard = $1 and queue = $2 and state <> 'retired') s
       cross join lateral (
         select * from tributary.position p where p.source = s.id order by p.n desc limit $3) p
       order by p.n desc`,
      [shard, queue, limit],
      options,
    ),
    holders: await central.query<SourceTrack['holders'][number]>(
      `select host, to_char(taken_at at time zone 'UTC', ${TIME}) as since
       from tributary.lease where resource = $1 and is_held`,
      [`shard:${shard}`],
      options,
    ),
  }));
}
