// What workers are compared with: psql that copies the rows out of the table, and a loop that takes, reads and ends batches.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Config } from '../../dist/config/config.js';
import { Connection } from '../../dist/postgres/connection.js';

/** Batches of the size that Tributary's workers ask for. */
const EVENTS_TOGETHER = 5_000;

/** Copies all rows of a table, binary, to /dev/null. @returns seconds. */
export async function copySeconds(url: string, table: string): Promise<number> {
  const began = performance.now();
  const psql = spawn('psql', ['-X', '-q', '-c', `copy ${table} to stdout (format binary)`, url], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(psql, 'close');
  if (code !== 0) throw new Error('psql failed; is it installed?');
  return (performance.now() - began) / 1000;
}

/** The simplest consumer: a statement each to take, read and end a batch. @returns seconds until no batch is left. */
export async function loopSeconds(
  central: Config['central'],
  { queue, consumer }: { readonly queue: string; readonly consumer: string },
): Promise<number> {
  const connection = await Connection.open(central, { applicationName: 'bench loop', plainTypes: true });
  const began = performance.now();
  try {
    for (;;) {
      const [row] = await connection.query<{ batch_id: string | null }>(
        'select batch_id from pgq.next_batch_custom($1, $2, null, $3, null)',
        [queue, consumer, EVENTS_TOGETHER],
      );
      if (row?.batch_id == null) return (performance.now() - began) / 1000;
      await connection.query('select * from pgq.get_batch_events($1)', [row.batch_id]);
      await connection.query('select pgq.finish_batch($1)', [row.batch_id]);
    }
  } finally {
    await connection.close();
  }
}
