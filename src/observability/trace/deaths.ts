// The dead event that an event became, by its id or by its origin where central refused it.
import type { Connection } from '../../postgres/connection.ts';
import { iso } from './find-event.ts';
import type { TracedDeath } from './shape.ts';

/** Whose death: of an event in one group of its queue, or of one that central refused. */
interface DeadInGroup {
  readonly queue: string;
  readonly id: number;
  readonly origin: string | undefined;
  /** Undefined: the queue has one group, without a name. */
  readonly part: string | undefined;
}

/** The newest one; undefined: it did not die. */
export async function readDeath(
  central: Connection,
  { queue, id, origin, part }: DeadInGroup,
): Promise<TracedDeath | undefined> {
  return await readDeathWhere(
    central,
    'd.central_queue = $1 and (d.ev_id = $2 and d.group_name is not distinct from $4 or d.ev_id is null and d.origin = $3)',
    [queue, id, origin ?? null, part ?? null],
  );
}

/** An event that never came to central as one: it was refused. */
export async function readRefused(
  central: Connection,
  queue: string,
  origins: readonly string[],
): Promise<TracedDeath | undefined> {
  return await readDeathWhere(central, 'd.central_queue = $1 and d.ev_id is null and d.origin = any ($2)', [
    queue,
    origins,
  ]);
}

/** The id of an event that failed; central's event tables may not have it any more. */
export async function readFailedId(
  central: Connection,
  queue: string,
  origins: readonly string[],
): Promise<number | undefined> {
  const [row] = await central.query<{ ev_id: number }>(
    `(select a.ev_id from tributary.attempt a where a.central_queue = $1 and a.origin = any ($2) limit 1)
     union all
     (select d.ev_id from tributary.dead_event d
      where d.central_queue = $1 and d.origin = any ($2) and d.ev_id is not null order by d.id desc limit 1)
     limit 1`,
    [queue, origins],
  );
  return row?.ev_id;
}

async function readDeathWhere(
  central: Connection,
  condition: string,
  values: readonly unknown[],
): Promise<TracedDeath | undefined> {
  const [row] = await central.query<{
    id: number;
    kind: string;
    attempts: number;
    error: string;
    died_ms: number;
    redriven_ms: number | null;
  }>(
    `select d.id, d.kind, d.attempts, d.error, extract(epoch from d.died_at)::float8 * 1000 as died_ms,
         extract(epoch from d.redriven_at)::float8 * 1000 as redriven_ms
     from tributary.dead_event d where ${condition} order by d.id desc limit 1`,
    values,
  );
  if (row === undefined) return undefined;
  return {
    ...{ id: row.id, kind: row.kind, attempts: row.attempts, error: row.error },
    diedAt: iso(row.died_ms),
    redrivenAt: row.redriven_ms === null ? null : iso(row.redriven_ms),
  };
}
