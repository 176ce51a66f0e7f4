// pgbench of Debian's package, against a database of the run's server.
import { inject } from 'vitest';
import type { TestDatabase } from './database.ts';
import { startProcess, type TestProcess } from './process.ts';

const PROGRAM = '/usr/lib/postgresql/15/bin/pgbench';

export function startPgbench({ name }: TestDatabase, args: readonly string[]): TestProcess {
  const { host, port, user, password } = inject('server');
  const where = ['-h', host, '-p', String(port), '-U', user, name];
  return startProcess([PROGRAM, ...args, ...where], { env: { PGPASSWORD: password } });
}

/** Its tables, and a trigger that makes an event of each row of its history. */
export async function givenPgbench(database: TestDatabase, { queue }: { queue: string }): Promise<void> {
  const { code } = await startPgbench(database, ['-i', '-s', '1', '-q']).exit;
  if (code !== 0) throw new Error(`pgbench -i ended with ${code}.`);
  await database.query(
    `create trigger history_events after insert on pgbench_history for each row execute function pgq.jsontriga('${queue}')`,
  );
}
