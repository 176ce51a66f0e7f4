import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { send } from '../../support/processes/freezer.ts';
import { isAlive } from '../../support/processes/process.ts';
import { givenDatabase } from '../../support/server/database.ts';
import { givenServer } from '../../support/server/server.ts';
import { until } from '../../support/until.ts';
import { givenTicker, givenWorkerHosts, untilWorkers } from '../../support/workers/worker-host.ts';

/** What is documented (20 s, and 5 s after the handlers' signals), and what a loaded machine may add. */
const WITHIN_MS = 35_000;

/** The server with all that it has forked. */
function pidsOf(dataDir: string): number[] {
  const [postmaster = ''] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', postmaster], { encoding: 'utf8' });
  return [Number(postmaster), ...children.trim().split(/\s+/).map(Number)];
}

describe('workers whose central is frozen', () => {
  test('SIGTERM ends them within the documented time', async () => {
    const server = await givenServer();
    const [central, shard] = await Promise.all([givenDatabase({ server }), givenDatabase({ server })]);
    const hosts = await givenWorkerHosts(
      '  orders: { create: true, workers: 2, handler: ./slow.mjs }',
      {
        'slow.mjs': `export default { async event(event, { client }) {
          await client.query('insert into effect (n) values ($1)', [event.json().n]);
          await new Promise((resolve) => setTimeout(resolve, 4000));
        } };`,
      },
      { central, shards: [shard] },
    );
    givenTicker(hosts.central, 'orders');
    const host = await hosts.startHost('h1');
    await untilWorkers(hosts, [host], 2);
    const workers = [...hosts.workersOf(host).values()];
    await hosts.central.produce('orders', 2);
    await until(
      async () =>
        (await hosts.central.query('select 1 from pgq.subscription where sub_batch is not null')).length > 0,
      { what: 'a batch at work' },
    );
    const frozen = pidsOf(server.dataDir);
    const thaw = () => {
      for (const pid of frozen) send(pid, 'SIGCONT');
    };
    onTestFinished(thaw);
    for (const pid of frozen) send(pid, 'SIGSTOP');
    const begunMs = performance.now();
    host.kill('SIGTERM');
    await host.exit;
    expect(performance.now() - begunMs).toBeLessThan(WITHIN_MS);
    expect(workers.filter(isAlive)).toEqual([]);
    thaw();
  });
});
