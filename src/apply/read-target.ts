// Asks central for the tables that a queue's changes are applied to.
import type { AppliedTable } from '../config/config.ts';
import type { Connection } from '../postgres/connection.ts';
import { type Target, type TargetFacts, tableSql, targetOf } from './target.ts';

/** @throws TributaryError where the table does not fit what the file says. */
export async function readTarget(central: Connection, applied: AppliedTable): Promise<Target> {
  const [row] = await central.query<{ facts: TargetFacts | null }>(
    'select tributary.apply_table($1) as facts',
    [tableSql(applied.table)],
  );
  return targetOf(applied, row?.facts ?? undefined);
}
