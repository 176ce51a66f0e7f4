// Why a shard does not move, as central knows it: who holds it, and what its mover reported last.
import { TIMING } from '../../lifecycle/timing.ts';
import type { CentralLink } from '../central-link.ts';

export interface ShardStanding {
  /** The host whose mover holds it; undefined: none does. */
  readonly holder: string | undefined;
  /** What movers said of its sources that do not move, by queue. */
  readonly reasons: ReadonlyMap<string, string>;
}

export async function readStanding(link: Pick<CentralLink, 'query'>, shard: string): Promise<ShardStanding> {
  const rows = await link.query<{ holder: string | null; queue: string | null; reason: string | null }>(
    `select h.host as holder, r.queue, r.reason
     from (select 1) one
     left join tributary.lease h on h.resource = 'shard:' || $1 and h.is_held
     left join lateral (
         select s.queue, l.reason from tributary.source s join tributary.source_report l on l.source = s.id
         where s.shard = $1 and s.state <> 'retired' and l.state not in ('moving', 'idle') and l.reason is not null
           and l.reported_at > now() - make_interval(secs => $2)) r on true`,
    [shard, TIMING.reports.freshSeconds],
  );
  return {
    holder: rows[0]?.holder ?? undefined,
    reasons: new Map(rows.flatMap(({ queue, reason }) => (queue && reason ? [[queue, reason]] : []))),
  };
}
