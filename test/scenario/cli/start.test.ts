// `tributary start` as real processes: what it forks lives, dies, comes back and goes with it.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import {
  connectionsOf,
  givenInstalledHosts,
  givenTransactions,
  type InstalledHosts,
} from '../../support/installation/installed-hosts.ts';
import { childrenOf } from '../../support/processes/children.ts';
import { isAlive, runTributary } from '../../support/processes/process.ts';
import { until } from '../../support/until.ts';

const PERFECT = { lost: 0, twice: 0, split: 0, disordered: 0, holds: true };

const untilHandled = (hosts: InstalledHosts, count: number, timeoutMs = 30_000) =>
  until(async () => (await hosts.handled()) >= count, { what: `${count} handled events`, timeoutMs });

const untilMover = (hosts: InstalledHosts, others: readonly number[] = []) =>
  until(async () => (await hosts.movers()).find((pid) => !others.includes(pid)), { what: 'a mover' });

describe.skipIf(process.platform !== 'linux')('cli/start', () => {
  test('one mover and the workers move and handle each event once, and SIGTERM ends them all in order', async () => {
    const hosts = await givenInstalledHosts({ alpha: 2 });
    const host = await hosts.startHost('alpha');
    await givenTransactions(hosts.shards, 40);
    await untilHandled(hosts, 120);
    const children = childrenOf(host);
    expect(children).toHaveLength(3);
    expect(children).toContain(await untilMover(hosts));
    host.kill('SIGTERM');
    expect(await host.exit).toEqual({ code: 0, signal: null });
    expect(children.filter(isAlive)).toEqual([]);
    expect(await hosts.verdict()).toMatchObject({ ...PERFECT, committed: 120, moved: 120, handled: 120 });
    expect(await hosts.central.query('select * from tributary.lease where is_held')).toEqual([]);
  });

  test('Ctrl-C of a terminal reaches every process, npm sends it twice, and all is drained once', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const host = await hosts.startHost('alpha');
    await givenTransactions(hosts.shards, 10);
    await untilHandled(hosts, 30);
    const children = childrenOf(host);
    process.kill(-host.pid, 'SIGINT');
    process.kill(-host.pid, 'SIGINT');
    expect(await host.exit).toEqual({ code: 0, signal: null });
    expect(children.filter(isAlive)).toEqual([]);
    expect(host.stderr.filter((line) => /died/.test(line))).toEqual([]);
    expect(await hosts.central.query('select * from tributary.lease where is_held')).toEqual([]);
  });

  test('a mover killed with SIGKILL is replaced, and the next one need not wait for leases to run out', async () => {
    const hosts = await givenInstalledHosts({ alpha: 2 });
    const host = await hosts.startHost('alpha');
    await givenTransactions(hosts.shards, 20);
    await untilHandled(hosts, 60);
    const first = await untilMover(hosts);
    process.kill(first, 'SIGKILL');
    const killedMs = performance.now();
    await host.waitForLine(/the mover died \(SIGKILL\); the next one starts at once/);
    await givenTransactions(hosts.shards, 20);
    await untilHandled(hosts, 120, 9_000);
    expect(performance.now() - killedMs).toBeLessThan(9_000);
    expect(await untilMover(hosts, [first])).not.toBe(first);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(0);
    expect(await hosts.verdict()).toMatchObject({ ...PERFECT, handled: 120 });
  });

  test('a supervisor killed with SIGKILL leaves no process behind', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const host = await hosts.startHost('alpha');
    await givenTransactions(hosts.shards, 10);
    await untilHandled(hosts, 30);
    const children = childrenOf(host);
    expect(children).toHaveLength(3);
    host.kill('SIGKILL');
    await until(() => children.every((pid) => !isAlive(pid)), { what: 'the end of all children' });
    await until(async () => (await connectionsOf(hosts.central)) === 0, { what: 'no connection' });
  });

  test('two hosts share the work, each moves its own shards, and each event is handled once', async () => {
    const hosts = await givenInstalledHosts({ alpha: 2, beta: 2 });
    const [alpha, beta] = await Promise.all([hosts.startHost('alpha'), hosts.startHost('beta')]);
    for (let round = 0; round < 5; round += 1) {
      await givenTransactions(hosts.shards, 40);
      await sleep(50);
    }
    await untilHandled(hosts, 600);
    const holders = await hosts.central.query<{ resource: string; host: string }>(
      `select l.resource, m.host from tributary.lease l join tributary.member m on m.id = l.holder
        where l.is_held and m.kind = 'mover' and l.resource like 'shard:%' order by 1`,
    );
    expect(holders.map(({ host }) => host)).toEqual(['alpha', 'alpha', 'beta', 'beta']);
    for (const host of [alpha, beta]) host.kill('SIGTERM');
    for (const host of [alpha, beta]) expect((await host.exit).code).toBe(0);
    expect(await hosts.verdict()).toMatchObject({ ...PERFECT, committed: 600, moved: 600, handled: 600 });
  });

  test('a mover that finds its file wrong ends the supervisor with 2', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    const host = await hosts.startHost('alpha');
    const mover = await untilMover(hosts);
    writeFileSync(hosts.file, 'queues: 7\n');
    process.kill(mover, 'SIGKILL');
    expect((await host.exit).code).toBe(2);
    expect(host.stderr.join('\n')).toMatch(/shards\.yaml:1:\d+ /);
    expect(childrenOf(host).filter(isAlive)).toEqual([]);
  });

  test('before install it ends with 2 and says so once', async () => {
    const hosts = await givenInstalledHosts({ alpha: 1 });
    await hosts.central.query('drop schema tributary cascade');
    const ran = await runTributary(['-c', hosts.file, 'start', '--host', 'alpha']);
    expect(ran).toMatchObject({ code: 2, stderr: 'Central is not installed. Run `tributary install`.' });
    const nowhere = givenFile(
      'central: postgresql://a@127.0.0.1:1/c\nshards: [postgresql://a@x/y]\nqueues: {q: }\n',
    );
    const lost = await runTributary(['-c', nowhere, 'start', '--host', 'moon']);
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain('is on host moon');
  });
});
