// A queue is added to a running installation, and retired from it again, while the other one goes on.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const HANDLER = `export default {
  async event(event, { client }) {
    await client.query('insert into handled (origin) values ($1)', [String(event.origin)]);
  },
};`;

test('a queue begins on central and every shard, and ends when everything in it is moved and handled', async () => {
  const cluster = await givenCluster({ shards: 2 });
  const { central, shards } = cluster;
  await central.query('create table handled (origin text)');
  const file = givenFile('', { others: { 'write.mjs': HANDLER } });
  const write = (...queues: string[]) =>
    writeFileSync(
      file,
      [
        'name: shop',
        `central: '${central.url}'`,
        'shards:',
        ...shards.map(({ url }, at) => `  - { name: s${at + 1}, url: '${url}', host: h }`),
        'defaults: { tls: off }',
        'queues:',
        ...queues.map((queue) => `  ${queue}: { create: true, workers: 1, handler: ./write.mjs }`),
        '',
      ].join('\n'),
    );
  const tributary = async (code: number, ...args: string[]) => {
    const ran = await run(['-c', file, ...args]);
    expect([args.join(' '), ran.code, ran.stderr + ran.stdout]).toEqual([
      args.join(' '),
      code,
      expect.anything(),
    ]);
    return ran;
  };
  const withHost = async (work: () => Promise<void>) => {
    const host = startTributary(['-c', file, 'start', '--host', 'h']);
    try {
      await work();
    } finally {
      host.kill('SIGTERM');
      await host.exit;
    }
  };
  const handled = async (queue: string): Promise<number> =>
    (await central.query('select from handled where origin like $1', [`%:${queue}:%`])).length;
  const untilHandled = (queue: string, count: number) =>
    until(async () => (await handled(queue)) >= count, { what: `${count} of ${queue}`, timeoutMs: 60_000 });
  const consumers = async (queue: string): Promise<number> => {
    const lists = await Promise.all(
      shards.map((shard) => shard.query('select from pgq.get_consumer_info($1)', [queue]).catch(() => [])),
    );
    return lists.flat().length;
  };

  write('orders');
  await tributary(0, 'install');
  write('orders', 'refunds');
  expect((await tributary(2, 'queue', 'add', 'refund')).stderr).toMatch(/did you mean `refunds`/);
  expect((await tributary(0, 'queue', 'add', 'refunds', '--dry-run')).stdout).toMatch(
    /create_queue\('refunds'\)/,
  );
  expect(await consumers('refunds')).toBe(0);
  expect((await tributary(0, 'queue', 'add', 'refunds')).stdout).toMatch(
    /Queue refunds: 2 of 2 sources have a position\. Movers and workers/,
  );
  expect([await consumers('refunds'), await consumers('orders')]).toEqual([2, 2]);
  await tributary(0, 'queue', 'add', 'refunds');

  for (const shard of shards) await givenEvents(shard, 'refunds', 3);
  expect((await tributary(1, 'queue', 'retire', 'refunds', '--yes', '--wait', '0s')).stderr).toMatch(
    /No mover holds shard s1, and events wait there/,
  );
  await withHost(async () => {
    await untilHandled('refunds', 3);
    expect((await tributary(0, 'queue', 'retire', 'refunds', '--dry-run')).stdout).toMatch(
      /2 sources on 2 shards end: .* cannot be undone[\s\S]*Its workers finish/,
    );
    expect((await tributary(2, 'queue', 'retire', 'refunds')).stderr).toMatch(/add --yes/);
    const ended = await tributary(0, 'queue', 'retire', 'refunds', '--yes');
    expect(ended.stdout).toMatch(/s2:refunds +ended [\s\S]*Queue refunds is retired\. Now take it out of/);
    expect(await handled('refunds')).toBe(6);
    for (const shard of shards) await givenEvents(shard, 'orders', 2);
    await untilHandled('orders', 4);
  });
  expect([await consumers('refunds'), await consumers('orders')]).toEqual([0, 2]);
  expect(await central.query("select from pgq.get_consumer_info('refunds')")).toEqual([]);
  await tributary(0, 'queue', 'retire', 'refunds', '--yes');

  expect((await tributary(1, 'install')).stderr).toMatch(
    /queue refunds was retired at .*: take it out of `queues:` .*`tributary queue add refunds --start now`/,
  );
  await tributary(0, 'queue', 'add', 'refunds', '--start', 'now');
  await withHost(async () => {
    for (const shard of shards) await givenEvents(shard, 'refunds', 1);
    await untilHandled('refunds', 8);
  });
  const origins = await central.query<{ origin: string }>('select origin from handled');
  expect(new Set(origins.map(({ origin }) => origin)).size).toBe(12);
  expect(
    (
      await central.query<{ kind: string }>(
        "select kind from tributary.logbook where kind like 'queue-%' order by id",
      )
    ).map(({ kind }) => kind),
  ).toEqual(['queue-add', 'queue-retire', 'queue-retire', 'queue-retire', 'queue-add']);
}, 240_000);
