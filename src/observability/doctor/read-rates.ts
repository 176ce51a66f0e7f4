// How many events of some sources are moved a second, from the last of their positions.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';

/** By `shard:queue`. */
export async function readMovedRates(
  central: Connection,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await central.query<{ name: string; moved: number }>(RATES, [names.slice(0, MOST)], {
    timeoutMs: TIMING.doctor.centralMs,
  });
  return new Map(rows.map(({ name, moved }) => [name, moved]));
}

/** Each costs as many reads as positions are looked at. */
const MOST = 200;

/** Until now, not until the last position: what has stopped moving becomes slower. */
const RATES = `
select w.name, (max(p.moved) - min(p.moved))::float8
    / greatest(1, extract(epoch from clock_timestamp() - min(p.at)))::float8 as moved
from unnest($1::text[]) w (name)
join tributary.source s on s.shard || ':' || s.queue = w.name
cross join lateral (
    select p.moved, p.at from tributary.position p where p.source = s.id order by p.n desc limit 50) p
group by w.name`;
