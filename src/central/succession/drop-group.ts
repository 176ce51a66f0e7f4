// Ends a group of a central queue, in one transaction with its note.
import type { CentralLink } from '../central-link.ts';
import { type Note, noted, type Operator } from '../logbook/note.ts';

export interface QueueRest {
  readonly hasGroup: boolean;
  /** Workers. */
  readonly running: number;
  /** Events that workers have not finished: 0 only where none was found. */
  readonly waiting: number;
  /** Events that wait to be tried again. */
  readonly retrying: number;
  readonly dead: number;
}

/** What is left to do for a group. @param name `orders`, or `orders/billing`. @param group the group without a name. */
export async function readQueueRest(
  link: Pick<CentralLink, 'query'>,
  { name, group }: { readonly name: string; readonly group: string },
): Promise<QueueRest> {
  const [row] = await link.query<{
    has_group: boolean;
    running: number | null;
    events_behind: number | null;
    retrying: number | null;
    dead: number | null;
  }>('select has_group, running, events_behind, retrying, dead from tributary.lag_central(array[$1], $2)', [
    name,
    group,
  ]);
  return {
    hasGroup: row?.has_group === true,
    running: row?.running ?? 0,
    waiting: row?.events_behind ?? 0,
    retrying: row?.retrying ?? 0,
    dead: row?.dead ?? 0,
  };
}

export interface DroppedGroup {
  /** What was worked, and its queue and consumer. */
  readonly name: string;
  readonly queue: string;
  readonly group: string;
  /** With what waits for it, which is lost to it then. */
  readonly isForced?: boolean;
  readonly note: Note;
}

/** @throws SQLSTATE object_in_use where a batch is open or an event waits to be tried again, unless forced: nothing has changed then. */
export async function dropGroup(
  link: Pick<CentralLink, 'use'>,
  { name, queue, group, isForced = false, note }: DroppedGroup,
  operator: Operator,
): Promise<void> {
  await noted(link, operator, async (central) => {
    await central.query('select tributary.coop_drop_group($1, $2, $3)', [queue, group, isForced]);
    await central.query('delete from tributary.worker_pool where central_queue = $1', [name]);
    return { result: undefined, note };
  });
}

export interface QueueSources {
  /** The shards that have sources of the queue alone, with the names of these, also of those that have ended. */
  readonly shards: ReadonlyMap<string, ReadonlySet<string>>;
  /** Source queues that feed other central queues as well, with these. */
  readonly shared: ReadonlyMap<string, readonly string[]>;
}

/** What feeds a central queue. */
export async function sourcesOfQueue(link: Pick<CentralLink, 'query'>, queue: string): Promise<QueueSources> {
  const rows = await link.query<{ shard: string; queue: string; others: string[] | null }>(
    `select shard, queue, array_remove(routes, $1) as others from tributary.source
     where $1 = any (coalesce(routes, array[central_queue])) order by shard, queue`,
    [queue],
  );
  const shards = new Map<string, Set<string>>();
  const shared = new Map<string, readonly string[]>();
  for (const { shard, queue: source, others } of rows) {
    if (others !== null && others.length > 0) shared.set(source, others);
    else shards.set(shard, (shards.get(shard) ?? new Set()).add(source));
  }
  return { shards, shared };
}
