import { describe, expect, inject, test } from 'vitest';
import { check } from '../../../src/install/check/check.ts';
import type { CheckRow } from '../../../src/install/check/row.ts';
import { install } from '../../../src/install/install.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { configFor, fileFor, givenCluster, givenQueue } from '../../support/installation/installation.ts';
import { givenBlackHole } from '../../support/network/black-hole.ts';
import { run } from '../../support/processes/run-cli.ts';
import { givenDatabase, type TestDatabase } from '../../support/server/database.ts';
import { givenRole } from '../../support/server/roles.ts';

const QUEUES = '  orders: { workers: none, create: true }';

const rowOf = (rows: readonly CheckRow[], name: string): CheckRow => {
  const row = rows.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
};

describe('install/check', () => {
  test('a healthy installation has no problem, and the command ends with 0', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    expect((await run(['-c', file, 'install'])).code).toBe(0);

    const { code, stdout, stderr } = await run(['-c', file, 'check', '--json']);

    const report = JSON.parse(stdout);
    expect(report.problems).toEqual([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(report.healthy).toBe(true);
    expect(report.databases).toHaveLength(3);
    expect(report.databases[1]).toEqual({
      name: 's1',
      url: expect.stringMatching(/^postgres/),
      reachable: true,
      server_version: expect.stringMatching(/^\d+\.\d+/),
      provider: inject('server').provider,
      version: expect.stringMatching(/^3/),
      missing_privileges: [],
      ticked_by: 'none',
      last_tick_seconds: expect.any(Number),
      clock_skew_ms: expect.any(Number),
      missing_queues: [],
      in_place: 1,
      wanted: 1,
      healthy: true,
      problems: [],
      warnings: [],
    });
    expect(Math.abs(report.databases[1].clock_skew_ms)).toBeLessThan(1_000);
    expect(stdout).not.toContain(inject('server').password);
    expect((await run(['-c', file, 'check'])).stdout).toMatch(/3 databases, all well\.\n$/);
  });

  test('central and each shard where nothing is installed yet are named, and the command ends with 3', async () => {
    const cluster = await givenCluster();
    await givenQueue(cluster.shards[0] as TestDatabase, 'orders');
    const file = givenFile(fileFor(cluster, { queues: '  orders: { workers: none }' }));

    const { code, stdout } = await run(['-c', file, 'check']);

    expect(code).toBe(3);
    expect(stdout).toMatch(/Central .* is not installed: run `tributary install`\./);
  });

  test('a missing queue is named with the nearest one', async () => {
    const cluster = await givenCluster();
    await givenQueue(cluster.shards[0] as TestDatabase, 'orders');

    const { rows } = await check(configFor(cluster, { queues: '  ordrs: { workers: none }' }));

    expect(rowOf(rows, 's1').missingQueues).toEqual(['ordrs']);
    expect(rowOf(rows, 's1').problems).toContainEqual(
      expect.stringMatching(/has no queue ordrs \(the nearest is orders\)/),
    );
  });

  test('shards that are down or do not answer delay the others no longer than one connect timeout', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);
    const [shard] = config.shards;
    if (shard === undefined) throw new Error('one shard');
    const hole = await givenBlackHole();
    const began = performance.now();

    const { rows } = await check({
      ...config,
      shards: [
        { ...shard, name: 'down', port: 1 },
        ...Array.from({ length: 10 }, (_, at) => ({ ...shard, name: `silent${at}`, port: hole.port })),
        shard,
      ],
    });

    expect(performance.now() - began).toBeLessThan(9_000);
    expect(rowOf(rows, 'down').problems).toEqual([
      expect.stringMatching(/^Shard down .* refuses connections/),
    ]);
    expect(rowOf(rows, 'silent3').problems).toEqual([expect.stringMatching(/does not answer/)]);
    expect(rowOf(rows, 's1').problems).toEqual([]);
  });

  test('without central the shards are still checked', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);

    const { rows } = await check({ ...config, central: { ...config.central, port: 1 } });

    expect(rowOf(rows, 'central').problems).toEqual([
      expect.stringMatching(/^Central .* refuses connections/),
    ]);
    expect(rowOf(rows, 's1')).toMatchObject({
      ...{ isReachable: true, problems: [] },
      // Who ticks, and which sources are in place, is central's to say.
      ...{ tickedBy: undefined, inPlace: undefined, wanted: 1 },
    });
  });

  test('for a role without rights it names the rights that are missing, on the shard and on central', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);
    const role = await givenRole([cluster.central, ...cluster.shards]);
    const as = { user: role.name, password: role.password };

    const { rows } = await check({
      ...config,
      central: { ...config.central, ...as },
      shards: config.shards.map((shard) => ({ ...shard, ...as })),
    });

    expect(rowOf(rows, 's1').missingPrivileges).toEqual(
      expect.arrayContaining([
        'execute on function pgq.ticker(text)',
        'select on the event tables of queue orders',
        'usage on sequence pgq.event_1_id_seq',
      ]),
    );
    expect(rowOf(rows, 's1').problems[0]).toContain(`grant pgq_admin to "${role.name}"`);
    expect(rowOf(rows, 'central').missingPrivileges).toContain('usage on schema tributary');
  });

  test('after install with an admin the runtime role lacks nothing', async () => {
    const cluster = await givenCluster();
    const role = await givenRole([cluster.central, ...cluster.shards]);
    const { user, password } = inject('server');
    const as = { user: role.name, password: role.password, admin: { user, password } };
    const file = configFor(cluster, { queues: QUEUES });
    const config = {
      ...file,
      central: { ...file.central, ...as },
      shards: file.shards.map((shard) => ({ ...shard, ...as })),
    };
    await install(config);

    const { rows, problems } = await check(config);

    expect(problems).toEqual([]);
    expect(rows.map(({ missingPrivileges }) => missingPrivileges)).toEqual([[], []]);
  });

  test('a watermark that is gone, a halted source and a group that is gone are problems', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const handler = writeFile(givenFolder(), 'orders.js', { text: 'export default { event() {} };' });
    const config = configFor(cluster, {
      queues: `  orders: { workers: 1, create: true, handler: '${handler}' }`,
    });
    await install(config);
    await shard.query("select pgq.unregister_consumer('orders', consumer_name) from pgq.get_consumer_info()");
    await cluster.central.query("select pgq.unregister_consumer('orders', 'workers_shop')");
    await cluster.central.query(
      "update tributary.source set state = 'halted', halt_reason = 'the shard was restored.'",
    );

    const { rows } = await check(config);

    expect(rowOf(rows, 's1').problems).toEqual([
      expect.stringMatching(/^Source s1:orders is halted: the shard was restored\.$/),
      expect.stringMatching(/consumer tributary_shop_\w+ is not registered on queue orders/),
    ]);
    expect(rowOf(rows, 'central').problems).toEqual([
      expect.stringMatching(/group workers_shop is not registered on queue orders/),
    ]);
  });

  test('a handler that does not exist is a problem', async () => {
    const cluster = await givenCluster();
    const handler = writeFile(givenFolder(), 'orders.js', { text: 'export default { event() {} };' });
    const config = configFor(cluster, {
      queues: `  orders: { workers: 1, create: true, handler: '${handler}' }`,
    });
    await install(config);

    const gone = {
      ...config,
      queues: config.queues.map((queue) => ({ ...queue, handler: '/gone/orders.js' })),
    };
    const { handlers, problems } = await check(gone);

    const problem = 'The handler /gone/orders.js does not exist: write it, or correct `handler:`.';
    expect(handlers).toEqual([{ queue: 'orders', file: '/gone/orders.js', problem }]);
    expect(problems).toEqual([`Queue orders: ${problem}`]);
  });

  test('a server that answers and refuses is not called unreachable, and the problems are counted', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const handler = writeFile(givenFolder(), 'orders.mjs', { text: 'export default { evnt() {} };' });
    const queues = `  orders: { workers: 1, create: true, handler: '${handler}' }`;
    const text = fileFor(cluster, { queues });
    await run(['-c', givenFile(text), 'install']);
    const [one, two] = cluster.shards as [TestDatabase, TestDatabase];
    const broken = text.replaceAll(`/${two.name}`, '/not_there');
    const { code, stdout } = await run(['-c', givenFile(broken), 'check']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^s2 .* refuses us /m);
    expect(stdout).toMatch(/\n3 databases, 1 not well; 1 of 1 handler cannot be used\.\n$/);
    await one.query(`alter database ${one.name} set default_transaction_read_only = on`);
    const again = await run(['-c', givenFile(text), 'check']);
    expect(again.stdout).toMatch(/Shard s1 .* lets role \w+ only read \(default_transaction_read_only\)/);
  });

  test('handlers are loaded as a worker does, each in a process of its own', async () => {
    const folder = givenFolder();
    const texts = {
      good: 'console.log("nothing of this is seen"); setInterval(() => {}, 1000); export default { event() {} };',
      syntax: 'export default {\n  async event(e { },\n};',
      thrown: '\nthrow new Error("no luck today");',
      later: 'setTimeout(() => { throw new Error("too late") }, 10);\nawait new Promise(() => {});',
      exits: 'process.exit(7);',
      none: 'export const event = 1;',
    };
    const queues = Object.entries(texts).map(([name, text]) => {
      const file = writeFile(folder, `${name}.mjs`, { text });
      return `  ${name}: { workers: 1, create: true, handler: '${file}' }`;
    });
    const config = configFor(await givenCluster(), { queues: queues.join('\n') });
    const { handlers } = await check(config);
    const said = Object.fromEntries(handlers.map(({ queue, problem }) => [queue, problem]));
    const at = (name: string) => `${folder}/${name}.mjs`;
    expect(said).toEqual({
      good: undefined,
      syntax: `The handler ${at('syntax')} does not load: ${at('syntax')}:2: Unexpected token '{'.`,
      thrown: `The handler ${at('thrown')} does not load: ${at('thrown')}:2: no luck today.`,
      later: `${at('later')}: too late.`,
      exits: `The handler ${at('exits')} ends its process (7) while it is loaded.`,
      none: expect.stringMatching(/none\.mjs does not export a handler\. Its default export must be/),
    });
  });

  test('a series of ticks that no mover of ours made is another ticker', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);
    for (let n = 0; n < 4; n++) {
      await shard.query("select pgq.insert_event('orders', 'a', 'b')");
      await shard.query("select pgq.ticker('orders')");
    }

    expect(rowOf((await check(config)).rows, 's1').tickedBy).toBe('other');

    // A mover of ours now holds the shard: the ticks are its own.
    await cluster.central.query(
      `select tributary.lease_beat(gen_random_uuid(), 'mover', 'db01', '{}', '1 minute', '{shard:s1}', '{}', 1)`,
    );
    expect(rowOf((await check(config)).rows, 's1').tickedBy).toBe('tributary');
  });

  test('ticks out of order on a central queue are reported as two tickers', async () => {
    const cluster = await givenCluster();
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);
    await cluster.central.query(
      `insert into pgq.tick (tick_queue, tick_id, tick_snapshot, tick_event_seq)
       select tick_queue, 50, '10:10:', 1 from pgq.tick limit 1`,
    );

    expect(rowOf((await check(config)).rows, 'central').problems).toContainEqual(
      expect.stringMatching(/tick 50 of queue orders is older than the tick before it, so two tickers/),
    );
  });

  test('sequences left behind by a restore are a problem that install repairs', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    const config = configFor(cluster, { queues: QUEUES });
    await install(config);
    await givenQueue(shard, 'other');
    await shard.query("select setval('pgq.queue_queue_id_seq', 1, false)");

    expect(rowOf((await check(config)).rows, 's1').problems).toEqual([
      expect.stringMatching(/pgq\.queue_queue_id_seq stand behind their tables, as after a restore/),
    ]);
    await install(config);

    expect((await check(config)).problems).toEqual([]);
    await givenQueue(shard, 'third');
  });

  test('a cluster whose transaction ids are behind those of its ticks is a problem', async () => {
    const cluster = await givenCluster();
    const [shard] = cluster.shards as [TestDatabase];
    await givenQueue(shard, 'orders');
    await shard.query("update pgq.tick set tick_snapshot = '900000000000:900000000000:'");

    expect(rowOf((await check(configFor(cluster, { queues: QUEUES }))).rows, 's1').problems).toContainEqual(
      expect.stringMatching(/queue orders has ticks with transaction ids that this server has not reached/),
    );
  });
});

