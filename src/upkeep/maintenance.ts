// What pgqd does, done by us, for some queues of one database: rotation in its two steps, and moving due retries.
//
// Order: step 1, step 2 and each move of retries are transactions of their own: step 2 in a transaction that had an id
// before would lose events.
// Fails by: a queue that cannot be rotated, such as one with a consumer whose tick is gone, keeps no other from anything.
import type { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { fill, sqlFile } from '../postgres/sql-file.ts';
import { missingXidsSql } from '../queue/ahead.ts';
import { dialectOf, snapshotTypeSql } from '../queue/dialect.ts';

const DUE = sqlFile('shard', 'rotation-due.sql');
const ROTATE = sqlFile('shard', 'rotate.sql');

export interface MaintenanceOptions {
  readonly schema: string;
  readonly queues: readonly string[];
  /** Called for each queue that was due, with `rotated` or why not. */
  readonly onRotation: (queue: string, outcome: string) => void;
  /** Called for each queue whose rotation failed; it is tried again next time. */
  readonly onTrouble: (queue: string, error: unknown) => void;
}

/** One pass. On an idle database it only reads. */
export async function maintain(
  connection: Connection,
  { schema, queues, onRotation, onTrouble }: MaintenanceOptions,
): Promise<{ rotated: number; retried: number }> {
  const request = literal(JSON.stringify(queues));
  const [[state] = []] = await connection.script(
    fill(DUE, {
      schema,
      request,
      missing_xids: missingXidsSql(schema),
      snapshot_type: snapshotTypeSql(schema),
    }),
  );
  if (Number(state?.missing_xids) > 0) return { rotated: 0, retried: 0 };
  const names = { ...dialectOf(state?.snapshot_type), schema };
  let rotated = 0;
  for (const queue of (state?.due ?? []) as string[]) {
    const outcome = await rotate(connection, fill(ROTATE, { ...names, queue: literal(queue) })).catch(
      async (error: unknown) => {
        if (connection.failed) throw error;
        await connection.script('rollback');
        onTrouble(queue, error);
      },
    );
    if (outcome === undefined) continue;
    if (outcome === 'rotated') rotated += 1;
    if (outcome !== 'empty') onRotation(queue, outcome);
  }
  if (rotated > 0 || state?.is_half_done)
    await connection.query(`select ${schema}.maint_rotate_tables_step2()`);
  return { rotated, retried: state?.has_retries ? await moveRetries(connection, schema) : 0 };
}

async function rotate(connection: Connection, sql: string): Promise<string> {
  const results = await connection.script(sql);
  return results.flat().find((row) => row.outcome !== undefined)?.outcome as string;
}

/** Whether there is something to do for moveRetries. */
export const retriesDueSql = (schema: string): string =>
  `(exists (select from ${schema}.retry_queue where ev_retry_after <= now()) and ${missingXidsSql(schema)} <= 0)`;

/**
 * Hands out again events that were put off, once their time has come. Only reads where there are none, or where the events
 * would be inserted behind the consumers.
 */
export async function moveRetries(connection: Connection, schema: string): Promise<number> {
  const due = `select ${retriesDueSql(schema)} as due`;
  let moved = 0;
  while ((await connection.query<{ due: boolean }>(due))[0]?.due) {
    const [row] = await connection.query<{ moved: number }>(`select ${schema}.maint_retry_events() as moved`);
    if (row === undefined || row.moved === 0) break;
    moved += row.moved;
  }
  return moved;
}
