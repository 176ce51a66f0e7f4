// A producer on a shard calls and waits: through the mover and a worker that is killed in the middle of it, and back over HTTP; and
// so it is where the caller is killed, or everything but the caller.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { createProducer } from '../../../src/producer/producer.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { startProcess, startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

/** Stands still where it is told to, until somebody says otherwise. */
const HANDLER = `export default { async event(event, { client, progress }) {
  const { n, stands } = event.json();
  await client.query('insert into effect (n) values ($1)', [n]);
  const isStill = async () => (await client.query('select from moves')).rows.length === 0;
  if (stands && (await isStill())) progress(1, 2, String(process.pid));
  while (stands && (await isStill())) await new Promise((resolve) => setTimeout(resolve, 50));
  return { n, twice: n * 2, shard: event.origin.shard };
} };`;

/** Calls, and is killed while it waits. */
const CALLER = `
import pg from '${pathToFileURL(createRequire(import.meta.url).resolve('pg')).href}';
import { createProducer } from '${packagePath('dist', 'producer.js')}';
const [, , shard, url, data] = process.argv;
const calls = { shard: 's1', on: new pg.Pool({ connectionString: shard }), url };
await createProducer({ calls }).call('doubles', JSON.parse(data), { timeout: '150s' });
`;

test('a call from a shard is answered once its event is handled, whether worker, caller or everything else is killed meanwhile', async () => {
  const cluster = await givenCluster();
  const { central, shards } = cluster;
  await central.query('create table effect (n int)');
  await central.query('create table moves ()');
  const queues = '  doubles: { create: true, workers: 1, handler: ./double.mjs, results: true }';
  const file = givenFile(fileFor(cluster, { name: 'test', queues }), { others: { 'double.mjs': HANDLER } });
  expect(await run(['-c', file, 'install'])).toMatchObject({ code: 0 });
  const { host } = central.database;
  const begin = (port: string) =>
    startTributary(['-c', file, 'start', '--host', host, '--http', `:${port}`], {
      env: { TRIBUTARY_TIMING: 'leases.leaseMs=5000' },
    });
  const start = begin('0');
  const serving = /serving (http:\S+)\/livez/;
  const url = serving.exec(await start.waitForLine(serving))?.[1] ?? '';
  const connection = await shards[0]?.connect();
  const on = {
    query: async (text: string, values: readonly unknown[]) => ({
      rows: (await connection?.query(text, values)) ?? [],
    }),
  };
  const producer = createProducer<{ doubles: { n: number; stands?: boolean } }>({
    calls: { shard: 's1', on, url },
  });
  const options = { timeout: '150s' };
  expect(await producer.call('doubles', { n: 1 }, options)).toEqual({ n: 1, twice: 2, shard: 's1' });
  /** What says so while its transaction is open: its channel is the origin, its text the process. */
  const progressOf = async (count: number) =>
    await until(
      async () => {
        const rows = await central.query<{ channel: string; text: string }>(
          "select channel, max(data::json ->> 'text') as text from tributary.published where type = 'progress' group by channel",
        );
        return rows.length === count && rows;
      },
      { what: `progress of ${count} calls`, timeoutMs: 60_000 },
    );
  const go = () => central.query('insert into moves default values');
  const effects = async () =>
    (await central.query<{ n: number }>('select n from effect order by n')).map(({ n }) => n);

  // The worker.
  const answer = producer.call('doubles', { n: 2, stands: true }, options);
  const [progress] = await progressOf(1);
  expect(progress?.channel).toMatch(/^s1:doubles:\d+$/);
  expect(await effects()).toEqual([1]);
  process.kill(Number(progress?.text), 'SIGKILL');
  await go();
  expect(await answer).toEqual({ n: 2, twice: 4, shard: 's1' });

  // The caller: somebody else may wait for what it waited for.
  await central.query('truncate moves');
  const script = writeFile(givenFolder(), 'caller.mjs', { text: CALLER });
  const third = JSON.stringify({ n: 3, stands: true });
  const caller = startProcess([process.execPath, script, shards[0]?.url ?? '', url, third]);
  const [, ofCaller] = (await progressOf(2)).toSorted((a, b) =>
    a.channel === progress?.channel ? -1 : b.channel === progress?.channel ? 1 : 0,
  );
  caller.kill('SIGKILL');
  await caller.exit;
  const result = producer.result(ofCaller?.channel ?? '', options);
  await go();
  expect(await result).toEqual({ n: 3, twice: 6, shard: 's1' });

  // Everything but the caller, which waits on at the same address.
  await central.query('truncate moves');
  const patient = producer.call('doubles', { n: 4, stands: true }, options);
  await progressOf(3);
  start.kill('SIGKILL');
  await start.exit;
  await go();
  begin(new URL(url).port);
  expect(await patient).toEqual({ n: 4, twice: 8, shard: 's1' });
  expect(await effects()).toEqual([1, 2, 3, 4]);
});
