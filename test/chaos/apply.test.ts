// Chaos: tables of four shards merged into one under random changes, while movers, workers, hosts, the copy and connections are killed
// at random: after every round the rows are the same.
// TRIBUTARY_CHAOS_ROUNDS says how many rounds, TRIBUTARY_CHAOS_SEED which faults, TRIBUTARY_CHAOS_FAULTS how many in each.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  capture,
  givenMergedSales,
  givenSales,
  QUEUE,
  salesOf,
  startChanges,
} from '../support/apply/sales.ts';
import { givenFile } from '../support/installation/config-file.ts';
import { fileFor, givenCluster } from '../support/installation/installation.ts';
import { childrenOf } from '../support/processes/children.ts';
import { isAlive, startTributary } from '../support/processes/process.ts';
import { run } from '../support/processes/run-cli.ts';
import { randomFrom } from '../support/random.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 8);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);
const ROWS = 20_000;

describe('apply', () => {
  test(`${ROUNDS} rounds of ${FAULTS} random faults: the table on central has the rows of the shards`, {
    timeout: 600_000 + ROUNDS * 180_000,
  }, async () => {
    say(`TRIBUTARY_CHAOS_SEED=${random.seed} TRIBUTARY_CHAOS_ROUNDS=${ROUNDS}`);
    const cluster = await givenCluster({ shards: 4 });
    const { central, shards } = cluster;
    // By one worker, or by several.
    const workers = random.oneIn(2) ? 'workers: 1' : 'workers: 3, lanes: 16';
    say(workers);
    const queues = `  ${QUEUE}: { create: true, ${workers}, retry: { first: 100ms, max: 1s }, apply: { table: public.sales, key: [shard, id] } }`;
    const file = givenFile(fileFor(cluster, { queues }));
    await givenMergedSales(central);
    await Promise.all(shards.map((shard) => givenSales(shard, ROWS)));
    expect((await run(['-c', file, 'install'])).code).toBe(0);
    await Promise.all(shards.map((shard) => capture(shard)));
    let host = startTributary(['-c', file, 'start']);
    const copy = (...args: string[]) => startTributary(['-c', file, 'apply', 'copy', QUEUE, ...args]);
    let copying = copy();
    const strike = async (): Promise<string> => {
      const victim = random.pick(['child', 'child', 'host', 'copy', 'connection', 'again'] as const);
      if (victim === 'child') {
        const pid = random.pick(childrenOf(host).length === 0 ? [0] : childrenOf(host));
        if (pid !== 0) process.kill(pid, 'SIGKILL');
      } else if (victim === 'host') {
        for (const pid of [host.pid, ...childrenOf(host)]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
        await host.exit;
        host = startTributary(['-c', file, 'start']);
      } else if (victim === 'connection') {
        await central.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'tributary%' and application_name not like 'tributary test%'
             and datname = current_database() and random() < 0.3`,
        );
      } else {
        copying.kill('SIGKILL');
        await copying.exit;
        copying = copy(...(victim === 'again' ? ['--again'] : []));
      }
      return victim;
    };
    for (let round = 1; round <= ROUNDS; round += 1) {
      const changes = await Promise.all(
        shards.map((shard) =>
          startChanges(shard, { most: 2 * ROWS, seed: random.below(2 ** 31), truncates: true }),
        ),
      );
      for (let fault = 0; fault < FAULTS; fault += 1) {
        await pause(random.below(1_500));
        say(`round ${round}: ${await strike()}`);
      }
      for (const one of changes) await one.stop();
      await copying.exit;
      const copied = await run(['-c', file, 'apply', 'copy', QUEUE]);
      expect(copied.code, copied.stderr).toBe(0);
      const compared = await run(['-c', file, 'compare', QUEUE, '--patience', '3m']);
      say(compared.stdout);
      expect(compared.code, compared.stderr).toBe(0);
      for (const [at, shard] of shards.entries())
        expect(await salesOf(central, `s${at + 1}`)).toEqual(await salesOf(shard));
      expect(await central.query('select * from tributary.dead_event')).toEqual([]);
    }
    host.kill('SIGTERM');
    await host.exit;
  });
});