describe('cli/commands/shards', () => {
  test('lists each shard with its holder and its state', async () => {
    const cluster = await givenCluster({ shards: 3 });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    await run(['-c', file, 'install']);
    await cluster.central.query(
      `select tributary.lease_beat(gen_random_uuid(), 'mover', 'db01', '{}', '1 minute', '{shard:s1}', '{}', 1)`,
    );
    await cluster.central.query(
      "update tributary.source set state = 'halted', halt_reason = 'why' where shard = 's2'",
    );

    const { code, stdout } = await run(['-c', file, 'shards', '--json']);

    expect(code).toBe(0);
    const { shards } = JSON.parse(stdout);
    expect(shards).toMatchObject([
      { name: 's1', holder: 'db01', state: 'moving', reason: null },
      { name: 's2', holder: null, state: 'halted', reason: 'orders: why' },
      { name: 's3', holder: null, state: 'unassigned' },
    ]);
    expect(Object.keys(shards[0])).toEqual(['name', 'host', 'url', 'provider', 'holder', 'state', 'reason']);
    expect(stdout).not.toContain(inject('server').password);
  });

  test('without central it still lists them', async () => {
    const cluster = await givenCluster();
    const text = fileFor(cluster, { queues: QUEUES }).replace(
      `central: '${cluster.central.url}'`,
      "central: 'postgres://ann:secret@127.0.0.1:1/central'",
    );

    const { code, stdout, stderr } = await run(['-c', givenFile(text), 'shards', '--json']);

    expect(code).toBe(0);
    expect(JSON.parse(stdout).shards).toMatchObject([{ name: 's1', state: 'unknown', holder: null }]);
    expect(stderr).toMatch(/^Central .* refuses connections/);
  });
});

