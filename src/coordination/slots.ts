// The slots of a central queue that are held now, and by which host.

import type { CentralLink } from '../central/central-link.ts';
import type { CallOptions } from '../postgres/connection.ts';

export interface HeldSlot {
  /** Such as `orders#3`. */
  readonly slot: string;
  readonly host: string;
  /** Of its worker's process; null: none runs, or it has not said. */
  readonly pid: number | null;
  readonly memoryBytes: number | null;
  readonly ageSeconds: number | null;
  /** How many processes died in it, since the host has it. */
  readonly restarts: number | null;
}

export async function readSlots(
  link: Pick<CentralLink, 'query'>,
  queue: string,
  options: CallOptions,
): Promise<HeldSlot[]> {
  return await link.query<HeldSlot>(
    `select substr(l.resource, 6) as slot, l.host, (m.details -> 'pids' ->> substr(l.resource, 6))::int as pid,
       (w.facts ->> 'mb')::bigint * 1048576 as "memoryBytes",
       greatest(0, round(extract(epoch from now()) - (w.facts ->> 'since')::bigint))::int as "ageSeconds",
       (w.facts ->> 'died')::int as restarts
     from tributary.lease l
     left join tributary.member m on m.id = l.holder
     cross join lateral (select m.details -> 'workers' -> substr(l.resource, 6) as facts) w
     where starts_with(l.resource, $1) and l.is_held and substr(l.resource, length($1) + 1) ~ '^[0-9]+$'
     order by substr(l.resource, length($1) + 1)::bigint`,
    [`slot:${queue}#`],
    options,
  );
}
