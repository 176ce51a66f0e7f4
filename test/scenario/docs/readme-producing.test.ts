// The worked example of docs/producing.md, run as it stands there: from the order on a shard to the invoice on central.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { fileFor, givenCluster, provider } from '../../support/installation/installation.ts';
import { blockOf, markedBlocks } from '../../support/pages/blocks.ts';
import { runTributary, startTributary } from '../../support/processes/process.ts';
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
    symlinkSync(packagePath('node_modules'), join(folder, 'node_modules'));
    const producer = writeFile(folder, 'producer.mjs', { text: textOf('producer.mjs') });
    // The page's handler is a module of a project that says so.
    writeFile(folder, 'package.json', { text: '{ "type": "module" }' });
    writeFile(folder, 'handlers/orders.js', { text: textOf('handlers/orders.js') });
    const queues = '  orders: { workers: 2, handler: ./handlers/orders.js, create: true }';
    const file = writeFile(folder, 'shards.yaml', { text: fileFor(cluster, { queues }) });
    const { code, stderr } = await runTributary(['-c', file, 'install']);
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
  });
});

/** Events that the group has not been handed yet, by ticks. */
const WAITING = `
select count(*)::int as waiting
from pgq.subscription s
join pgq.consumer c on c.co_id = s.sub_consumer
where c.co_name like 'workers\\_shop%' and s.sub_batch is not null`;
