// pgbouncer between us and a server, in transaction mode as it is often used: each transaction may get another session.
import { chmodSync, existsSync } from 'node:fs';
import { inject } from 'vitest';
import type { Database } from '../../../src/config/config.ts';
import { freePort } from '../../../src/embedded/port.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenFolder, writeFile } from '../files.ts';
import { startProcess } from '../processes/process.ts';
import { until } from '../until.ts';

const PROGRAM = '/usr/sbin/pgbouncer';

/** Debian's package. The provider tests need it; in other runs tests with it are skipped where it is missing. */
export const hasPgbouncer = existsSync(PROGRAM);

/** @returns the port at which every database of the run's server is reached through the pooler. */
export async function givenPgbouncer({
  poolSize = 4,
  mode = 'transaction',
}: {
  readonly poolSize?: number;
  readonly mode?: 'session' | 'transaction' | 'statement';
} = {}): Promise<number> {
  const { host, port: serverPort, user, password } = inject('server');
  const port = await freePort();
  const folder = givenFolder();
  writeFile(folder, 'users.txt', { text: `"${user}" "${password}"\n` });
  const ini = writeFile(folder, 'pgbouncer.ini', {
    text: `[databases]
* = host=${host} port=${serverPort} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${folder}/users.txt
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 500
`,
  });
  // It refuses to run as root, and must be able to read its files as another user.
  for (const path of [folder, ini, `${folder}/users.txt`]) chmodSync(path, path === folder ? 0o755 : 0o644);
  const isRoot = process.getuid?.() === 0;
  startProcess([PROGRAM, ...(isRoot ? ['-u', 'nobody'] : []), ini]);
  const through: Database = {
    host: '127.0.0.1',
    port,
    database: 'postgres',
    user,
    password,
    tls: { mode: 'off' },
    displayUrl: '',
    ticker: 'auto',
  };
  await until(
    async () => {
      const connection = await Connection.open(through, { applicationName: 'test' });
      await connection.close();
      return true;
    },
    { what: 'pgbouncer' },
  );
  return port;
}
