// A fleet that changes while a mover runs: the file is read again, shards come and go by the rows of a query, and nothing else is touched.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { connectionsOf } from '../../support/installation/installed-hosts.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { startTributary, type TestProcess } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

/** Looks soon, so that the test need not wait for what a person would not notice. */
const ENV = { TRIBUTARY_TIMING: 'fleet.lookEveryMs=50 fleet.queryAgainMs=100 fleet.installTrouble=200' };
const HOST = '127.0.0.1';
const QUEUES = '  orders: { workers: none, create: true }';
const QUERY = `  - { query: "select name, url from public.tenants order by name", every: 100ms }`;

interface FleetFile {
  /** Lines of `shards:`, by name and URL, or as they are. */
  readonly shards: readonly (readonly [name: string, url: string] | string)[];
  readonly queues?: string;
  readonly more?: string;
}

const textOf = ({ central }: Cluster, { shards, queues = QUEUES, more = 'install: auto' }: FleetFile) =>
  [
    'name: shop',
    `central: '${central.url}'`,
    'shards:',
    ...shards.map((one) => (typeof one === 'string' ? one : `  - { name: ${one[0]}, url: '${one[1]}' }`)),
    'defaults: { tls: off }',
    'queues:',
    queues,
    more,
    '',
  ].join('\n');

/** A mover over a file, which is installed for the shards that it names. */
async function givenMover(cluster: Cluster, fleet: FleetFile) {
  const file = givenFile(textOf(cluster, fleet));
  const { central } = cluster;
  await central.query('create table public.tenants (name text primary key, url text)');
  const installed = await run(['-c', file, 'install']);
  if (installed.code !== 0) throw new Error(installed.stderr);
  const start = (of = file, host = HOST) => startTributary(['-c', of, 'mover', '--host', host], { env: ENV });
  return {
    file,
    start,
    mover: start(),
    rewrite: (next: FleetFile) => writeFileSync(file, textOf(cluster, next)),
    tenant: async (name: string, { url }: TestDatabase) =>
      void (await central.query('insert into tenants values ($1, $2)', [name, url])),
    noTenant: async (name: string) =>
      void (await central.query('delete from tenants where name = $1', [name])),
  };
}

const linesOf = (mover: TestProcess, pattern: RegExp) => mover.stderr.filter((line) => pattern.test(line));

/** `count` lines that match have been logged. */
const untilLines = (mover: TestProcess, pattern: RegExp, count = 1) =>
  until(() => linesOf(mover, pattern).length >= count, {
    what: `${count} lines like ${pattern}`,
    timeoutMs: 60_000,
  });

async function movedOf(central: TestDatabase, shard: string): Promise<number> {
  const [row] = await central.query<{ moved: number }>(
    `select coalesce(sum(p.moved), 0)::int as moved from tributary.source s
      cross join lateral (select moved from tributary.position p where p.source = s.id order by n desc limit 1) p
      where s.shard = $1`,
    [shard],
  );
  return row?.moved ?? 0;
}

const untilMoved = (central: TestDatabase, shard: string, count: number) =>
  until(async () => (await movedOf(central, shard)) === count, {
    what: `${count} events of ${shard}`,
    timeoutMs: 60_000,
  });

