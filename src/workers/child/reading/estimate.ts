// Estimates how many events a batch holds that is too large to be read at once, for progress in `lag` and to size groups.
import type { Connection } from '../../../postgres/connection.ts';
import type { CoopBatch } from '../../../queue/coop.ts';
import type { TrackRecord } from '../tries/track-record.ts';

export const estimateSql = (token: number): string => `select tributary.lag_batch(${token})`;

export interface EstimateOptions {
  readonly batch: CoopBatch;
  readonly record: TrackRecord;
  /** The first events of the batch. */
  readonly read: { readonly events: readonly unknown[]; readonly isAll: boolean };
}

/** Notes the estimate once for a batch. */
export async function estimate(
  connection: Connection,
  { batch, record: { progress }, read }: EstimateOptions,
): Promise<void> {
  if (progress.isEstimated) return;
  if (read.isAll) return progress.estimated(read.events.length);
  const [row] = await connection.query('select tributary.lag_batch($1) as events', [batch.token]);
  progress.estimated(Number(row?.events ?? 0));
}
