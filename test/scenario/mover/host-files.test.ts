// Hosts whose files differ: an old one changes nothing for the others, and what differs is said.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { startTributary } from '../../support/processes/process.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';
import { givenWorkerHosts, untilWorkers, WRITING_HANDLER } from '../../support/workers/worker-host.ts';

describe('hosts with different files', () => {
  test('a host that starts with an old file undoes neither a new number of workers nor `scale`, and both commands say who differs', async () => {
    const hosts = await givenWorkerHosts('  orders: { create: true, workers: 2, handler: ./write.mjs }');
    const stale = givenFile(readFileSync(hosts.file, 'utf8').replace('workers: 2', 'workers: 1'), {
      others: { 'write.mjs': WRITING_HANDLER },
    });
    expect(dirname(stale)).not.toBe(dirname(hosts.file));
    await hosts.tributary('scale', 'orders', '3');
    const one = await hosts.startHost('h1');
    await untilWorkers(hosts, [one], 3);
    const other = startTributary(['-c', stale, 'work', '--host', 'old']);
    await other.waitForLine(
      /this host's file says 1 worker for queue orders, and 2 as installed is what counts/,
    );
    await until(
      async () => (await hosts.tributary('lag')).stdout.includes('Hosts run with different files'),
      {
        what: 'a line about the files',
      },
    );
    await untilWorkers(hosts, [one, other], 3);
    const lag = async () => JSON.parse((await hosts.tributary('lag', '--json')).stdout);
    // They are up; that reaches central with the next beat of their host, and a slot may still go from one host to the other.
    const seen = await until(
      async () => {
        const answer = await lag();
        return answer.central[0]?.workers_running === 3 && answer;
      },
      { what: '3 workers in lag', timeoutMs: 30_000 },
    );
    expect(seen).toMatchObject({
      files_differ: expect.stringMatching(/workers on h1 for .* with .*; workers on old for/),
      central: [{ workers_wanted: 3, workers_running: 3 }],
    });
    expect((await hosts.tributary('check')).stdout).toMatch(/note: Hosts run with different files: /);
    // The one that changes the number of all.
    expect((await run(['-c', stale, 'install'])).code).toBe(0);
    await untilWorkers(hosts, [one, other], 1);
    for (const host of [one, other]) {
      host.kill('SIGTERM');
      expect((await host.exit).code).toBe(0);
    }
  });

  test('lag says of a shard that its mover has an older file, which does not name it', async () => {
    const cluster = await givenCluster({ shards: 2 });
    const queues = '  orders: { workers: none, create: true }';
    const older = givenFile(fileFor({ ...cluster, shards: cluster.shards.slice(0, 1) }, { queues }));
    const file = givenFile(fileFor(cluster, { queues }));
    expect((await run(['-c', older, 'install'])).code).toBe(0);
    const mover = startTributary(['-c', older, 'mover', '--host', '127.0.0.1']);
    await mover.waitForLine(/shard s1 is connected/);
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    const sentence = `the mover on host 127.0.0.1 runs with another file than ${file}: bring it there and run \`tributary reload\`.`;
    const { stdout } = await run(['-c', file, 'lag', '--json']);
    const { sources } = JSON.parse(stdout) as { sources: { shard: string; reason: string | null }[] };
    expect(sources.find(({ shard }) => shard === 's2')?.reason).toBe(
      `No mover has moved shard s2 yet: ${sentence}`,
    );
    const shards = JSON.parse((await run(['-c', file, 'shards', '--json'])).stdout);
    expect(shards.shards.at(-1).reason).toBe(`No mover holds it: ${sentence}`);
    mover.kill('SIGTERM');
    await mover.exit;
  });
});
