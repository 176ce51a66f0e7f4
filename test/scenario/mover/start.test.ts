// What a mover finds when it starts: what only an operator can mend ends it with a sentence, what passes is waited for.
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster, givenEvents } from '../../support/installation/installation.ts';
import { givenForwarding, QUEUES } from '../../support/mover/forwarding.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { runTributary, startTributary } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

/** An installation that reaches central through a proxy. */
async function givenProxiedCentral() {
  const cluster = await givenCluster({ shards: 1 });
  const url = new URL(cluster.central.url);
  const proxy = await givenProxy({ host: url.hostname, port: Number(url.port) });
  url.port = String(proxy.port);
  const via = { central: { ...cluster.central, url: url.href }, shards: cluster.shards };
  return { proxy, forwarding: await givenForwarding({ cluster, via }) };
}

describe('mover at its start', () => {
  test('waits for a central that is away, says so, and moves once it is there', async () => {
    const { proxy, forwarding } = await givenProxiedCentral();
    const [shard] = forwarding.shards as [(typeof forwarding.shards)[0]];
    await givenEvents(shard, 'orders', 10);
    proxy.drop();
    const mover = forwarding.startMover();
    await until(() => mover.stderr.filter((line) => /Central /.test(line)).length >= 2, {
      what: 'two tries',
      timeoutMs: 60_000,
    });
    proxy.heal();
    expect((await forwarding.untilProven()).moved).toBe(10);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });

  test('a signal to stop while it waits ends it at once', async () => {
    const { proxy, forwarding } = await givenProxiedCentral();
    proxy.drop();
    const mover = forwarding.startMover();
    await mover.waitForLine(/Central /);
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });

  test('where central is not installed, or refuses the password, it ends with a sentence', async () => {
    const cluster = await givenCluster({ shards: 1 });
    const file = givenFile(fileFor(cluster, { queues: QUEUES }));
    const args = ['mover', '--host', '127.0.0.1'];
    const { code, stderr } = await runTributary(['-c', file, ...args]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/Central is not installed\. Run `tributary install`\.$/),
    ]);
    const url = new URL(cluster.central.url);
    url.password = 'wrong';
    const central = { ...cluster.central, url: url.href };
    const other = startTributary([
      '-c',
      givenFile(fileFor({ central, shards: cluster.shards }, { queues: QUEUES })),
      ...args,
    ]);
    expect((await other.exit).code).toBe(2);
    expect(other.stderr.at(-1)).toMatch(/Central refuses the password/);
  });
});
