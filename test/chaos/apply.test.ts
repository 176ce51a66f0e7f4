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
import { until } from '../support/until.ts';
import { ReadinessWatch } from './readiness-watch.ts';

const ROUNDS = Number(process.env.TRIBUTARY_CHAOS_ROUNDS ?? 3);
const FAULTS = Number(process.env.TRIBUTARY_CHAOS_FAULTS ?? 8);
const random = randomFrom(Number(process.env.TRIBUTARY_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31)));
const say = (line: string) => process.stdout.write(`${line}\n`);
const ROWS = 20_000;
/** Leases of the dead, on a busy machine. */
const READY_WITHIN_MS = 60_000;
const SERVING = /serving (http:\S+)\/livez/;

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
    const start = () => startTributary(['-c', file, 'start', '--http', ':0']);
    let host = start();
    const watch = new ReadinessWatch({
      central,
      shards: new Map(shards.map((shard, at) => [`s${at + 1}`, shard])),
      hosts: () => [
        {
          name: 'the host',
          shards: shards.map((_, at) => `s${at + 1}`),
          url: isAlive(host.pid)
            ? host.stderr.map((line) => SERVING.exec(line)?.[1]).find((url) => url !== undefined)
            : undefined,
        },
      ],
      handledSql: `select pg_sequence_last_value(q.queue_event_seq::regclass) as wanted, t.tick_event_seq as handled
        from pgq.queue q
        join pgq.subscription s on s.sub_queue = q.queue_id
        join pgq.consumer c on c.co_id = s.sub_consumer and c.co_name = (select 'workers_' || name from tributary.identity)
        join pgq.tick t on t.tick_queue = q.queue_id and t.tick_id = s.sub_last_tick
        where q.queue_name = '${QUEUE}'`,
    });
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
        host = start();
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
      await until(() => watch.isAllReady, {
        what: 'the host to be ready',
        timeoutMs: READY_WITHIN_MS,
      }).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error} ${watch.unready}`);
      });
    }
    await watch.stop();
    say(watch.summary);
    expect(watch.faults).toEqual([]);
    host.kill('SIGTERM');
    await host.exit;
  });
});
