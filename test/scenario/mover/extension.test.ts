// What only the real extension has: its trigger functions under pgbench's load, and pgqd beside us.
import { describe, expect, inject, test } from 'vitest';
import { givenFolder, writeFile } from '../../support/files.ts';
import { givenForwarding, SOURCE_QUEUES } from '../../support/mover/forwarding.ts';
import { startLoad } from '../../support/mover/load.ts';
import { givenPgbench, startPgbenchLoad } from '../../support/pgbench.ts';
import { startProcess, type TestProcess } from '../../support/processes/process.ts';
import { randomFrom } from '../../support/random.ts';
import { provider, type TestDatabase } from '../../support/server/database.ts';
import { until } from '../../support/until.ts';

const random = randomFrom(Number(process.env.TRIBUTARY_SEED ?? Math.floor(Math.random() * 2 ** 31)));
process.stdout.write(`TRIBUTARY_SEED=${random.seed}\n`);

/** In the foreground, for one database, ticking five times a second. */
function startPgqd({ name }: TestDatabase): TestProcess {
  const { host, port, user, password } = inject('server');
  const folder = givenFolder();
  const file = writeFile(folder, 'pgqd.ini', {
    text: [
      '[pgqd]',
      `base_connstr = host=${host} port=${port} user=${user} password=${password}`,
      'initial_database = postgres',
      `database_list = ${name}`,
      `logfile = ${folder}/pgqd.log`,
      `pidfile = ${folder}/pgqd.pid`,
      'syslog = 0',
      'ticker_period = 0.2',
      'maint_period = 1',
      'retry_period = 1',
      '',
    ].join('\n'),
  });
  return startProcess(['/usr/bin/pgqd', file]);
}

describe.skipIf(provider() !== 'extension')('mover on the extension', () => {
  test('pgbench on four shards with triggers on its history, the mover killed meanwhile: each row is one event in central', async () => {
    const forwarding = await givenForwarding({ shards: 4 });
    for (const shard of forwarding.shards) {
      await givenPgbench(shard, { queue: 'orders' });
    }
    const load = startPgbenchLoad(forwarding.shards, { rate: 150 });
    for (let kills = 0; kills < 4; kills += 1) {
      const mover = forwarding.startMover();
      const goal = (await forwarding.moved()) + 1 + random.below(300);
      await until(async () => (await forwarding.moved()) > goal, { what: 'more moved events' });
      mover.kill('SIGKILL');
      await mover.exit;
    }
    const last = forwarding.startMover();
    await last.waitForLine(/moving 4 shards/);
    await load.stop();
    const proof = await forwarding.untilProven();
    const rows = await Promise.all(
      forwarding.shards.map((shard) =>
        shard.query<{ n: number }>('select count(*) as n from pgbench_history'),
      ),
    );
    expect(proof.moved).toBe(rows.flat().reduce((total, { n }) => total + n, 0));
    last.kill('SIGTERM');
    expect((await last.exit).code, last.stderr.join('\n')).toBe(0);
  });

  test('pgqd started while we tick, and stopped again: nothing is lost or moved twice, and moving goes on', async () => {
    const forwarding = await givenForwarding({ shards: 1 });
    const [shard] = forwarding.shards as [TestDatabase];
    const mover = forwarding.startMover();
    const load = startLoad(forwarding.shards, { queues: SOURCE_QUEUES, random });
    await until(async () => (await forwarding.moved()) > 100, { what: 'moved events' });
    const pgqd = startPgqd(shard);
    const ticks = async () =>
      (await shard.query<{ n: number }>('select max(tick_id) as n from pgq.tick'))[0]?.n ?? 0;
    const [before, moved] = [await ticks(), await forwarding.moved()];
    await until(async () => (await ticks()) > before + 30 && (await forwarding.moved()) > moved + 300, {
      what: 'ticks of both',
    });
    pgqd.kill('SIGKILL');
    await pgqd.exit;
    await load.stop();
    const { lost, twice, invented, split } = await forwarding.untilProven();
    expect({ lost, twice, invented, split }).toEqual({ lost: [], twice: [], invented: [], split: [] });
    mover.kill('SIGTERM');
    expect((await mover.exit).code).toBe(0);
  });
});
