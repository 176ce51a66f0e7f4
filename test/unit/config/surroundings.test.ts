// Connection settings as libpq reads them: parameters of the URL, service files, PG* variables, sockets.
import { describe, expect, test } from 'vitest';
import type { Database } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { clientConfig } from '../../../src/postgres/client-config.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile, mistakesIn } from '../../support/installation/config-file.ts';

const text = (url: string, rest = '') =>
  `central: postgresql://c/events\nshards: ["${url}"]\nqueues: { orders: }\n${rest}`;

/** The one shard, as far as its URL and its surroundings say how it is reached. */
function reached(url: string, env: NodeJS.ProcessEnv = {}, rest = ''): Partial<Database> {
  const { config, problems } = loadConfig(givenFile(text(url, rest)), { env: { PGUSER: 'ann', ...env } });
  if (config === undefined) throw new Error(problems.map(({ sentence }) => sentence).join('\n'));
  return config.shards[0] as Database;
}

const mistake = (url: string, env: NodeJS.ProcessEnv = {}) => mistakesIn(text(url), env).join('\n');

describe('config/surroundings', () => {
  test('what the URL leaves open comes from the PG* variables', () => {
    const env = { PGHOST: 'db9', PGPORT: '6543', PGDATABASE: 'shop', PGUSER: 'bob', PGSSLMODE: 'require' };
    expect(reached('postgresql://', env)).toMatchObject({
      ...{ host: 'db9', port: 6543, database: 'shop', user: 'bob', tls: { mode: 'require' } },
    });
    expect(reached('postgresql://eve@db1:7000/app?sslmode=disable', env)).toMatchObject({
      ...{ host: 'db1', port: 7000, database: 'app', user: 'eve', tls: { mode: 'off' } },
    });
  });

  test('the file wins over the variables', () => {
    const defaults = 'defaults: { user: dan, port: 1234, tls: verify }';
    expect(
      reached('postgresql:///app', { PGHOST: 'h', PGPORT: '1', PGSSLMODE: 'require' }, defaults),
    ).toMatchObject({ host: 'h', port: 1234, user: 'dan', tls: { mode: 'verify' } });
  });

  test('parameters mean the same as the parts of the URL, and win over them', () => {
    expect(reached('postgresql:///?host=db1&port=6000&dbname=a%20b&user=eve&password=x')).toMatchObject({
      ...{ host: 'db1', port: 6000, database: 'a b', user: 'eve', password: 'x' },
    });
    expect(reached('postgresql://other/app?host=db1')).toMatchObject({ host: 'db1', database: 'app' });
  });

  test('the folder of a socket is a host, percent-encoded, as a parameter or from PGHOST', () => {
    const urls = ['postgresql://%2Frun%2Fpg:6000/app', 'postgresql:///app?host=/run/pg&port=6000'];
    for (const url of urls) {
      const shard = reached(url);
      expect(shard).toMatchObject({ host: '/run/pg', port: 6000, database: 'app', moverHost: 'localhost' });
      expect(shard.displayUrl).toBe('postgresql://ann@%2Frun%2Fpg:6000/app');
    }
    expect(reached('postgresql:///app', { PGHOST: '/run/pg' })).toMatchObject({ host: '/run/pg' });
    // Nothing is encrypted that does not leave the machine.
    expect(
      clientConfig(reached(`${urls[0]}?sslmode=require`) as Database, { applicationName: 'x' }).ssl,
    ).toBe(false);
  });

  test('without any host the database is on this machine', () => {
    expect(['localhost', '/var/run/postgresql', '/run/postgresql', '/tmp']).toContain(
      reached('postgresql:///app').host,
    );
    expect(reached('postgresql://:1/app')).toMatchObject({ host: 'localhost', moverHost: 'localhost' });
  });

  test("a service gives what the URL leaves open; of the user's file and the system's the first counts that has it", () => {
    const folder = givenFolder();
    const file = writeFile(folder, 'services', {
      text: '# ours\n[shop]\nhost=db7\nport=7777\ndbname=shop\nuser=sue\nhost=no\n\n[other]\nhost=db8\n',
    });
    writeFile(folder, 'pg_service.conf', { text: '[system]\nhost=db0\ndbname=sys\n[shop]\nhost=never\n' });
    const env = { PGSERVICEFILE: file, PGSYSCONFDIR: folder, PGHOST: 'weaker', PGPORT: '1' };
    expect(reached('postgresql:///?service=shop', env)).toMatchObject({
      ...{ host: 'db7', port: 7777, database: 'shop', user: 'sue' },
    });
    expect(reached('postgresql://mine@/app?service=shop', env)).toMatchObject({
      database: 'app',
      user: 'mine',
    });
    expect(reached('postgresql:///', { ...env, PGSERVICE: 'shop' })).toMatchObject({
      host: 'db7',
      port: 7777,
    });
    expect(reached('postgresql:///?service=system', env)).toMatchObject({ host: 'db0', port: 1 });
    expect(mistake('postgresql:///app?service=shpo', env)).toContain(
      'names a service that does not exist, shpo: the nearest is shop.',
    );
  });

  test('a mistake in a variable or a service says where it stands', () => {
    expect(mistake('postgresql:///app', { PGPORT: 'many' })).toContain(
      '`shards[0]` is completed by the variable PGPORT, which has a port that is no number from 1 to 65535.',
    );
    const file = writeFile(givenFolder(), 'services', { text: '[shop]\nhots=db7\n' });
    expect(mistake('postgresql:///app?service=shop', { PGSERVICEFILE: file })).toContain(
      `is completed by service shop in ${file}, which has a parameter that is not known, \`hots\`: the nearest is \`host\`.`,
    );
  });

  test('settings of a connection reach the driver', () => {
    const shard = reached(
      'postgresql://db1/app?application_name=shop&connect_timeout=3&keepalives_idle=60&channel_binding=require&sslmode=require&ssl_min_protocol_version=TLSv1.3',
    ) as Database;
    expect(clientConfig(shard, { applicationName: 'tributary mover' })).toMatchObject({
      application_name: 'shop',
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 60_000,
      enableChannelBinding: true,
      ssl: { rejectUnauthorized: false, minVersion: 'TLSv1.3' },
    });
    const most = { applicationName: 'x', connectTimeoutMs: 800 };
    expect(clientConfig(shard, most).connectionTimeoutMillis).toBe(800);
    const plain = reached('postgresql://db1/app?keepalives=0&connect_timeout=0') as Database;
    expect(clientConfig(plain, { applicationName: 'x' })).toMatchObject({
      ...{ application_name: 'x', keepAlive: false, connectionTimeoutMillis: 0, enableChannelBinding: false },
    });
  });

  test('URLs as providers of databases give them are understood', () => {
    expect(
      reached('postgresql://u:p@ep-x.neon.tech/db?sslmode=require&channel_binding=require'),
    ).toMatchObject({
      ...{ tls: { mode: 'require' }, channelBinding: 'require' },
    });
    expect(
      reached('postgres://u:p@h:25060/db?sslmode=verify-full&target_session_attrs=read-write'),
    ).toMatchObject({
      tls: { mode: 'verify' },
    });
    expect(reached('postgres://u:p@h/db?ssl=true').tls).toEqual({ mode: 'require' });
    expect(reached('postgres://u:p@h/db?sslmode=prefer').tls).toEqual({ mode: 'prefer' });
  });

  test('a client certificate and its key are read', () => {
    const folder = givenFolder();
    const [cert, key] = ['cert', 'key'].map((name) => writeFile(folder, `${name}.pem`, { text: name }));
    expect(reached(`postgresql://h/db?sslmode=require&sslcert=${cert}&sslkey=${key}`).tls).toEqual({
      ...{ mode: 'require', client: { cert: 'cert', key: 'key' } },
    });
    expect(mistake(`postgresql://h/db?sslmode=require&sslcert=${cert}`)).toContain(
      'has only one of sslcert and sslkey: it needs both.',
    );
  });

  test('a parameter without effect is a warning, one that we could not honour is a mistake', () => {
    const { warnings } = loadConfig(givenFile(text('postgresql://h/db?tcp_user_timeout=5000')), {
      env: { PGUSER: 'ann' },
    });
    expect(warnings.map(({ sentence }) => sentence)).toEqual([
      '`shards[0]` has the parameter `tcp_user_timeout`, which has no effect here.',
    ]);
    for (const parameter of [
      'options=-c%20x',
      'target_session_attrs=standby',
      'gssencmode=require',
      'sslcrl=x',
    ]) {
      expect(mistake(`postgresql://h/db?${parameter}`)).toMatch(/: .*\.$/);
    }
  });
});
