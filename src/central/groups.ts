// The groups of an installation that central has, also those that its file does not name any more.
import type { CentralLink } from './central-link.ts';

/** Their names, `orders` or `orders/billing`. @param group the group without a name. */
export async function readGroupNames(
  link: Pick<CentralLink, 'query'>,
  group: string,
  timeoutMs?: number,
): Promise<string[]> {
  const rows = await link.query<{ name: string }>(
    'select name from tributary.groups_of($1)',
    [group],
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return rows.map(({ name }) => name);
}
