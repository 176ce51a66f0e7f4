import { createHash } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenQueue } from '../../support/installation/installation.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';

const QUEUES = '  orders: { workers: none, create: true }';

/** Equal before and after a look, different after any write: catalogs, rows of PgQ and of ours, sequences. */
async function checksum(database: TestDatabase): Promise<string> {
  const tables = await database.query<{ t: string }>(
    `select c.oid::regclass::text as t from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'S') and n.nspname in ('pgq', 'tributary', 'pgq_coop') order by 1`,
  );
  const hash = createHash('sha256');
  for (const { t } of [
    { t: 'pg_class' },
    { t: 'pg_proc' },
    { t: 'pg_namespace' },
    // Of our own role: other test files, on the same server, have theirs.
    { t: '(select * from pg_auth_members where member = current_user::regrole)' },
    ...tables,
  ]) {
    // What autovacuum writes is no change of ours.
    const columns = t === 'pg_class' ? 'oid, relname, relacl::text, relowner' : '*';
    const [row] = await database.query<{ h: string }>(
      `select md5(string_agg(x::text, ',' order by x::text)) as h from (select ${columns} from ${t} t) x`,
    );
    hash.update(`${t}=${row?.h}`);
  }
  return hash.digest('hex');
}

describe('cli/commands/install', () => {
  test('--dry-run prints the SQL of every database in order and changes nothing', async () => {
    const cluster = await givenCluster({ shards: 2, isBare: true });
    const [first] = cluster.shards as [TestDatabase];
    await givenQueue(first, 'orders');
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    const all = [cluster.central, ...cluster.shards];
    const before = await Promise.all(all.map(checksum));

    const { code, stdout } = await run(['-c', file, 'install', '--dry-run']);

    expect(code).toBe(0);
    expect(await Promise.all(all.map(checksum))).toEqual(before);
    const order = [
      '==== central',
      'create schema tributary',
      'sql/migrations/0001_central.sql',
      'insert into tributary.identity',
      "pgq.create_queue('orders')",
      '==== shard s1',
      'tributary.register_sources',
      'pgq.register_consumer_at',
      '==== shard s2',
      "pgq.create_queue('orders')",
    ].map((text) => stdout.indexOf(text));
    expect(order.every((at) => at >= 0)).toBe(true);
    expect([...order.slice(0, 9)].sort((a, b) => a - b)).toEqual(order.slice(0, 9));
    expect(stdout).not.toContain(inject('server').password);

    const { stdout: whole } = await run(['-c', file, 'install', '--dry-run', '--verbose']);
    expect(whole).toContain('create or replace function tributary.create_position(');
  });

  test('--dry-run after an install has nothing to do, and changes nothing either', async () => {
    const cluster = await givenCluster({ isBare: true });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    const all = [cluster.central, ...cluster.shards];
    const before = await Promise.all(all.map(checksum));

    const { code, stdout } = await run(['-c', file, 'install', '--dry-run']);

    expect(code).toBe(0);
    expect(stdout.match(/-- nothing to do/g)).toHaveLength(2);
    expect(await Promise.all(all.map(checksum))).toEqual(before);
  });

  test('prints a row per database and ends with 0, or with 1 and the sentences when one failed', async () => {
    const cluster = await givenCluster({ shards: 2, isBare: true });
    await givenQueue(cluster.shards[0] as TestDatabase, 'orders');
    const file = givenFile(fileFor(cluster, { queues: '  orders: { workers: none }' }));

    const { code, stdout, stderr } = await run(['-c', file, 'install']);

    expect(code).toBe(1);
    expect(stdout).toMatch(/^central .*installed/m);
    expect(stdout).toMatch(/^s1 .*installed/m);
    expect(stdout).toMatch(/^s2 .*failed .* see below/m);
    expect(stdout).toContain('3 databases: 2 installed, 0 unchanged, 1 failed; 1 source in place.');
    expect(stderr).toMatch(/Shard s2 .* has no queue orders/);
    expect(stdout + stderr).not.toContain(inject('server').password);
  });

  test('--json is one document with stable keys', async () => {
    const cluster = await givenCluster({ isBare: true });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));

    const { code, stdout } = await run(['-c', file, 'install', '--json']);

    expect(code).toBe(0);
    const { databases } = JSON.parse(stdout);
    expect(databases).toHaveLength(2);
    expect(Object.keys(databases[1])).toEqual([
      'name',
      'url',
      'provider',
      'version',
      'outcome',
      'sources',
      'did',
      'mistakes',
      'warnings',
    ]);
    expect(databases[1]).toMatchObject({ name: 's1', outcome: 'installed', sources: 1 });
  });

  test('a central that cannot be reached is a sentence and 1', async () => {
    const cluster = await givenCluster({ isBare: true });
    const text = fileFor(cluster, { queues: QUEUES }).replace(
      `central: '${cluster.central.url}'`,
      "central: 'postgres://ann:secret@127.0.0.1:1/central'",
    );

    const { code, stderr } = await run(['-c', givenFile(text), 'install']);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^Central \(127\.0\.0\.1:1\/central\) refuses connections/m);
    expect(stderr).not.toContain('secret');
  });

  describe('--engine-only', () => {
    test('needs no file, installs the engine alone, and a second run changes nothing', async () => {
      const [one, two] = await Promise.all([givenDatabase({ pgq: false }), givenDatabase({ pgq: false })]);

      const first = await run(['install', '--engine-only', one.url, two.url]);
      expect(first).toMatchObject({ code: 0, stderr: '' });
      expect(first.stdout.match(/ installed$/gm)).toHaveLength(2);
      expect(await one.query("select pgq.version() as v, to_regnamespace('tributary') as t")).toEqual([
        { v: expect.stringContaining('tributary'), t: null },
      ]);
      const before = await checksum(one);

      const again = await run(['install', '--engine-only', one.url, two.url, '--json']);
      expect(JSON.parse(again.stdout).databases).toMatchObject([
        { outcome: 'unchanged' },
        { outcome: 'unchanged' },
      ]);
      expect(await checksum(one)).toBe(before);
    });

    test('an engine of another version is upgraded with its queues', async () => {
      const database = await givenDatabase({ pgq: false });
      await run(['install', '--engine-only', database.url]);
      await givenQueue(database, 'orders', { events: 2 });
      await database.query("comment on function pgq.version() is 'tributary files of yesterday'");

      const { stdout } = await run(['install', '--engine-only', database.url]);

      expect(stdout).toMatch(/ upgraded$/m);
      expect(await database.query("select pgq.insert_event('orders', 'a', 'b')")).toEqual([
        { insert_event: 3 },
      ]);
    });

    test('--dry-run changes nothing', async () => {
      const database = await givenDatabase({ pgq: false });
      const before = await checksum(database);

      const { code, stdout } = await run(['install', '--engine-only', database.url, '--dry-run']);

      expect(code).toBe(0);
      expect(stdout).toContain('sql/pgq/functions/queues/create_queue.sql');
      expect(await checksum(database)).toBe(before);
    });

    test('a database that cannot be reached, or a text that is no URL, is a sentence without the password', async () => {
      const unreachable = await run(['install', '--engine-only', 'postgres://ann:secret@127.0.0.1:1/x']);
      expect(unreachable.code).toBe(1);
      expect(unreachable.stderr).toMatch(/refuses connections/);
      const bad = await run(['install', '--engine-only', 'postgres://ann:secret@127.0.0.1:port/x']);
      expect(bad.code).toBe(2);
      expect(bad.stderr).toMatch(/URL 1 has a port/);
      expect(unreachable.stderr + bad.stderr + unreachable.stdout).not.toContain('secret');
    });

    test.runIf(inject('server').provider === 'extension')(
      'refuses where the extension owns schema pgq',
      async () => {
        const database = await givenDatabase({ pgq: true });
        const before = await checksum(database);

        const { code, stderr } = await run(['install', '--engine-only', database.url]);

        expect(code).toBe(1);
        expect(stderr).toMatch(/has the extension pgq 3\.\d.*: it is used as it is/);
        expect(await checksum(database)).toBe(before);
      },
    );
  });
});
