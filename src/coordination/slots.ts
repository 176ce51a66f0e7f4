// The slots of a central queue that are held now, and by which host.

import type { CentralLink } from '../central/central-link.ts';
import type { CallOptions } from '../postgres/connection.ts';

export interface HeldSlot {
  /** Such as `orders#3`. */
  readonly slot: string;
  readonly host: string;
}

export async function readSlots(
  link: Pick<CentralLink, 'query'>,
  queue: string,
  options: CallOptions,
): Promise<HeldSlot[]> {
  return await link.query<HeldSlot>(
    `select substr(l.resource, 6) as slot, l.host from tributary.lease l
     where starts_with(l.resource, $1) and l.is_held and substr(l.resource, length($1) + 1) ~ '^[0-9]+$'
     order by substr(l.resource, length($1) + 1)::bigint`,
    [`slot:${queue}#`],
    options,
  );
}
