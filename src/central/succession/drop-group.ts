// Ends the workers' group of a central queue, once everything in it is handled, in one transaction with its note.
import type { CentralLink } from '../central-link.ts';
import { type Note, noted, type Operator } from '../logbook/note.ts';

export interface QueueRest {
  readonly hasGroup: boolean;
  /** Events that workers have not finished: 0 only where none was found. */
  readonly waiting: number;
  /** Events that wait to be tried again. */
  readonly retrying: number;
  readonly dead: number;
}

/** What is left to do in a central queue. */
export async function readQueueRest(
  link: Pick<CentralLink, 'query'>,
  { queue, group }: { readonly queue: string; readonly group: string },
): Promise<QueueRest> {
  const [row] = await link.query<{
    has_group: boolean;
    events_behind: number | null;
    retrying: number | null;
    dead: number | null;
  }>('select has_group, events_behind, retrying, dead from tributary.lag_central(array[$1], $2)', [
    queue,
    group,
  ]);
  return {
    hasGroup: row?.has_group === true,
    waiting: row?.events_behind ?? 0,
    retrying: row?.retrying ?? 0,
    dead: row?.dead ?? 0,
  };
}

/** @throws SQLSTATE object_in_use where a batch is open or an event waits to be tried again: nothing has changed then. */
export async function dropGroup(
  link: Pick<CentralLink, 'use'>,
  { queue, group, note }: { readonly queue: string; readonly group: string; readonly note: Note },
  operator: Operator,
): Promise<void> {
  await noted(link, operator, async (central) => {
    await central.query('select tributary.coop_drop_group($1, $2)', [queue, group]);
    await central.query('delete from tributary.worker_pool where central_queue = $1', [queue]);
    return { result: undefined, note };
  });
}

/** The shards that have sources of a central queue, with the names of these, also of those that have ended. */
export async function sourcesOfQueue(
  link: Pick<CentralLink, 'query'>,
  queue: string,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await link.query<{ shard: string; queues: string[] }>(
    `select shard, array_agg(distinct queue) as queues from tributary.source where central_queue = $1 group by 1 order by 1`,
    [queue],
  );
  return new Map(rows.map(({ shard, queues }) => [shard, new Set(queues)]));
}
