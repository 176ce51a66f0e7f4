// A mover that is cut off from central, or frozen for longer than its lease: it stops, another one takes its share, and both share again.
import { expect, test } from 'vitest';
import { givenFile } from '../../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../../support/installation/installation.ts';
import { endPrepared, givenForwarding } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { givenProxy } from '../../support/network/proxy.ts';
import { send } from '../../support/processes/freezer.ts';
import { startTributary } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

const PATIENTLY = { timeoutMs: 90_000 };
const SHARDS = 4;

test('a mover that is cut off from central stops by itself, one that is frozen is passed over, and nothing is moved twice', async () => {
  const cluster = await givenCluster({ shards: SHARDS });
  const queues = '  orders: { workers: none, create: true }';
  const forwarding = await givenForwarding({ cluster, queues, hasLeases: true });
  const proxy = await givenProxy(cluster.central.database);
  const through = new URL(cluster.central.url);
  through.port = String(proxy.port);
  const env = { TRIBUTARY_TIMING: 'leases.leaseMs=5000 leases.beatMs=300' };
  const start = (host: string, central = cluster.central.url) => {
    const text = fileFor({ ...cluster, central: { ...cluster.central, url: central } }, { queues });
    const file = givenFile(text.replace('defaults: { tls: off }', 'defaults: { tls: off, host: any }'));
    return startTributary(['-c', file, 'mover', '--host', host], { env });
  };
  const held = async (): Promise<Record<string, number>> => {
    const rows = await cluster.central.query<{ host: string; n: number }>(
      `select host, count(*)::int as n from tributary.lease where is_held and resource like 'shard:%' group by 1 order by 1`,
    );
    return Object.fromEntries(rows.map(({ host, n }) => [host, n]));
  };
  const untilHeld = (shares: Record<string, number>) =>
    until(async () => JSON.stringify(await held()) === JSON.stringify(shares), {
      what: `shares ${JSON.stringify(shares)}`,
      ...PATIENTLY,
    });
  const untilMore = async () => {
    const before = await forwarding.moved();
    await until(async () => (await forwarding.moved()) > before, { what: 'more moved events', ...PATIENTLY });
  };

  /** On each shard the mover that holds it has a session, and no other one has. */
  const untilAlone = () =>
    until(
      async () => {
        const rows = await cluster.central.query<{ held: string; sessions: string[] }>(
          `select left(l.holder::text, 6) as held, array(
               select right(a.application_name, 6) from pg_stat_activity a
                where a.datname = s.database and a.application_name like 'tributary mover %') as sessions
             from unnest($1::text[]) with ordinality s (database, n)
             join tributary.lease l on l.resource = 'shard:s' || s.n`,
          [cluster.shards.map(({ name }) => name)],
        );
        return rows.length === SHARDS && rows.every(({ held, sessions }) => sessions.join() === held);
      },
      { what: 'the session of its mover alone on each shard', ...PATIENTLY },
    );

  const cut = start('cut', through.href);
  await untilHeld({ cut: SHARDS });
  const frozen = start('frozen');
  await untilHeld({ cut: 2, frozen: 2 });
  const load = startLoad(cluster.shards, { queues: ['orders'], random, everyMs: 30, bulk: 100 });
  await untilMore();

  proxy.blackhole();
  await cut.waitForLine(/the lease of shard:s\d ran out: central did not answer in time/, PATIENTLY);
  await untilHeld({ frozen: SHARDS });
  await untilAlone();
  // At once, and not when it gives up what it was committing.
  expect(cut.stderr.filter((line) => line.includes('No answer within 30 s'))).toEqual([]);
  await untilMore();
  proxy.heal();
  await untilHeld({ cut: 2, frozen: 2 });

  send(frozen.pid, 'SIGSTOP');
  await untilHeld({ cut: SHARDS });
  await untilMore();
  // It cannot close them: the one that took over has ended them.
  await untilAlone();
  send(frozen.pid, 'SIGCONT');
  await untilHeld({ cut: 2, frozen: 2 });

  await load.stop();
  for (const shard of cluster.shards) await endPrepared(shard);
  await forwarding.untilProven(PATIENTLY);
  for (const mover of [cut, frozen]) {
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  }
}, 300_000);
