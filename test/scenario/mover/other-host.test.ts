// A whole host, with its mover and its workers, that is cut off from central by the network and from nothing else: it stops by itself.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { givenInstalledHosts } from '../../support/installation/installed-hosts.ts';
import { endPrepared } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { givenOtherHost, mayMakeNamespaces } from '../../support/network/namespaces.ts';
import { childrenOf } from '../../support/processes/children.ts';
import { startProcess, startTributary } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

const PATIENTLY = { timeoutMs: 90_000 };

// Linux, as root.
describe.skipIf(!mayMakeNamespaces())('a host in a network of its own', () => {
  test('is cut off from central: its mover lets go of the shards, its workers end, the other host does all, and both share again', async () => {
    const hosts = await givenInstalledHosts({ any: 4 }, { workers: 4 });
    const other = await givenOtherHost();
    const env = {
      TRIBUTARY_TIMING: 'leases.leaseMs=5000 leases.beatMs=300',
    };
    const text = readFileSync(hosts.file, 'utf8').replace('queues:', 'defaults: { tls: off }\nqueues:');
    const handler = readFileSync(hosts.file.replace('shards.yaml', 'write.mjs'), 'utf8');
    const given = (yaml: string) => givenFile(yaml, { others: { 'write.mjs': handler } });
    const far = (url: string, host: string) => {
      const next = new URL(url);
      next.host = `${host}:${other.port}`;
      return next.href;
    };
    const over = [hosts.central, ...hosts.shards].reduce(
      (yaml, { url }) =>
        yaml.replace(url, far(url, url === hosts.central.url ? other.central : other.shards)),
      text,
    );
    const near = startTributary(['-c', given(text), 'start', '--host', 'near'], { env });
    const cut = startProcess(
      [
        ...[...other.prefix, process.execPath, packagePath('dist', 'run', 'tributary.js')],
        ...['-c', given(over), 'start', '--host', 'cut'],
      ],
      { env },
    );
    const held = async (kind: 'shard' | 'slot'): Promise<Record<string, number>> => {
      const rows = await hosts.central.query<{ host: string; n: number }>(
        `select host, count(*)::int as n from tributary.lease where is_held and resource like $1 group by 1 order by 1`,
        [`${kind}:%`],
      );
      return Object.fromEntries(rows.map(({ host, n }) => [host, n]));
    };
    const untilHeld = async (share: Readonly<Record<string, number>>) => {
      for (const kind of ['shard', 'slot'] as const)
        await until(async () => JSON.stringify(await held(kind)) === JSON.stringify(share), {
          what: `${kind}s held by ${JSON.stringify(share)}`,
          ...PATIENTLY,
        });
    };
    const untilMore = async () => {
      const before = await hosts.handled();
      await until(async () => (await hosts.handled()) > before + 20, {
        what: 'more handled events',
        ...PATIENTLY,
      });
    };
    await untilHeld({ cut: 2, near: 2 });
    const load = startLoad(hosts.shards, { queues: ['orders'], random, everyMs: 30, bulk: 100 });
    await until(() => other.openToShards >= 2, { what: 'its connections to shards', ...PATIENTLY });
    await until(() => childrenOf(cut).length >= 3, { what: 'its mover and workers', ...PATIENTLY });
    await untilMore();

    other.cutCentral();
    await cut.waitForLine(/the lease of shard:s\d ran out: central did not answer in time/, PATIENTLY);
    await until(() => other.openToShards === 0, { what: 'no connection to a shard', ...PATIENTLY });
    await untilHeld({ near: 4 });
    await untilMore();
    await until(() => childrenOf(cut).length === 1, { what: 'no worker beside the mover', ...PATIENTLY });
    other.healCentral();
    await untilHeld({ cut: 2, near: 2 });
    await untilMore();
    await load.stop();
    for (const shard of hosts.shards) await endPrepared(shard);
    await until(
      async () => {
        const { lost, committed, handled } = await hosts.verdict();
        return lost === 0 && handled >= committed;
      },
      { what: 'the end of all events', ...PATIENTLY },
    );
    expect(await hosts.verdict()).toMatchObject({ lost: 0, twice: 0, disordered: 0 });
    for (const host of [near, cut]) {
      host.kill('SIGTERM');
      expect((await host.exit).code).toBe(0);
    }
  }, 300_000);
});