/** The backends of movers on a shard. */
async function backendsOf(shard: TestDatabase): Promise<number[]> {
  const rows = await shard.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name like 'tributary mover shop %'`,
  );
  return rows.map(({ pid }) => pid);
}

describe('a fleet that changes', () => {
  test('a shard that goes while its network is gone keeps no other waiting, and one that comes is moved: the others keep their connections', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const { central } = cluster;
    const [s1, s2] = cluster.shards as [TestDatabase, TestDatabase];
    // Not even PgQ is there.
    const s3 = await givenDatabase({ pgq: false });
    const address = new URL(s2.url);
    const proxy = await givenProxy({ host: address.hostname, port: Number(address.port) });
    address.port = String(proxy.port);
    const both = [
      ['s1', s1.url],
      ['s2', address.href],
    ] as const;
    const { mover, rewrite } = await givenMover(cluster, { shards: both });
    await givenEvents(s1, 'orders', 1);
    await givenEvents(s2, 'orders', 1);
    await untilMoved(central, 's1', 1);
    await untilMoved(central, 's2', 1);
    const before = await backendsOf(s1);
    proxy.blackhole();
    rewrite({
      shards: [
        ['s1', s1.url],
        ['s3', s3.url],
      ],
    });
    mover.kill('SIGHUP');
    await untilLines(mover, /the file was read again by a signal: shards: new s3, gone s2/);
    // One event after the other: each is a round of its own, while the one that goes still waits for its last.
    for (let n = 2; n <= 11; n += 1) {
      await givenEvents(s1, 'orders', 1);
      await untilMoved(central, 's1', n);
    }
    await untilLines(mover, /shard s3 was installed: .*orders/);
    await givenEvents(s3, 'orders', 5);
    await untilMoved(central, 's3', 5);
    expect(linesOf(mover, /"level":"(warn|error)".*\bs3\b/)).toEqual([]);
    expect(linesOf(mover, /\bs3\b/)).toHaveLength(3);
    expect(await backendsOf(s1)).toEqual(before);
    await untilLines(mover, /shard s2 is let go/);
    const held = await central.query(
      "select 1 from tributary.term where resource = 'shard:s2' and holder is not null",
    );
    await until(
      async () =>
        held.length === 0 ||
        (
          await central.query(
            "select 1 from tributary.term where resource = 'shard:s2' and holder is not null",
          )
        ).length === 0,
      { what: 'a free lease' },
    );
    expect(linesOf(mover, /s2/).length).toBeLessThanOrEqual(2 + 3);
    // Its position stays, and it goes on from there.
    proxy.heal();
    await givenEvents(s2, 'orders', 3);
    rewrite({ shards: [...both, ['s3', s3.url]] });
    mover.kill('SIGHUP');
    await untilMoved(central, 's2', 4);
    expect(await backendsOf(s1)).toEqual(before);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });

  test('200 shards come and go by the rows of a query: connections stay flat, three lines each at most, and nothing is lost', async () => {
    const TENANTS = 8;
    const CYCLES = 25;
    const cluster = await givenCluster({ shards: 1 + TENANTS });
    const { central } = cluster;
    const [s1, ...tenants] = cluster.shards as [TestDatabase, ...TestDatabase[]];
    const { mover, tenant, noTenant } = await givenMover(cluster, { shards: [['s1', s1.url], QUERY] });
    await givenEvents(s1, 'orders', 1);
    await untilMoved(central, 's1', 1);
    const before = await backendsOf(s1);
    let connections: number | undefined;
    for (let cycle = 1; cycle <= CYCLES; cycle += 1) {
      const connected = linesOf(mover, /shard t\d is connected/).length;
      await Promise.all(tenants.map((database, at) => tenant(`t${at}`, database)));
      await untilLines(mover, /shard t\d is connected/, connected + TENANTS);
      if (cycle === 1) {
        await untilLines(mover, /shard t\d was installed/, TENANTS);
        await Promise.all(tenants.map((database) => givenEvents(database, 'orders', 10)));
        for (const at of tenants.keys()) await untilMoved(central, `t${at}`, 10);
      }
      await Promise.all(tenants.map((_, at) => noTenant(`t${at}`)));
      await untilLines(mover, /shard t\d is let go/, cycle * TENANTS);
      connections ??= await connectionsOf(central);
    }
    expect(await connectionsOf(central)).toBeLessThanOrEqual(connections ?? 0);
    await until(async () => (await Promise.all(tenants.map(backendsOf))).flat().length === 0, {
      what: 'no connection to a tenant',
    });
    // Installed once; after that each time: it comes with others, is connected, is let go with others.
    const perShard = linesOf(mover, /\bt\d\b/).length / (TENANTS * CYCLES);
    expect(perShard).toBeLessThanOrEqual(3 + 2 / CYCLES);
    expect(linesOf(mover, /"level":"(warn|error)"/)).toEqual([]);
    expect(await backendsOf(s1)).toEqual(before);
    // What came meanwhile was kept for us.
    await Promise.all(tenants.map((database) => givenEvents(database, 'orders', 3)));
    await Promise.all(tenants.map((database, at) => tenant(`t${at}`, database)));
    for (const at of tenants.keys()) await untilMoved(central, `t${at}`, 13);
  });

  test('a query that fails, or a row that is wrong, keeps what was known and is said once; commands know the shards, too', async () => {
    const cluster = await givenCluster({ shards: 3 });
    const { central } = cluster;
    const [s1, t1, t2] = cluster.shards as [TestDatabase, TestDatabase, TestDatabase];
    const { file, mover, tenant } = await givenMover(cluster, { shards: [['s1', s1.url], QUERY] });
    await tenant('t1', t1);
    await untilLines(mover, /shard t1 was installed/);
    const lag = JSON.parse((await run(['-c', file, 'lag', '--json'])).stdout) as {
      sources: { shard: string }[];
    };
    expect(lag.sources.map(({ shard }) => shard)).toEqual(['s1', 't1']);
    const secret = new URL(t1.url).password;
    expect(secret).not.toBe('');
    await central.query("update tenants set url = replace(url, '/' || $1, '') where name = 't1'", [t1.name]);
    await untilLines(mover, /A row is no shard: `shards\[1\]`, row `t1`, names no database/);
    await central.query('alter table tenants rename to lessees');
    await untilLines(
      mover,
      /The query of `shards\[1\]`: relation \\"public.tenants\\" does not exist.* The shards that were known stay/,
    );
    await givenEvents(t1, 'orders', 2);
    await untilMoved(central, 't1', 2);
    const failing = await run(['-c', file, 'plan']);
    expect([failing.code, failing.stderr]).toEqual([
      1,
      expect.stringMatching(/^The query of `shards\[1\]`: relation/),
    ]);
    const warned = await run(['-c', file, 'shards', '--json']);
    expect([warned.code, warned.stderr]).toEqual([0, expect.stringMatching(/^warning: The query of/)]);
    await central.query('alter table lessees rename to tenants');
    await untilLines(mover, /the query of `shards\[1\]` answers again/);
    await tenant('t2', t2);
    await untilLines(mover, /shard t2 is connected/);
    for (const once of [/A row is no shard/, /The query of/]) expect(linesOf(mover, once)).toHaveLength(1);
    expect(mover.stderr.join('\n')).not.toContain(secret);
  });

  test('a wrong file changes nothing, a right one counts on all hosts, and reload says what became of each', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const [s1, s2] = cluster.shards as [TestDatabase, TestDatabase];
    const { central } = cluster;
    const host = (name: string, { url }: TestDatabase) =>
      `  - { name: ${name}, host: h-${name}, url: '${url}' }`;
    const one = { shards: [host('s1', s1)], more: 'watch: true' };
    const given = await givenMover(cluster, { shards: [host('s1', s1)], more: '' });
    given.mover.kill('SIGTERM');
    await given.mover.exit;
    const [here, there] = [givenFile(textOf(cluster, one)), givenFile(textOf(cluster, { ...one, more: '' }))];
    const movers = [given.start(here, 'h-s1'), given.start(there, 'h-s1')] as const;
    await until(
      async () =>
        (await central.query("select 1 from tributary.member where kind = 'mover' and until > now()"))
          .length === 2,
      { what: 'two members' },
    );
    // Looked after by itself; the other one is asked.
    writeFileSync(here, textOf(cluster, one).replace('shards:', 'shrads:'));
    await untilLines(
      movers[0],
      /the file was read again by `watch: true` and changes nothing: .*shards\.yaml:3:1 .*did you mean `shards`/,
    );
    expect(await run(['-c', here, 'reload'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean `shards`'),
    });
    const two = { shards: [host('s1', s1), host('s2', s2)], more: 'install: auto' };
    writeFileSync(there, textOf(cluster, two).replace('name: shop', 'name: other'));
    writeFileSync(here, textOf(cluster, two));
    await untilLines(
      movers[0],
      /the file was read again by `watch: true`: shards: new s2; also (watch, install|install, watch)/,
    );
    const halfway = await run(['-c', here, 'reload']);
    expect([halfway.code, halfway.stderr]).toEqual([1, '']);
    expect(halfway.stdout).toMatch(/^The mover on h-s1: this file counts now\.$/m);
    expect(halfway.stdout).toMatch(
      /^The mover on h-s1: the file there changes nothing: `name`, .* restart it/m,
    );
    const lag = JSON.parse((await run(['-c', here, 'lag', '--json'])).stdout) as { files_differ: string };
    expect(lag.files_differ).toMatch(
      /^Hosts run with different files: .* could not take the file there over/,
    );
    writeFileSync(there, readFileSync(here));
    const done = await run(['-c', here, 'reload']);
    expect([done.code, done.stdout]).toEqual([0, 'The mover on h-s1: this file counts now.\n']);
    expect(linesOf(movers[1], /the file was read again by `tributary reload`: shards: new s2/)).toHaveLength(
      1,
    );
    await givenEvents(s1, 'orders', 4);
    await untilMoved(central, 's1', 4);
  });
});
