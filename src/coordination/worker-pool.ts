// Queries of tributary.worker_pool: how many workers a central queue shall have, and who set the number.
import type { Connection } from '../postgres/connection.ts';

export interface WantedWorkers {
  readonly queue: string;
  readonly wanted: number;
  /** The number in the file. */
  readonly fileWanted: number;
  /** Who overrode it; undefined: as in the file. */
  readonly setBy: string | undefined;
  /** How often all its workers were to be replaced so far. */
  readonly generation: number;
}

/** Sent with the queue's name as payload whenever a number changes. */
export const WORKERS_CHANNEL = 'tributary_workers';

/** A row of tributary.worker_pool. */
export interface PoolRow {
  readonly central_queue: string;
  readonly wanted: number;
  readonly file_wanted: number;
  readonly set_by: string | null;
  readonly generation: number;
}

export async function readWantedWorkers(connection: Connection): Promise<WantedWorkers[]> {
  const rows = await connection.query<PoolRow>(
    'select central_queue, wanted, file_wanted, set_by, generation from tributary.worker_pool order by central_queue',
  );
  return rows.map(wantedWorkers);
}

export const wantedWorkers = (row: PoolRow): WantedWorkers => ({
  queue: row.central_queue,
  wanted: row.wanted,
  fileWanted: row.file_wanted,
  setBy: row.set_by ?? undefined,
  generation: row.generation,
});

/** @returns how many are wanted now. */
export async function setWorkers(
  connection: Connection,
  queue: string,
  { wanted, by }: { readonly wanted: number; readonly by: string },
): Promise<number> {
  return answer(
    await connection.query('select tributary.worker_pool_set($1, $2, $3) as wanted', [queue, wanted, by]),
  );
}

/** What the file says counts from now on, and takes a `scale` back, where it is another number than was installed. */
export async function installWorkers(connection: Connection, queue: string, wanted: number): Promise<number> {
  return answer(
    await connection.query('select tributary.worker_pool_sync($1, $2) as wanted', [queue, wanted]),
  );
}

/** Back to the file's number. @returns how many are wanted now. */
export async function resetWorkers(connection: Connection, queue: string): Promise<number> {
  return answer(await connection.query('select tributary.worker_pool_reset($1) as wanted', [queue]));
}

/** Asks all hosts to replace the queue's workers. @returns the generation of the new ones. */
export async function rollOverWorkers(connection: Connection, queue: string): Promise<number> {
  return answer(await connection.query('select tributary.worker_pool_renew($1) as wanted', [queue]));
}

const answer = ([row]: { wanted?: unknown }[]): number => Number(row?.wanted);
