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
    runOthers(shard.url);

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
function runOthers(url: string): void {
  const env = { ...process.env, SHARD_URL: url };
  // Python's client is Debian's: that of another Python would not find it.
  const python = '/usr/bin/python3';
  const clients: [string, string, string[]][] = [
    ['psql', 'bash', ['-e', '-c', textOf('psql')]],
    ['python', python, ['-c', textOf('python')]],
  ];
  const isThere: Readonly<Record<string, boolean>> = {
    psql: spawnSync('psql', ['--version']).status === 0,
    python: existsSync(python) && spawnSync(python, ['-c', 'import psycopg2']).status === 0,
  };
  for (const [name, program, args] of clients) {
    if (!isThere[name] && provider() === 'engine') continue;
    const { status, stderr } = spawnSync(program, args, { env, encoding: 'utf8' });
    expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
  }
}

/** Events that the group has not been handed yet, by ticks. */
const WAITING = `
select count(*)::int as waiting
from pgq.subscription s
join pgq.consumer c on c.co_id = s.sub_consumer
where c.co_name like 'workers\\_shop%' and s.sub_batch is not null`;
