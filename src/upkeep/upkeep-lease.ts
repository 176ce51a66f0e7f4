// Whether central's upkeep is held, for `lag` and `check`.
import type { Connection } from '../postgres/connection.ts';
import { CENTRAL_RESOURCE } from './central-upkeep.ts';

/** Longer than a takeover lasts, in seconds. */
const WORTH_TELLING_S = 60;

/** A sentence where it has been free for long although processes are there that could hold it; undefined: all is well. */
export async function upkeepTrouble(central: Connection, timeoutMs?: number): Promise<string | undefined> {
  const [row] = await central.query<{ free_s: number }>(
    `select extract(epoch from clock_timestamp() - coalesce(t.freed_at, m.until))::float8 as free_s
     from tributary.term t
     left join tributary.member m on m.id = t.holder
     where t.resource = $1 and exists (select from tributary.member a where a.until > clock_timestamp())
       and not exists (select from tributary.lease l where l.resource = t.resource and l.is_held)`,
    [CENTRAL_RESOURCE],
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  if (row === undefined || row.free_s < WORTH_TELLING_S) return undefined;
  return `Central has had no upkeep for ${Math.round(row.free_s)} s (rotation, retries, ticks), although movers or workers run: start one of them again, and see its log.`;
}
