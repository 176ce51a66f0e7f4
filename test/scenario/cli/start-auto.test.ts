// `install: auto` under a host that runs `start`: what the file names anew works without any other command, and what an operator has
// retired stays so, quietly.
import { writeFileSync } from 'node:fs';
import { expect, onTestFailed, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import type { TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const ENV = {
  TRIBUTARY_TIMING: 'fleet.lookEveryMs=50 fleet.installTrouble=200 shard.missingQueueMs=500',
};
const PATIENTLY = { timeoutMs: 60_000 };

/** Notes which of the works handled what. */
const handlerOf = (work: string) => `export default { async event(event, { client }) {
  await client.query('insert into handled values ($1, $2)', ['${work}', String(event.origin ?? event.data)]);
} };`;
const WORKS = ['billing', 'search', 'urgent', 'outbox', 'parcels'];

test('groups, routes, queues and shards that come into the file of a running `start` are installed and worked on', async () => {
  const { central, shards } = await givenCluster({ shards: 3 });
  const [s1, s2, s3] = shards as [TestDatabase, TestDatabase, TestDatabase];
  await central.query('create table handled (work text, origin text)');
  const text = (names: readonly (readonly [string, TestDatabase])[], queues: readonly string[], more = '') =>
    [
      'name: shop',
      `central: '${central.url}'`,
      'shards:',
      ...names.map(([name, { url }]) => `  - { name: ${name}, url: '${url}', host: h }`),
      'defaults: { tls: off }',
      'install: auto',
      more,
      'queues:',
      ...queues.map((line) => `  ${line}`),
      '',
    ].join('\n');
  const orders = (groups: string) => `orders: { create: true, groups: { ${groups} } }`;
  const billing = 'billing: { workers: 1, handler: ./billing.mjs }';
  const both = orders(`${billing}, search: { workers: 1, handler: ./search.mjs, start: oldest }`);
  const others = Object.fromEntries(WORKS.map((work) => [`${work}.mjs`, handlerOf(work)]));
  const file = givenFile(text([['s1', s1]], [orders(billing)]), { others });
  const tributary = async (...args: string[]) => {
    const ran = await run(['-c', file, ...args]);
    expect(`${ran.code} ${ran.stderr}`).toMatch(/^0/);
    return ran;
  };
  await tributary('install');
  const host = startTributary(['-c', file, 'start', '--host', 'h'], { env: ENV });
  onTestFailed(() => void process.stdout.write(`${host.stderr.slice(-40).join('\n')}\n`));
  const handled = async () => {
    const rows = await central.query<{ work: string; n: number; different: number }>(
      'select work, count(*)::int as n, count(distinct origin)::int as different from handled group by 1',
    );
    for (const { n, different } of rows) expect(n).toBe(different);
    return Object.fromEntries(rows.map(({ work, n }) => [work, n]));
  };
  const untilHandled = (counts: Readonly<Record<string, unknown>>) =>
    until(
      async () => {
        expect(await handled()).toEqual(counts);
        return true;
      },
      { what: `handled ${JSON.stringify(counts)}`, ...PATIENTLY },
    );
  /** Besides those that took the route: how many there are depends on when it was there. */
  const untilAll = (counts: Readonly<Record<string, number>>) =>
    untilHandled({ ...counts, urgent: expect.any(Number) });
  const take = (...next: Parameters<typeof text>) => {
    writeFileSync(file, text(...next));
    host.kill('SIGHUP');
  };
  await givenEvents(s1, 'orders', 3);
  await untilHandled({ billing: 3 });

  take([['s1', s1]], [both]);
  await untilHandled({ billing: 3, search: 3 });

  const urgent = `urgent: { create: true, from: orders, where: "ev_type = 'urgent'", workers: 1, handler: ./urgent.mjs }`;
  // Only programs on central feed it.
  const outbox = 'outbox: { from: [], workers: 1, handler: ./outbox.mjs }';
  const parcels = 'parcels: { create: true, workers: 1, handler: ./parcels.mjs, start: oldest }';
  const all = [urgent, both, outbox, parcels];
  take([['s1', s1]], all, 'routes: { orders: all }');
  const queueThere = (database: TestDatabase, name: string) =>
    until(
      async () => (await database.query('select from pgq.queue where queue_name = $1', [name])).length > 0,
      {
        what: `queue ${name}`,
        ...PATIENTLY,
      },
    );
  await queueThere(central, 'outbox');
  await central.query("select pgq.insert_event('outbox', 'made', 'by hand')");
  await queueThere(s1, 'parcels');
  await givenEvents(s1, 'parcels', 2);
  await until(
    async () => {
      await s1.query("select pgq.insert_event('orders', 'urgent', 'now')");
      return ((await handled()).urgent ?? 0) > 0;
    },
    { what: 'an event by the route', ...PATIENTLY },
  );
  const [{ n } = { n: 0 }] = await s1.query<{ n: number }>('select count(*)::int as n from pgq.event_1');
  await untilAll({ billing: n, search: n, outbox: 1, parcels: 2 });

  take(
    [
      ['s1', s1],
      ['s2', s2],
    ],
    all,
    'routes: { orders: all }',
  );
  await queueThere(s2, 'orders');
  await givenEvents(s2, 'orders', 4);
  await untilAll({ billing: n + 4, search: n + 4, outbox: 1, parcels: 2 });

  // Retired while the file names it still: it is not begun anew, and that is one sentence.
  const before = host.stderr.length;
  await tributary('shard', 'retire', 's2', '--yes');
  const about = () => host.stderr.slice(before).filter((line) => /\bs2\b/.test(line));
  await host.waitForLine(/s2.*(was retired|was let go)/, PATIENTLY);
  // So is a queue, also where shards come that never had it.
  await tributary('queue', 'retire', 'parcels', '--yes');
  take(
    [
      ['s1', s1],
      ['s2', s2],
      ['s3', s3],
    ],
    all,
    'routes: { orders: all }',
  );
  await queueThere(s3, 'orders');
  await givenEvents(s3, 'orders', 1);
  await untilAll({ billing: n + 5, search: n + 5, outbox: 1, parcels: 2 });
  expect(await central.query("select from pgq.get_consumer_info('parcels')")).toEqual([]);
  expect(
    await central.query("select from tributary.source where queue = 'parcels' and state <> 'retired'"),
  ).toEqual([]);
  take(
    [
      ['s1', s1],
      ['s3', s3],
    ],
    all,
    'routes: { orders: all }',
  );
  await host.waitForLine(/shard s2 is let go/, PATIENTLY);
  expect(about().length, about().join('\n')).toBeLessThanOrEqual(3);
  expect(
    await s2.query("select from pgq.get_consumer_info() where consumer_name like 'tributary_%'"),
  ).toEqual([]);
  host.kill('SIGTERM');
  expect((await host.exit).code).toBe(0);
}, 240_000);