describe('cli/commands/plan', () => {
  test('where the server offers the extension and has no PgQ, both ways to install it are named', async () => {
    const [central, shard] = await Promise.all([
      givenDatabase({ pgq: false }),
      givenDatabase({ pgq: false }),
    ]);
    const file = givenFile(fileFor({ central, shards: [shard] }, { queues: QUEUES }));
    const { stdout } = await run(['-c', file, 'plan']);
    const offered = / \(or run `create extension pgq` first: the server offers version 3\.\d+\)/;
    expect(stdout).toContain('  + install the bundled engine');
    if (inject('server').provider === 'extension') expect(stdout).toMatch(offered);
    else expect(stdout).not.toContain('create extension');
  });

  test('lists changes in words, then that there are none, then what the file no longer asks for', async () => {
    const cluster = await givenCluster();
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));

    const before = await run(['-c', file, 'plan']);
    expect(before.code).toBe(0);
    expect(before.stdout).toMatch(/^s1:\n( {2}\+ .*\n)*? {2}\+ create queue orders\n/m);
    await run(['-c', file, 'install']);
    expect((await run(['-c', file, 'plan'])).stdout).toBe(
      'Nothing to change: 2 databases are as the file says.\n',
    );

    const other = givenFile(fileFor(cluster, { queues: '  emails: { workers: none, create: true }' }));
    const { stdout } = await run(['-c', other, 'plan', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ left_over: [{ shard: 's1', queue: 'orders' }] });
  });

  test('an expression that a shard refuses is a problem of that shard, named with what it says', async () => {
    const cluster = await givenCluster({ shards: 2 });
    for (const shard of cluster.shards) await givenQueue(shard, 'orders');
    await cluster.shards[0]?.query('create function public.is_wanted(text) returns boolean return true');
    const queues = `  orders: { workers: none, where: "public.is_wanted(ev_type)", columns: { data: "upper(ev_data)" } }`;

    const { rows } = await check(configFor(cluster, { queues }));

    expect(rowOf(rows, 's1').problems.join()).not.toContain('refused');
    expect(rowOf(rows, 's2').problems).toContainEqual(
      expect.stringMatching(
        /`where` of queue orders is refused over queue orders: function public.is_wanted/,
      ),
    );
    const wrong = `  orders: { workers: none, columns: { data: "ev_dta || 'x'" } }`;
    expect(rowOf((await check(configFor(cluster, { queues: wrong }))).rows, 's1').problems).toContainEqual(
      expect.stringMatching(/`columns.data` of queue orders .* column "ev_dta" does not exist/),
    );
  });
});
