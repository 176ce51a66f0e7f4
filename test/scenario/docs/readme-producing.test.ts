// The worked example of docs/producing.md, run as it stands there: from the order on a shard to the invoice on central.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { fileFor, givenCluster, provider } from '../../support/installation/installation.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const blocks = markedBlocks('docs/producing.md');
const textOf = (mark: string) => blockOf(blocks, mark);

describe('docs/producing', () => {
  test('each order becomes one invoice, and everything else that the page produces is passed over', async () => {
    const cluster = await givenCluster();
    const { central } = cluster;
    const [shard] = cluster.shards;
    if (shard === undefined) throw new Error('no shard');
    const folder = givenFolder();
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(packagePath('node_modules', 'pg'), join(folder, 'node_modules', 'pg'));
    symlinkSync(packagePath(), join(folder, 'node_modules', 'tributary'));
    const producer = writeFile(folder, 'producer.mjs', { text: textOf('producer.mjs') });
    const reminders = writeFile(folder, 'reminders.mjs', { text: textOf('reminders.mjs') });
    // The page's handler is a module of a project that says so.
    writeFile(folder, 'package.json', { text: '{ "type": "module" }' });
    writeFile(folder, 'handlers/orders.js', { text: textOf('handlers/orders.js') });
    const queues = `  orders: { workers: 2, handler: ./handlers/orders.js, create: true }
${textOf('reminders.yaml').replace(/^/gm, '  ')}`;
    const file = writeFile(folder, 'shards.yaml', { text: fileFor(cluster, { queues }) });
    const { code, stderr } = await run(['-c', file, 'install']);
    expect({ code, stderr: stderr.replace(/^.*warn.*$/gim, '').trim() }).toMatchObject({ code: 0 });

    await central.query(textOf('central'));
    const connection = await shard.connect();
    for (const { mark, text } of blocks) if (mark === 'shard') await connection.script(text);
    if (provider() === 'engine') await connection.script(textOf('engine'));
    process.env.SHARD_URL = shard.url;
    const { placeOrder, close } = (await import(pathToFileURL(producer).href)) as {
      placeOrder(customer: string, totalCents: number): Promise<number>;
      close(): Promise<void>;
    };
    const placed = [await placeOrder('Ben', 700), await placeOrder('Cleo', 1_900)];
    await expect(placeOrder('Dan', Number.NaN)).rejects.toThrow();
    await close();
    const { remind } = (await import(pathToFileURL(reminders).href)) as {
      remind(tx: object, orderId: number, after?: string): Promise<string>;
    };
    for (const [order, after] of [
      [1, '1s'],
      [1, '1s'],
      [2, '3d'],
      [3, '0'],
    ] as const) {
      await connection.script('begin');
      await remind(connection.client, order, after);
      await connection.script('commit');
    }
    const languages = runOthers(shard.url);
    if (provider() === 'extension')
      expect(languages).toEqual(expect.arrayContaining(['psql', 'python', 'php', 'ruby']));

    startTributary(['-c', file, 'start', '--host', new URL(shard.url).hostname]);
    const orders = await shard.query<{ id: number }>('select id from customer_order order by id');
    const invoices = () =>
      central.query('select shard, order_id, total_cents from invoice order by order_id');
    await until(async () => (await invoices()).length >= orders.length, {
      what: 'the invoices',
      timeoutMs: 60_000,
    });

    expect(placed.every((id) => orders.some((order) => Number(order.id) === id))).toBe(true);
    expect(await invoices()).toEqual(
      [4_200, 700, 1_900].map((total_cents, at) => ({ shard: 's1', order_id: orders[at]?.id, total_cents })),
    );
    await until(async () => (await central.query(WAITING))[0]?.waiting === 0, {
      what: 'all batches to be done',
    });
    expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    expect(await central.query('select * from tributary.attempt')).toEqual([]);

    // The reminders: one of the two with one key, and not yet the one of a later day.
    const table = await central.query<{ name: string }>(
      "select queue_data_pfx as name from pgq.queue where queue_name = 'reminders'",
    );
    const due = () =>
      central.query<{ ev_extra1: string }>(`select ev_extra1 from ${table[0]?.name} order by ev_extra1`);
    const waiting = async () =>
      (await central.query('select * from tributary.delayed_list($1, 10)', ['{}'])).length;
    await until(async () => (await due()).length >= 2 && (await waiting()) === 1, { what: 'the reminders' });
    expect((await due()).map(({ ev_extra1 }) => ev_extra1)).toEqual(['1', '3']);
  });
});

/** The examples of other languages whose clients are on this machine; each puts events in. */
function runOthers(url: string): string[] {
  const { hostname, port, pathname, username, password } = new URL(url);
  const env = {
    ...process.env,
    ...{ SHARD_URL: url, PGHOST: hostname, PGPORT: port, PGDATABASE: decodeURIComponent(pathname.slice(1)) },
    ...{
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGSSLMODE: 'disable',
    },
  };
  const main = writeFile(givenFolder(), 'main.go', { text: textOf('go') });
  const runs = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });
  // Python's client is Debian's: that of another Python would not find it.
  const python = '/usr/bin/python3';
  const clients: [name: string, isThere: boolean, program: string, args: string[], more?: object][] = [
    ['psql', runs('psql', '--version').status === 0, 'bash', ['-e', '-c', textOf('psql')]],
    ['python', runs(python, '-c', 'import psycopg2').status === 0, python, ['-c', textOf('python')]],
    ['php', runs('php', '-m').stdout?.includes('pdo_pgsql') === true, 'php', ['-r', textOf('php')]],
    ['ruby', runs('ruby', '-rpg', '-e', '').status === 0, 'ruby', ['-e', textOf('ruby')]],
    // Debian's packages are sources in a folder of its own. The compiler is no package that our tests need.
    ['go', runs('go', 'version').status === 0 && existsSync(GO_SOURCES), 'go', ['run', main], GO_ENV],
  ];
  const there = clients.filter(([, isThere]) => isThere);
  for (const [name, , program, args, more] of there) {
    const { status, stderr } = spawnSync(program, args, { env: { ...env, ...more }, encoding: 'utf8' });
    expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
  }
  return there.map(([name]) => name);
}

const GO_SOURCES = '/usr/share/gocode/src/github.com/lib/pq';
const GO_ENV = { GOPATH: '/usr/share/gocode', GO111MODULE: 'off' };

/** Events that the group has not been handed yet, by ticks. */
const WAITING = `
select count(*)::int as waiting
from pgq.subscription s
join pgq.consumer c on c.co_id = s.sub_consumer
where c.co_name like 'workers\\_shop%' and s.sub_batch is not null`;
