// What the mover's upkeep does every few seconds, at once: watermarks that follow the positions, and rotations.
import { kindOf } from '../../src/errors/sqlstate.ts';
import type { Connection } from '../../src/postgres/connection.ts';
import { maintain } from '../../src/upkeep/maintenance.ts';
import { moveWatermarks } from '../../src/upkeep/watermarks.ts';
import type { Forwarding } from './forwarding.ts';

/**
 * Rotates what is due on one database; returns how many rotations there were. Somebody in the way for too long is no error:
 * the next time is soon.
 */
export async function rotate(connection: Connection, queues: readonly string[]): Promise<number> {
  try {
    const { rotated } = await maintain(connection, { schema: 'pgq', queues, onRotation: () => {} });
    return rotated;
  } catch (error) {
    await connection.script('rollback');
    if (kindOf(error) !== 'retryable') throw error;
    process.stdout.write(`rotation put off: ${(error as Error).message}\n`);
    return 0;
  }
}

/** As the mover's own upkeep does every few seconds. */
export async function followPositions(
  forwarding: Forwarding,
  connections: readonly Connection[],
  { keepMs = {} }: { readonly keepMs?: Readonly<Record<string, number>> } = {},
): Promise<void> {
  for (const [at, connection] of connections.entries()) {
    const [consumer] = await connection.query<{ name: string }>('select co_name as name from pgq.consumer');
    const positions = await forwarding.central.query<{ queue: string; tick: number }>(
      'select queue, tick_id as tick from tributary.sources_of($1)',
      [[`s${at + 1}`]],
    );
    await moveWatermarks(
      connection,
      positions.map(({ queue, tick }) => ({ queue, tickId: tick, keepMs: keepMs[queue] ?? 0 })),
      { schema: 'pgq', consumer: consumer?.name as string },
    );
  }
}
