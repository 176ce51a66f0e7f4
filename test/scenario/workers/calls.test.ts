// A producer on a shard calls and waits: through the mover and a worker that is killed in the middle of it, and back over HTTP.
import { expect, test } from 'vitest';
import { createProducer } from '../../../src/producer/producer.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

/** Stands still where it is told to, until somebody says otherwise. */
const HANDLER = `export default { async event(event, { client, progress }) {
  const { n, stands } = event.json();
  await client.query('insert into effect (n) values ($1)', [n]);
  const { rows } = await client.query('select from moves');
  if (stands && rows.length === 0) {
    progress(1, 2, String(process.pid));
    await new Promise((resolve) => setTimeout(resolve, 250_000));
  }
  return { n, twice: n * 2, shard: event.origin.shard };
} };`;

test('a call from a shard is answered once its event is handled, also where a worker was killed meanwhile', async () => {
  const cluster = await givenCluster();
  const { central, shards } = cluster;
  await central.query('create table effect (n int)');
  await central.query('create table moves ()');
  const queues = '  doubles: { create: true, workers: 1, handler: ./double.mjs, results: true }';
  const file = givenFile(fileFor(cluster, { name: 'test', queues }), { others: { 'double.mjs': HANDLER } });
  expect(await run(['-c', file, 'install'])).toMatchObject({ code: 0 });
  const { host } = central.database;
  const start = startTributary(['-c', file, 'start', '--host', host, '--http', ':0']);
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
  const answer = producer.call('doubles', { n: 2, stands: true }, options);
  // Seen while the transaction is open.
  const [progress] = await until(
    async () => {
      const rows = await central.query<{ text: string; channel: string }>(
        "select channel, data::json ->> 'text' as text from tributary.published where type = 'progress'",
      );
      return rows.length > 0 && rows;
    },
    { what: 'its progress', timeoutMs: 60_000 },
  );
  expect(progress?.channel).toMatch(/^s1:doubles:\d+$/);
  expect(await central.query('select n from effect')).toEqual([{ n: 1 }]);
  await central.query('insert into moves default values');
  process.kill(Number(progress?.text), 'SIGKILL');
  expect(await answer).toEqual({ n: 2, twice: 4, shard: 's1' });
  expect(await central.query('select n from effect order by n')).toEqual([{ n: 1 }, { n: 2 }]);
});
