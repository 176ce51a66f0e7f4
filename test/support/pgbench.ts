// pgbench of Debian's package, against a database of the run's server.
import { inject } from 'vitest';
import { startProcess, type TestProcess } from './processes/process.ts';
import type { TestDatabase } from './server/database.ts';

const PROGRAM = '/usr/lib/postgresql/15/bin/pgbench';

export function startPgbench({ name }: TestDatabase, args: readonly string[]): TestProcess {
  const { host, port, user, password } = inject('server');
  const where = ['-h', host, '-p', String(port), '-U', user, name];
  return startProcess([PROGRAM, ...args, ...where], { env: { PGPASSWORD: password } });
}

/** Creates its tables, and a trigger that makes an event of each row of its history. */
export async function givenPgbench(database: TestDatabase, { queue }: { queue: string }): Promise<void> {
  const { code } = await startPgbench(database, ['-i', '-s', '1', '-q']).exit;
  if (code !== 0) throw new Error(`pgbench -i ended with ${code}.`);
  await database.query(
    `create trigger history_events after insert on pgbench_history for each row execute function pgq.jsontriga('${queue}')`,
  );
}

/**
 * Writes on all of them until it is told to stop, however long that is: a load that ends by itself may be over before those that
 * are to be killed have begun.
 */
export function startPgbenchLoad(
  databases: readonly TestDatabase[],
  { rate }: { rate: number },
): { stop(): Promise<void> } {
  let isEnough = false;
  const running = databases.map(async (database) => {
    while (!isEnough) {
      const { code } = await startPgbench(database, ['-c', '2', '-T', '2', '-R', String(rate), '-n']).exit;
      if (code !== 0) throw new Error(`pgbench ended with ${code}.`);
    }
  });
  const ended = Promise.all(running);
  ended.catch(() => {});
  return {
    stop: async () => {
      isEnough = true;
      await ended;
    },
  };
}
