// A real streaming standby of a test's own server, which may be cut off and promoted.
import { spawnSync } from 'node:child_process';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenProxy } from '../network/proxy.ts';
import { until } from '../until.ts';
import { givenServer, type TestServer } from './server.ts';
import { databaseOn } from './template.ts';

export interface Standby {
  readonly host: string;
  readonly port: number;
  /** Waits until it has all that the primary has now, then it gets nothing more. */
  cutOff(): Promise<void>;
  /** The primary ends without another word, and this one takes its place. */
  promote(): Promise<void>;
}

/**
 * `primary` is stopped for a moment: the standby begins with a copy of its files.
 * @param options.isSynchronous whether the primary commits nothing that the standby does not have.
 */
export async function givenStandby(
  primary: TestServer,
  { isSynchronous = false }: { readonly isSynchronous?: boolean } = {},
): Promise<Standby> {
  const standby = await givenServer();
  await standby.kill('immediate');
  await primary.kill('immediate');
  rmSync(standby.dataDir, { recursive: true });
  // As it is, with its owner.
  const { status, stderr } = spawnSync('cp', ['-a', primary.dataDir, standby.dataDir], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  await primary.restart();
  const wire = await givenProxy(primary);
  rmSync(join(standby.dataDir, 'postmaster.pid'), { force: true });
  writeFileSync(join(standby.dataDir, 'standby.signal'), '');
  appendFileSync(
    join(standby.dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${wire.host} port=${wire.port} user=${primary.user} password=${primary.password}'\n`,
  );
  await standby.restart();
  // It has the primary's password, as it has all else of it.
  const { host, port } = standby;
  const ask = async <T>({ host, port }: TestServer, text: string): Promise<T> => {
    const connection = await Connection.open(databaseOn({ ...primary, host, port }, 'postgres'), {
      applicationName: 'tributary test standby',
    });
    try {
      return (await connection.query<{ value: T }>(text))[0]?.value as T;
    } finally {
      await connection.close();
    }
  };
  // After the copy: the standby waits for nobody once it is the primary.
  if (isSynchronous) {
    await ask(primary, "alter system set synchronous_standby_names = '*'");
    await ask(primary, 'select pg_reload_conf()');
    const isSync = () =>
      ask<boolean>(
        primary,
        `select exists (select from pg_stat_replication where sync_state = 'sync') as value`,
      );
    await until(isSync, { what: 'a synchronous standby', timeoutMs: 60_000 });
  }
  return {
    host,
    port,
    async cutOff() {
      const reached = await ask<string>(primary, 'select pg_current_wal_insert_lsn()::text as value');
      const has = () => ask<boolean>(standby, `select pg_last_wal_replay_lsn() >= '${reached}' as value`);
      await until(has, { what: `the standby to have ${reached}`, timeoutMs: 60_000 });
      wire.drop();
    },
    async promote() {
      await primary.kill('immediate');
      await ask<boolean>(standby, 'select pg_promote() as value');
    },
  };
}
