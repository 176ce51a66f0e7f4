// Two servers of Debian's PostgreSQL 15, one of which streams to the other: it may be switched over, or crash and be taken over from.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverAccount } from '../../dist/embedded/account.js';
import { freePort } from '../../dist/embedded/port.js';

const BIN = '/usr/lib/postgresql/15/bin';
const PASSWORD = 'bench';

interface Server {
  readonly folder: string;
  readonly port: number;
}

export interface Replicated {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** The URL of a database, with both servers in it. */
  url(database: string): string;
  /** The primary is stopped in order, then the standby promoted. @returns ms from the first of it until it takes writes. */
  switchOver(): Promise<number>;
  /** The primary is killed, then the standby promoted. */
  crash(): Promise<number>;
  stop(): void;
}

/** @param more lines of postgresql.conf. */
export async function startReplicated(isSynchronous: boolean, more = ''): Promise<Replicated> {
  const account = serverAccount();
  const root = mkdtempSync(join(tmpdir(), 'tributary-replicated-'));
  // Not so that we wait for its end: what the bench does beside it goes on.
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const child = spawn(join(BIN, program), args, {
      ...account,
      cwd: root,
      stdio: ['ignore', 'ignore', openSync(join(root, 'errors'), 'a')],
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', PGPASSWORD: PASSWORD },
    });
    const [code] = (await once(child, 'close')) as [number];
    if (code !== 0) throw new Error(`${program}: ${readFileSync(join(root, 'errors'), 'utf8')}`);
  };
  if (account !== undefined) chownSync(root, account.uid, account.gid);
  const server = async (name: string): Promise<Server> => ({
    folder: join(root, name),
    port: await freePort(),
  });
  let [primary, standby] = [await server('a'), await server('b')];
  const start = ({ folder, port }: Server) =>
    // Its output would keep us waiting for the end of the server.
    run('pg_ctl', '-D', folder, '-w', '-t', '120', '-l', `${folder}.log`, '-o', `-p ${port}`, 'start');
  const psql = (port: number, sql: string) =>
    run('psql', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-Xqc', sql);
  const passwords = join(root, 'password');
  writeFileSync(passwords, PASSWORD);
  await run(
    'initdb',
    '-D',
    primary.folder,
    '-U',
    'postgres',
    `--pwfile=${passwords}`,
    '--auth=scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
    '-k',
  );
  appendFileSync(
    join(primary.folder, 'postgresql.conf'),
    `listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\nwal_keep_size = '1GB'\nhot_standby = on\n${more}\n`,
  );
  await start(primary);
  /** A copy of the primary, which follows it. */
  const follow = async (): Promise<void> => {
    rmSync(standby.folder, { recursive: true, force: true });
    const from = `host=127.0.0.1 port=${primary.port} user=postgres password=${PASSWORD} application_name=standby`;
    await run('pg_basebackup', '-D', standby.folder, '-R', '-c', 'fast', '-d', from);
    await start(standby);
    if (!isSynchronous) return;
    await psql(primary.port, `alter system set synchronous_standby_names = '*'`);
    await psql(primary.port, 'select pg_reload_conf()');
    await psql(
      primary.port,
      `do $$ begin
      for n in 1..600 loop
        exit when exists (select from pg_stat_replication where sync_state = 'sync');
        perform pg_sleep(0.1); perform pg_stat_clear_snapshot();
      end loop; end $$`,
    );
  };
  await follow();
  const takeOver = async (how: 'fast' | 'immediate'): Promise<number> => {
    const beganMs = performance.now();
    await run('pg_ctl', '-D', primary.folder, '-m', how, '-w', 'stop');
    // It waits for no standby until it has one.
    appendFileSync(join(standby.folder, 'postgresql.auto.conf'), `synchronous_standby_names = ''\n`);
    await run('pg_ctl', '-D', standby.folder, '-w', 'promote');
    const ms = performance.now() - beganMs;
    [primary, standby] = [standby, primary];
    return ms;
  };
  const thenFollow = async (how: 'fast' | 'immediate'): Promise<number> => {
    const ms = await takeOver(how);
    await follow();
    return ms;
  };
  const servers = [primary, standby].map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    servers,
    url: (database) =>
      `postgres://postgres:${PASSWORD}@${servers.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`,
    switchOver: () => thenFollow('fast'),
    crash: () => thenFollow('immediate'),
    stop() {
      for (const { folder } of [primary, standby])
        spawnSync(join(BIN, 'pg_ctl'), ['-D', folder, '-m', 'immediate', 'stop'], { ...account });
      rmSync(root, { recursive: true, force: true });
    },
  };
}
