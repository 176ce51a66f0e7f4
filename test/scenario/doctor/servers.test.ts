// What servers and hosts as such do wrong: connections, slots, standbys, clocks, versions, files.
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { Connection } from '../../../src/postgres/connection.ts';
import { givenFolder } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { startProcess, startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenServer } from '../../support/server/server.ts';
import { givenStandby } from '../../support/server/standby.ts';
import { databaseOn } from '../../support/server/template.ts';
import { givenClock } from '../mover/clock.ts';
import { untilHealthy, untilNamed } from './doctor.ts';

const QUEUES = '  orders: { workers: none, create: true }';

describe('doctor on servers and hosts', () => {
  test('hardly a connection left, a standby that holds rows, and its slot once it is gone', async () => {
    const server = await givenServer({ settings: { max_connections: '24' } });
    const standby = await givenStandby(server);
    const cluster = await givenCluster({ server });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    const mover = startTributary(['-c', file, 'mover', '--host', '127.0.0.1']);
    await mover.waitForLine(/shard s1 is connected/);

    const more: Connection[] = [];
    const left = async () => {
      const [row] = await cluster.central.query<{ n: number }>(
        `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`,
      );
      return row?.n ?? 0;
    };
    // Doctor itself takes two.
    while ((await left()) > 3) more.push(await cluster.central.connect());
    const near = await untilNamed(file, 'connections-near');
    expect(near.sentence).toMatch(/^\d\d of the \d\d connections of 127\.0\.0\.1:\d+ are in use\.$/);
    await Promise.all(more.map((one) => one.close()));

    const on = async (port: number) =>
      await Connection.open(databaseOn({ ...server, port }, 'postgres'), {
        applicationName: 'tributary test',
      });
    const primary = await on(server.port);
    await primary.query("select pg_create_physical_replication_slot('reports', true)");
    const reading = await on(standby.port);
    for (const [name, value] of [
      ['primary_slot_name', 'reports'],
      ['hot_standby_feedback', 'on'],
      ['wal_receiver_status_interval', '1'],
    ])
      await reading.query(`alter system set ${name} = '${value}'`);
    await reading.query('select pg_reload_conf()');
    await reading.script('begin isolation level repeatable read; select 1');
    const slot = await untilNamed(file, 'replication-slot');
    expect(slot.sentence).toMatch(
      /^Replication slot reports on \S+ \(physical, in use\) keeps old rows or WAL\.$/,
    );
    await reading.close();
    await primary.close();
  }, 180_000);

  test('a shard whose clock is another one, hosts with other files and other versions', async () => {
    const cluster = await givenCluster({ shards: 2, server: await givenServer() });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    const mover = startTributary(['-c', file, 'mover', '--host', '127.0.0.1']);
    await mover.waitForLine(/shard s2 is connected/);
    await untilHealthy(file);

    // A version of its own: the same program in another package.
    const other = givenFolder();
    for (const part of ['dist', 'sql']) cpSync(packagePath(part), join(other, part), { recursive: true });
    symlinkSync(packagePath('node_modules'), join(other, 'node_modules'));
    const own = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
    writeFileSync(join(other, 'package.json'), JSON.stringify({ ...own, version: '0.0.9' }));
    const changed = givenFile(`${readFileSync(file, 'utf8')}\nmetrics: { per_source: true }\n`);
    const older = startProcess([
      process.execPath,
      join(other, 'dist', 'run', 'tributary.js'),
      ...['-c', changed, 'mover', '--host', '127.0.0.1'],
    ]);
    const versions = await untilNamed(file, 'versions-differ');
    expect(versions.sentence).toMatch(
      /^Hosts run different versions: 0\.0\.9 on 127\.0\.0\.1; .* on 127\.0\.0\.1\.$/,
    );
    expect((await untilNamed(file, 'files-differ')).sentence).toContain('Hosts run with different files');
    older.kill('SIGTERM');
    await older.exit;
    await untilHealthy(file);

    // All that is asked of this database sees another time.
    const [s1] = cluster.shards;
    await s1?.query('create schema ahead');
    await s1?.query(
      "create function ahead.clock_timestamp() returns timestamptz language sql as $$ select pg_catalog.clock_timestamp() + interval '1 minute' $$",
    );
    await s1?.query(`alter database ${s1.name} set search_path = ahead, pg_catalog, public`);
    const clocks = await untilNamed(file, 'clocks-differ');
    expect(clocks.names).toContain('s1');
    expect(clocks.sentence).toMatch(
      /^The clock of 127\.0\.0\.1:\d+ is (1 m|59 s|1 m 1 s) ahead of central's\.$/,
    );

    startTributary(['-c', file, 'mover', '--host', '127.0.0.1'], { env: givenClock(-7_200_000).env });
    const host = await untilNamed(file, 'clocks-differ', { name: '127.0.0.1' });
    expect(host).toMatchObject({ of: 'host', names: ['127.0.0.1'] });
    expect(host.sentence).toMatch(/^The clock of host 127\.0\.0\.1 is (2 h|1 h 59 m) behind central's\.$/);
  }, 180_000);
});
